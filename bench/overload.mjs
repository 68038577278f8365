// Ten times the load that a frontend and its cluster take, for a minute: how much of the peak is left, how long
// what is accepted takes, how much is refused, what the frontend's memory does, and how it is right afterwards.
// Then clients that are slow: what they cost the others. SECONDS, SHORT_SECONDS and ROUNDS make it smaller.

import { fileURLToPath } from 'node:url';
import { Cluster } from './lib/cluster.mjs';
import { fill, SERVERS } from './lib/http-servers.mjs';
import { figure, LOAD_CORE, SERVER_CORE, spread } from './lib/machine.mjs';
import { Process } from './lib/processes.mjs';
import { save } from './lib/results.mjs';
import { total, velourLoad } from './lib/velour-load.mjs';
import { needWrk, wrk } from './lib/wrk.mjs';

needWrk();
const SECONDS = Number(process.env.SECONDS ?? 60);
const SHORT_SECONDS = Number(process.env.SHORT_SECONDS ?? 15);
const PEAK_SECONDS = Math.min(4, SECONDS);
const AFTER_SECONDS = Math.min(5, SECONDS);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const KEYS = Number(process.env.KEYS ?? 10_000);
const PEAK_CONNECTIONS = [16, 64, 256];
const TIMES = 10;
/** More than any client would open, and still one generator's work. */
const MANY_CONNECTIONS = 4000;
const OPEN_LOOP = { connections: 1000, timeout: 5, 'warm-up': 0, records: KEYS };
const SLOW_CLIENTS = Number(process.env.SLOW_CLIENTS ?? 500);
const SAMPLE_MS = 200;
const SLOW_KEY = 'slow-clients';
const SLOW_VALUE_BYTES = 100_000;
/** Until their first answers fill what there is. */
const SLOW_BEGIN_SECONDS = 3;
const SLOW = fileURLToPath(new URL('lib/slow-clients.mjs', import.meta.url));

const [bare] = SERVERS;
const server = SERVERS.find(({ name }) => name === 'velour-fog');
const bareShares = await ofBare();
const cluster = await Cluster.start({ core: SERVER_CORE });
const [frontend] = cluster.frontends;
const [address] = cluster.frontendAddresses;
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function closedLoop(kind, connections, seconds) {
  const load = { port: cluster.ports[0], keys: KEYS, connections, seconds, core: LOAD_CORE };
  const { requests, perSecond, refused, failed, p50Ms, p99Ms } = await wrk({
    ...load,
    ...server[kind],
  });
  const refusedShare = refused / Math.max(1, requests + refused);
  return { perSecond, refusedShare, failed, p50Ms, p99Ms };
}

/** What so many connections leave of the peak of a server that does nothing else, to compare ours with. */
async function ofBare() {
  const { port, stop } = await bare.start(SERVER_CORE);
  const shares = [];
  try {
    const peaks = [];
    for (const connections of [
      ...PEAK_CONNECTIONS,
      TIMES * PEAK_CONNECTIONS[2],
      MANY_CONNECTIONS,
    ]) {
      const load = { port, keys: KEYS, connections, seconds: PEAK_SECONDS, core: LOAD_CORE };
      const { perSecond } = await wrk({ ...load, ...bare.get });
      if (PEAK_CONNECTIONS.includes(connections)) peaks.push(perSecond);
      else shares.push({ connections, shareOfPeak: perSecond / Math.max(...peaks) });
    }
  } finally {
    await stop();
  }
  const words = shares.map(
    (one) => `${one.shareOfPeak.toFixed(2)} at ${one.connections} connections`,
  );
  console.log(`${bare.name}: ${words.join(', ')}`);
  return shares;
}

/** The YCSB workloads have no sets alone; half of these are gets. */
async function openLoop(kind, rate, seconds) {
  const workload = kind === 'get' ? 'c' : 'a';
  const options = { ...OPEN_LOOP, workload, rate, duration: seconds };
  const { all, unsent } = await velourLoad([address], { ...options, 'skip-fill': true });
  const refused = Object.entries(all.errors).filter(([error]) => error.startsWith('503'));
  const refusals = total(Object.fromEntries(refused));
  // Those that found no connection were never sent.
  const sent = all.count + total(all.errors) - unsent;
  return {
    perSecond: all.perSecond,
    refusedShare: refusals / Math.max(1, sent),
    failed: total(all.errors) - refusals - unsent,
    errors: all.errors,
    p50Ms: all.serviceMs?.p50 ?? null,
    p99Ms: all.serviceMs?.p99 ?? null,
  };
}

/** @returns the frontend's resident memory before, at most, and at the end */
async function withMemory(work) {
  const before = frontend.residentBytes();
  let most = before;
  const look = () => {
    most = Math.max(most, frontend.residentBytes());
  };
  const timer = setInterval(look, SAMPLE_MS);
  try {
    const result = await work();
    look();
    return { ...result, residentBytes: { before, most, after: frontend.residentBytes() } };
  } finally {
    clearInterval(timer);
  }
}

async function overloaded(kind) {
  const peaks = [];
  for (const connections of PEAK_CONNECTIONS) {
    peaks.push({ connections, ...(await closedLoop(kind, connections, PEAK_SECONDS)) });
  }
  const peak = peaks.toSorted((a, b) => b.perSecond - a.perSecond)[0];
  const rate = Math.round(Math.min(200_000, TIMES * Math.max(1, peak.perSecond)));
  const ways = [
    {
      way: `${TIMES * peak.connections} connections`,
      seconds: SECONDS,
      run: (seconds) => closedLoop(kind, TIMES * peak.connections, seconds),
    },
    {
      way: `${MANY_CONNECTIONS} connections`,
      seconds: SHORT_SECONDS,
      run: (seconds) => closedLoop(kind, MANY_CONNECTIONS, seconds),
    },
    {
      way: `open loop, ${rate} a second due`,
      seconds: SHORT_SECONDS,
      run: (seconds) => openLoop(kind, rate, seconds),
    },
  ];
  const overloads = [];
  for (const { way, seconds, run } of ways) {
    const before = await closedLoop(kind, peak.connections, AFTER_SECONDS);
    const during = await withMemory(() => run(seconds));
    const after = await closedLoop(kind, peak.connections, AFTER_SECONDS);
    const shareOfPeak = during.perSecond / peak.perSecond;
    overloads.push({ way, seconds, shareOfPeak, before, during, after });
    print(kind, overloads.at(-1));
  }
  return { kind, peak, overloads };
}

function print(kind, { way, seconds, shareOfPeak, before, during, after }) {
  const ms = (value) => (value === null ? '-' : value.toFixed(1));
  const megabytes = (bytes) => (bytes / 1e6).toFixed(0);
  const { residentBytes: memory } = during;
  console.log(
    `${kind}s, ${way}, ${seconds} s: ${shareOfPeak.toFixed(2)} of the peak, ${during.perSecond.toFixed(0)}/s, ` +
      `p50 ${ms(during.p50Ms)} p99 ${ms(during.p99Ms)} ms, ${(100 * during.refusedShare).toFixed(2)} % refused, ` +
      `${during.failed} failed; frontend ${megabytes(memory.before)} MB, at most ${megabytes(memory.most)}, ` +
      `then ${megabytes(memory.after)}; the ${AFTER_SECONDS} s after it ${after.perSecond.toFixed(0)}/s p99 ${ms(after.p99Ms)} ms, ` +
      `before it ${before.perSecond.toFixed(0)}/s p99 ${ms(before.p99Ms)} ms`,
  );
}

/** Others send gets at half the peak's rate, in turn without and with slow clients. */
async function besideSlowClients(peakPerSecond) {
  const rate = Math.max(1, Math.round(peakPerSecond / 2));
  // Long, so that what is not read is more than the sockets hold: with short ones it would be one more load.
  const long = { method: 'POST', body: 'v'.repeat(SLOW_VALUE_BYTES) };
  const { ok } = await fetch(`http://${address}/set?key=${SLOW_KEY}`, long);
  if (!ok) throw new Error('the value for slow clients was not stored');
  const options = { ...OPEN_LOOP, connections: 64, workload: 'c', rate, 'skip-fill': true };
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const one = async () => {
      const { all } = await velourLoad([address], { ...options, duration: PEAK_SECONDS });
      const { p50 = null, p99 = null } = all.latencyMs ?? {};
      return { p50Ms: p50, p99Ms: p99, errors: total(all.errors) };
    };
    const without = await one();
    const words = [SLOW, cluster.ports[0], SLOW_CLIENTS, SLOW_KEY].map(String);
    const slow = new Process(process.execPath, words, { core: LOAD_CORE });
    await later(SLOW_BEGIN_SECONDS * 1000);
    const beside = await withMemory(one);
    await slow.stop();
    await later(500);
    rounds.push({ without, beside });
  }
  const of = (pick) => spread(rounds.map(pick));
  return {
    clients: SLOW_CLIENTS,
    rate,
    without: of(({ without }) => without.p99Ms),
    beside: of(({ beside }) => beside.p99Ms),
    ratio: of(({ without, beside }) => beside.p99Ms / without.p99Ms),
    errors: rounds.reduce((sum, { beside }) => sum + beside.errors, 0),
    residentBytesMost: Math.max(...rounds.map(({ beside }) => beside.residentBytes.most)),
  };
}

try {
  await fill(server, { port: cluster.ports[0] }, KEYS);
  // The same keys for velour load, whose values say what they are.
  await velourLoad([address], { ...OPEN_LOOP, duration: 0.1 });
  const results = [];
  for (const kind of ['get', 'set']) results.push(await overloaded(kind));
  const slow = await besideSlowClients(results[0].peak.perSecond);
  console.log(
    `${slow.clients} slow clients, others get ${slow.rate}/s: p99 ${figure(slow.beside, 2)} ms, without them ` +
      `${figure(slow.without, 2)} ms, ${figure(slow.ratio, 2)} times; ${slow.errors} errors`,
  );
  save('overload', {
    rounds: ROUNDS,
    keys: KEYS,
    valueBytes: 100,
    bare: bareShares,
    results,
    slow,
  });
} finally {
  await cluster.stop();
}
