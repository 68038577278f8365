// The benchmarks run, on few items: what they measure is for people to read.

import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ROOT } from '../helpers/cluster.ts';
import { temporaryFolder } from '../helpers/folder.ts';

// They measure for some seconds each, with a dozen processes; a slow machine needs minutes to start these.
vi.setConfig({ testTimeout: 3_600_000 });

const HAS_WRK = spawnSync('which', ['wrk']).status === 0;

function printedBy(
  benchmarks: string | readonly string[],
  env: Readonly<Record<string, string>>,
): string {
  const words = [join(ROOT, 'bench/run.mjs'), ...[benchmarks].flat()];
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, words, options);
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

test('pauses loads a storage node and tells how long it kept others waiting', () => {
  const printed = printedBy('pauses', { ITEMS: '5000', SECONDS: '2' });
  expect(printed).toMatch(/^5000 items of 16 \+ 100 bytes, 2 s of overwrites/m);
  expect(printed).toMatch(/^velour-fog: event-loop delay p50 [\d.]+ ms, .*p99.9 [\d.]+ ms/m);
  expect(printed).toMatch(/^velour-fog: JavaScript heap \d+ MB at most/m);
  expect(printed).toMatch(/^velour-fog: [1-9]\d* changes\/s, \d+ MB\/s copied, gets p50 /m);
});

test('items fills a storage node and weighs it', () => {
  const printed = printedBy('items', { ITEMS: '20000' });
  expect(printed).toMatch(/^20000 items of 16 \+ 100 bytes/m);
  expect(printed).toMatch(/^velour-fog: \d+ MB, [\d.]+ bytes an item over key and value/m);
});

test('overwrites fills a storage node and overwrites half of it', () => {
  const printed = printedBy('overwrites', { MEBIBYTES: '32', TIMES: '0.5' });
  expect(printed).toMatch(/^0 refused; resident memory \d+ MB before, \d+ MB after/m);
  expect(printed).toMatch(/^sets a second: \d+ into an empty node, \d+ into a full one/m);
});

test('copy has a storage node copy what it lost', () => {
  const printed = printedBy('copy', { ITEMS: '50000', QUIET_MS: '500', ROUNDS: '1' });
  expect(printed.match(/^quiet: \d+ MB\/s \(.*\), [1-9]\d* records\/s/gm)).toHaveLength(2);
  expect(printed).toMatch(/^gets before: p50 .* meanwhile: p50/m);
});

test('recovery restarts a full storage node', () => {
  const printed = printedBy('recovery', { ITEMS: '20000', ROUNDS: '2' });
  expect(printed).toMatch(/^20000 items of 16 \+ 100 bytes; medians of 2 restarts/m);
  expect(printed).toMatch(/^recovery: \d+ records\/s, \d+ MB\/s/m);
});

test.skipIf(!HAS_WRK)('redirects asks a broker where files are', () => {
  const printed = printedBy('redirects', { ROUNDS: '1', SECONDS: '0.5', FILES: '10' });
  expect(printed).toMatch(/^bare node:http +\d+ \(.*1\.00 \(/m);
  expect(printed).toMatch(/^velour-fog broker +[1-9]\d* \(/m);
});

test('direct has an application call each client', () => {
  const env = { ROUNDS: '1', SECONDS: '0.5', KEYS: '200' };
  const printed = printedBy('direct', env);
  for (const kind of ['get', 'set']) {
    for (const client of ['direct client', 'client over HTTP']) {
      expect(printed).toMatch(
        new RegExp(`^${kind} ${client}, K=3 .* us: application [\\d.]+, servers [\\d.]+; `, 'm'),
      );
    }
  }
});

test('half-load kills a storage node at half of what it measured first', () => {
  const env = { ROUNDS: '1', SECONDS: '4', RECORDS: '200' };
  const printed = printedBy('half-load', env);
  expect(printed).toMatch(
    /: [1-9]\d* \(.*\)\/s sustained, [1-9]\d* \(.*\)\/s due; a storage node killed/m,
  );
  expect(printed).toMatch(/^gets: p50 [\d.]+ .* p99.9 [\d.]+ /m);
  expect(printed).toMatch(/; violations: 0$/m);
});

test('failures has nodes die, restart, come and go under a load', () => {
  const env = { ROUNDS: '1', SECONDS: '0.5', RECORDS: '200', RATE: '100' };
  const printed = printedBy('failures', env);
  const lines = [
    'kill -9',
    'kill -9, back from its disk at once',
    'kill -9, its parent vouches',
    'rolling restart',
    '4 to 5 storage nodes and back',
  ];
  for (const line of lines) {
    const [, requests, lost] =
      new RegExp(`^${line}: of (\\d+) requests .* connection; (\\d+) acknowledged`, 'm').exec(
        printed,
      ) ?? [];
    expect(Number(requests), line).toBeGreaterThan(0);
    expect(lost, line).toBe('0');
  }
  expect(printed).toMatch(/^ {2}answers with copies: \d+, with repairs: \d+/m);
  expect(printed).toMatch(/^ {2}15[34] replicas moved, 153 had to; back (\d+) moved, \1 had to/m);
});

test('troubles brings some over each role under a load, and nothing is lost', () => {
  const names = [
    'none, for comparison',
    'stderr without a reader, storage node',
    'stderr on a full disk, frontend',
    'SIGUSR1, controller',
    'no file descriptors, storage node',
    'disk full, storage node',
    'log file removed, storage node',
    'name server silent, all roles',
  ];
  const env = { SECONDS: '0.5', TROUBLE_SECONDS: '0.5', RECORDS: '100', RATE: '50' };
  const printed = printedBy('troubles', { ...env, TROUBLES: `^(${names.join('|')})$` });
  for (const name of names) {
    const leftOut = new RegExp(`^${name}: left out: .`, 'm').exec(printed);
    if (leftOut !== null) continue;
    const [, requests] = new RegExp(`^${name}: of (\\d+) requests`, 'm').exec(printed) ?? [];
    expect(Number(requests), name).toBeGreaterThan(0);
    // What failed, was refused and was waited for depends on the machine; what was lost does not.
    const lost = new RegExp(`^${name} +(?:\\d+ +){5}(\\d+) +(?:after|NO)`, 'm').exec(printed)?.[1];
    expect(lost, name).toBe('0');
  }
});

test('troubles that cannot be brought about are left out, with the reason', () => {
  const env = { PATH: pathOf(['node', 'which', 'taskset']) };
  const printed = printedBy('troubles', {
    ...env,
    TROUBLES: 'descriptors|disk full, c|silent, all',
  });
  for (const role of ['storage node', 'frontend', 'controller']) {
    expect(printed).toContain(`no file descriptors, ${role}: left out: prlimit is not installed\n`);
  }
  for (const name of ['disk full, controller', 'name server silent, all roles']) {
    expect(printed).toContain(`${name}: left out: unshare is not installed\n`);
  }
});

test('table has a row for each figure, measured or not', () => {
  const printed = printedBy('table', {});
  expect(printed).toMatch(
    /^memory over payload, 4 M items +<= 60 bytes .* velour-fog [\d.]+.*reached$/m,
  );
  expect(printed).toMatch(
    /^CPU a key of \/v1\/mget, 100 keys .* in lines, .* in bytes +(reached|NOT REACHED)$/m,
  );
});

test('without wrk what needs it is left out, and what follows runs', () => {
  const folder = pathOf(['node', 'which', 'taskset']);
  const printed = printedBy(['hot-key', 'table'], { PATH: folder });
  expect(printed).toMatch(/^hot-key\nleft out: wrk is not installed$/m);
  expect(printed).toMatch(/^memory over payload/m);
});

describe.skipIf(!HAS_WRK)(`with wrk${HAS_WRK ? '' : ', which is not installed here'}`, () => {
  test('requests says which rivals are not installed', () => {
    const folder = pathOf(['node', 'which', 'taskset', 'wrk']);
    const env = { ROUNDS: '1', SECONDS: '1', KEYS: '50', CONNECTIONS: '4', PATH: folder };
    const printed = printedBy('requests', env);
    for (const kind of ['get', 'set']) {
      expect(printed).toMatch(new RegExp(`^${kind} +4 velour-fog +CPU [\\d.]+ .* x bare`, 'm'));
      expect(printed).toMatch(
        new RegExp(`^${kind} +4 Webdis \\+ Redis +not installed: webdis, redis-server$`, 'm'),
      );
    }
    expect(printed).toMatch(/^get +4 nginx \+ memcached +not installed: nginx, memcached$/m);
  });

  test('hot-key counts the writes of each replica', () => {
    const env = { ROUNDS: '1', SECONDS: '1', KEYS: '100', CONNECTIONS: '50' };
    const printed = printedBy('hot-key', env);
    expect(printed).toMatch(/^set +1 keys: .* writes per replica: [\d.]+ .* a set/m);
    // Distinct keys have nothing to share: each set is one write.
    expect(printed).toMatch(/^set +100 keys: .* writes per replica: 1\.\d+ .* a set/m);
    expect(printed).toMatch(/^get +1 keys: .* lookups: [\d.]+ .* a get/m);
  });

  test('overload tells what is left of the peak, and what slow clients cost', () => {
    const env = { ROUNDS: '1', SECONDS: '1', SHORT_SECONDS: '1', KEYS: '100', SLOW_CLIENTS: '8' };
    const printed = printedBy('overload', env);
    expect(printed).toMatch(/^bare node:http: [\d.]+ at 2560 connections, [\d.]+ at 4000/m);
    for (const kind of ['gets', 'sets']) {
      const line = new RegExp(`^${kind}, .*, 1 s: [\\d.]+ of the peak, .* MB, at most \\d+`, 'gm');
      expect(printed.match(line)).toHaveLength(3);
    }
    expect(printed).toMatch(/^8 slow clients, others get \d+\/s: p99 [\d.]+ /m);
  });

  test('idle tells what nobody asks for', () => {
    const printed = printedBy('idle', { ROUNDS: '1', SECONDS: '1', SIZES: '4x2' });
    expect(printed).toMatch(/^1 \+ 4 \+ 2 velour-fog .* ms of CPU a second: controller/m);
  });

  test('batches tells what a key costs beside a whole request', () => {
    const env = { ROUNDS: '1', SECONDS: '1', KEYS: '500', CONNECTIONS: '4' };
    const printed = printedBy('batches', env);
    for (const kind of ['mget', 'mset']) {
      for (const form of ['lines', 'binary']) {
        const line = `^${kind} +4 velour-fog, ${form} +CPU a key \\d+\\.\\d+ .* x a bare request, .* keys/s`;
        expect(printed).toMatch(new RegExp(line, 'm'));
      }
    }
  });

  test('growth turns one thing at a time', () => {
    const printed = printedBy('growth', { ROUNDS: '1', SECONDS: '1', GROWTH: 'redundancy' });
    for (const copies of [1, 2, 3]) {
      expect(printed).toMatch(
        new RegExp(`^redundancy +${copies}, set: CPU .* x bare; frontend`, 'm'),
      );
    }
  });
});

/** A folder with these commands and no others. */
function pathOf(commands: readonly string[]): string {
  const folder = join(temporaryFolder().path, 'bin');
  mkdirSync(folder);
  for (const command of commands) {
    const found = spawnSync('which', [command], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, join(folder, command));
  }
  return folder;
}
