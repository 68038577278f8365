// The figures that velour-fog is to reach, row by row: what is wanted, what the results that are kept in
// bench/results say, and whether that is reached. It measures nothing itself.

import { printTable } from './lib/print-table.mjs';
import { kept } from './lib/results.mjs';

const BARE = 'bare node:http';
const OWN = 'velour-fog';
const NEVER = { text: 'not measured' };

/** Of one kind of request, in the medians of bench/requests.mjs. */
function cpuRatio(server, kind, connections) {
  const row = kept('requests')?.rows.find(
    (each) => each.server === server && each.kind === kind && each.connections === connections,
  );
  return row?.notInstalled === undefined ? row?.cpuRatio.median : undefined;
}

function overBare(kind, connections, limit) {
  return () => {
    const ratio = cpuRatio(OWN, kind, connections);
    return ratio && { text: `${ratio.toFixed(2)} x ${BARE}`, reached: ratio <= limit };
  };
}

function overRival(rival, connections, limit) {
  return () => {
    const [own, other] = [cpuRatio(OWN, 'get', connections), cpuRatio(rival, 'get', connections)];
    if (own === undefined) return;
    if (other === undefined) return { text: `${rival} was not installed` };
    const ratio = own / other;
    const text = `${ratio.toFixed(2)} x (${own.toFixed(2)} and ${other.toFixed(2)} x bare)`;
    return { text, reached: ratio <= limit };
  };
}

/** With 16 clients, in either form. */
function keyOverBare(kind, limit) {
  return () => {
    const rows = ['lines', 'binary'].map((form) =>
      kept('batches')?.rows.find(
        (each) =>
          each.server === `${OWN}, ${form}` && each.kind === kind && each.connections === 16,
      ),
    );
    const [lines, binary] = rows.map((row) => row?.keyRatio.median);
    if (lines === undefined || binary === undefined) return;
    const text = `${lines.toFixed(2)} x a bare request in lines, ${binary.toFixed(2)} x in bytes`;
    return { text, reached: Math.max(lines, binary) <= limit };
  };
}

function hotKey() {
  const result = kept('hot-key');
  const one = result?.rows.find(({ kind, keys }) => kind === 'set' && keys === 1);
  return one && { result, one };
}

function failure(name, judge) {
  return () => {
    const found = kept('failures')?.results.find((each) => each.name === name);
    return found && judge(found);
  };
}

function killed(limitMs) {
  return ({ failedGets, lost, setMaxMs }) => ({
    text: `${failedGets} failed gets, ${lost} lost, longest set ${setMaxMs.median.toFixed(0)} ms (${setMaxMs.max.toFixed(0)} at most)`,
    reached: failedGets === 0 && lost === 0 && setMaxMs.median <= limitMs,
  });
}

function overload(kind) {
  return () => {
    const found = kept('overload')?.results.find((each) => each.kind === kind);
    if (found === undefined) return;
    const shares = found.overloads.map(({ shareOfPeak }) => shareOfPeak);
    const [longest] = found.overloads;
    const text = `${longest.seconds} s of ${longest.way}: ${shares[0].toFixed(2)} of the peak; others ${shares
      .slice(1)
      .map((share) => share.toFixed(2))
      .join(', ')}`;
    return { text, reached: shares.every((share) => share >= 0.8) };
  };
}

/** @param share of nginx with the file synced that is wanted for each copy that is written, or read */
function besideNginx(way, copies, share) {
  return () => {
    const rows = kept('files')?.large;
    const rateOf = (name) =>
      rows?.find((row) => row.name === name)?.[way].mebibytesPerSecond.median;
    const own = rateOf(`velour-fog, ${copies === 1 ? 'one copy' : 'two copies'}`);
    const other = rateOf('nginx DAV, synced');
    if (own === undefined || other === undefined) return;
    const written = way === 'up' ? copies : 1;
    const ratio = (own * written) / other;
    const text = `${ratio.toFixed(2)} x (${own.toFixed(0)} and ${other.toFixed(0)} MiB/s)`;
    return { text, reached: ratio >= share };
  };
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(0);

const ROWS = [
  ['CPU a get, 64 connections', '<= 1.35 x bare', overBare('get', 64, 1.35)],
  ['CPU a get, 256 connections', '<= 1.25 x bare', overBare('get', 256, 1.25)],
  ['... beside nginx + memcached, 64', '< 1 x it', overRival('nginx + memcached', 64, 1)],
  ['... beside nginx + memcached, 256', '< 1 x it', overRival('nginx + memcached', 256, 1)],
  ['... beside Webdis + Redis, 64', '<= 1.2 x it', overRival('Webdis + Redis', 64, 1.2)],
  ['... beside Webdis + Redis, 256', '<= 1.2 x it', overRival('Webdis + Redis', 256, 1.2)],
  ['CPU a set, K=3, 64 connections', '<= 1.6 x bare', overBare('set', 64, 1.6)],
  ['CPU a set, K=3, 256 connections', '<= 1.4 x bare', overBare('set', 256, 1.4)],
  ['CPU a key of /v1/mget, 100 keys', '<= 0.12 x bare', keyOverBare('mget', 0.12)],
  ['CPU a key of /v1/mset, 100 keys, K=3', '<= 0.25 x bare', keyOverBare('mset', 0.25)],
  [
    '1,000 connections set one key: writes',
    'a handful a replica a round trip',
    () => {
      const { one } = hotKey() ?? {};
      if (one === undefined) return;
      const writes = one.operationsPerMedianLatency.median;
      const each = one.operationsPerAnswer.median;
      // A set waits for the write under way and for its own: two round trips.
      const text = `${writes.toFixed(1)} in the median time of a set; ${each.toFixed(4)} a set`;
      return { text, reached: writes <= 10 };
    },
  ],
  [
    '1,000 connections set one key: sets/s',
    '>= distinct keys',
    () => {
      const ratio = hotKey()?.one.throughputRatio;
      if (ratio === undefined) return;
      const text = `${ratio.median.toFixed(2)} x (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`;
      return { text, reached: ratio.median >= 1 };
    },
  ],
  ['1 GiB up in one copy, a copy', '>= 0.5 x nginx DAV', besideNginx('up', 1, 0.5)],
  ['1 GiB up in two copies, a copy', '>= 0.5 x nginx DAV', besideNginx('up', 2, 0.5)],
  ['1 GiB down', '>= 0.8 x nginx DAV', besideNginx('down', 2, 0.8)],
  [
    'memory over payload, 4 M items',
    '<= 60 bytes an item',
    () => {
      const rows = kept('items')?.rows;
      if (rows === undefined) return;
      const text = rows.map(({ name, overPayload }) => `${name} ${overPayload.toFixed(1)}`);
      return { text: text.join(', '), reached: rows[0].overPayload <= 60 };
    },
  ],
  [
    'event-loop delay, 10 M items, p99.9',
    '< 20 ms',
    () => {
      const delay = kept('pauses')?.[OWN].eventLoopDelayMs;
      return delay && { text: `${delay.p999.toFixed(1)} ms`, reached: delay.p999 < 20 };
    },
  ],
  [
    'restart from disk',
    '>= 500,000 records/s',
    () => {
      const speed = kept('recovery')?.recordsPerSecond;
      return speed && { text: `${speed} records/s`, reached: speed >= 500_000 };
    },
  ],
  [
    'copy of a partition, quiet',
    '>= 100 MB/s',
    () => {
      const speed = copied(({ quiet }) => quiet);
      return speed && { text: `${megabytes(speed)} MB/s of 1 KB values`, reached: speed >= 100e6 };
    },
  ],
  [
    'copy of a partition, under load',
    '>= 30 MB/s, gets < 2 x their p99',
    () => {
      const speed = copied(({ underLoad }) => underLoad);
      const slower = copied(({ before, during }) => during.p99Ms / before.p99Ms);
      if (speed === undefined) return;
      const text = `${megabytes(speed)} MB/s, p99 of gets ${slower.toFixed(2)} x`;
      return { text, reached: speed >= 30e6 && slower < 2 };
    },
  ],
  ['kill -9 of a storage node', 'none failed or lost, <= 2.5 s', failure('kill -9', killed(2500))],
  [
    '... back from its disk',
    'the same, < 500 ms',
    failure('kill -9, back from its disk at once', killed(500)),
  ],
  [
    '... its parent vouches',
    'the same, < 500 ms',
    failure('kill -9, its parent vouches', killed(500)),
  ],
  [
    'rolling restart of every node',
    '0 failed, 0 copied',
    failure('rolling restart', ({ failedGets, failedSets, refused, rounds }) => {
      const copies = rounds.reduce((sum, { copyAnswers }) => sum + copyAnswers, 0);
      const text = `${failedGets + failedSets} failed, ${refused} refused connections, ${copies} answers with copies`;
      return { text, reached: failedGets + failedSets + copies === 0 };
    }),
  ],
  [
    '4 to 5 storage nodes, and back',
    '0 failed, even, none needless',
    failure('4 to 5 storage nodes and back', ({ failedGets, failedSets, rounds }) => {
      const uneven = Math.max(
        ...rounds.flatMap(({ held }) =>
          Object.values(held).map((each) => Math.max(...each) - Math.min(...each)),
        ),
      );
      const needless = rounds.reduce(
        (sum, { moved, needed }) =>
          sum + moved.growing - needed.growing + moved.shrinking - needed.shrinking,
        0,
      );
      const failed = failedGets + failedSets;
      const text = `${failed} failed, within ${uneven} of even, ${needless} moved needlessly`;
      return { text, reached: failed === 0 && uneven <= 1 && needless === 0 };
    }),
  ],
  [
    'troubles from outside, each role',
    '0 lost, all come back',
    () => {
      const results = kept('troubles')?.results;
      if (results === undefined) return;
      const lost = results.reduce((sum, row) => sum + row.lost, 0);
      const back = results.filter(({ isBack }) => isBack).length;
      const text = `${lost} lost, ${back} of ${results.length} came back`;
      return { text, reached: lost === 0 && back === results.length };
    },
  ],
  ['10 x the load, gets', '>= 0.8 of the peak', overload('get')],
  ['10 x the load, sets', '>= 0.8 of the peak', overload('set')],
  [
    'half load, a node killed: p99 of gets',
    '< 10 ms',
    () => {
      const of = kept('half-load')?.summary;
      if (of === undefined) return;
      const text = `${of.getP99Ms.median.toFixed(2)} ms (${of.getP99Ms.max.toFixed(2)} at most), ${of.getErrors} errors, ${of.violations} violations`;
      return { text, reached: of.getP99Ms.median < 10 && of.getErrors + of.violations === 0 };
    },
  ],
  ['a large file up, each copy', '>= 0.5 x nginx DAV, synced', largeFile('up', 0.5)],
  ['a large file down', '>= 0.8 x nginx', largeFile('down', 0.8)],
  [
    'CPU a redirect of the broker',
    'beside bare node:http and nginx',
    () => {
      const ratios = kept('redirects')?.rows.map(({ server, cpuRatio, notInstalled }) => [
        server,
        notInstalled ?? cpuRatio.median.toFixed(2),
      ]);
      if (ratios === undefined) return;
      const text = ratios.slice(1).map(([server, ratio]) => `${server} ${ratio} x`);
      return { text: text.join(', ') };
    },
  ],
];

/** A large file, beside nginx DAV as durable; what goes up is counted once for each copy. */
function largeFile(direction, limit) {
  return () => {
    const speedOf = (name) =>
      kept('files')?.large.find((each) => each.name === name)?.[direction].mebibytesPerSecond
        .median;
    const rival = speedOf('nginx DAV, synced');
    const [one, two] = [speedOf(`${OWN}, one copy`), speedOf(`${OWN}, two copies`)];
    if (one === undefined || two === undefined) return;
    if (rival === undefined) return { text: 'nginx was not installed' };
    const [single, double] = [one / rival, ((direction === 'up' ? 2 : 1) * two) / rival];
    const text = `${single.toFixed(2)} x with one copy, ${double.toFixed(2)} x with two`;
    return { text, reached: Math.min(single, double) >= limit };
  };
}

/** The median of the rounds with values of 1 KB. */
function copied(pick) {
  const rounds = kept('copy')?.results[0].rounds.map(pick);
  return rounds?.toSorted((a, b) => a - b)[rounds.length >> 1];
}

const table = ROWS.map(([what, wanted, measured]) => {
  const { text, reached } = measured() ?? NEVER;
  return [what, wanted, text, reached === undefined ? '-' : reached ? 'reached' : 'NOT REACHED'];
});
table.unshift(['what', 'wanted', 'measured', '']);
printTable(table);
