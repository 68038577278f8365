// The log of a real storage node on a real disk: compacted under load, killed in the middle of it, and files that
// are not its own.

import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, get, inParallel, set } from '../helpers/client.ts';
import { childrenOf, startCluster, until } from '../helpers/cluster.ts';
import { SeededRandom } from '../helpers/random.ts';
import { ready, startTrio, type Trio } from '../helpers/trio.ts';

/** Files of 2 MiB. */
const SMALL = ['--memory', '32MiB'];
const FILE_BYTES = 2 * 2 ** 20;
const VALUE_BYTES = 20_000;
const KEYS = 40;

let directory: string;
const cleanUps: (() => unknown)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  rmSync(directory, { recursive: true });
});

/** What is in the directory of a node that runs: the cleaner may remove a file between its name and its size. */
function logFiles(node = '0'): readonly { readonly number: number; readonly bytes: number }[] {
  return readdirSync(join(directory, node))
    .filter((name) => name.startsWith('records-'))
    .flatMap((name) => {
      const file = statSync(join(directory, node, name), { throwIfNoEntry: false });
      if (file === undefined) return [];
      const number = Number(name.slice('records-'.length, -'.log'.length));
      return [{ number, bytes: file.size }];
    });
}

const logBytes = () => logFiles().reduce((sum, { bytes }) => sum + bytes, 0);

/** Overwrites keys, and remembers what was acknowledged of each; what fails may have happened as well. */
class Writer {
  readonly acknowledged = new Map<string, number>();
  #count = 0;

  async write(frontend: string, sets: number, onSet: (index: number) => void): Promise<void> {
    const indexes = Array.from({ length: sets }, (_, index) => index);
    await inParallel(indexes, 8, async (index) => {
      onSet(index);
      const count = ++this.#count;
      // No two sets of a key at once, or the later number need not be the later set.
      const key = `key ${index % KEYS}`;
      const value = `${count} `.padEnd(VALUE_BYTES, '.');
      const answer = await set(frontend, key, value).catch(() => undefined);
      if (answer?.status === 200) this.acknowledged.set(key, count);
    });
  }

  async check(frontend: string): Promise<void> {
    await inParallel([...this.acknowledged], 8, async ([key, count]) => {
      const { status, text } = await get(frontend, key);
      expect([key, status]).toEqual([key, 200]);
      expect(text.length).toBe(VALUE_BYTES);
      expect(Number.parseInt(text, 10), key).toBeGreaterThanOrEqual(count);
    });
  }
}

describe('a log that is compacted while it is written', () => {
  test('stays short, and has everything after a kill', async () => {
    const trio = await startTrio({ directory, storages: 1, words: SMALL, cleanUps });
    const node = trio.startStorage(0);
    await until(() => ready(trio.frontend));
    const writer = new Writer();
    let longest = 0;
    await writer.write(trio.frontend, 1200, (index) => {
      if (index % 20 === 0) longest = Math.max(longest, logBytes());
    });
    await node.stop('SIGKILL');
    expect(logFiles()[0]?.number).toBeGreaterThan(1);
    expect(longest).toBeGreaterThan(2 * FILE_BYTES);
    expect(longest).toBeLessThan(3.25 * KEYS * VALUE_BYTES + 4 * FILE_BYTES);
    trio.startStorage(0);
    await until(() => ready(trio.storages[0] ?? ''));
    await writer.check(trio.frontend);
  });

  test('has everything however often it is killed in the middle', async () => {
    const random = new SeededRandom(1);
    const trio = await startTrio({
      directory,
      storages: 1,
      words: [...SMALL, '--fsync', 'always'],
      cleanUps,
    });
    const writer = new Writer();
    let node = trio.startStorage(0);
    await until(() => ready(trio.frontend));
    for (let round = 0; round < 10; round++) {
      const killedAt = 50 + random.below(60);
      let again: Promise<unknown> = Promise.resolve();
      // Sets that are under way ride through the restart.
      await writer.write(trio.frontend, killedAt + 10, (index) => {
        if (index !== killedAt) return;
        again = node.stop('SIGKILL').then(() => {
          node = trio.startStorage(0);
        });
      });
      await again;
      await until(() => ready(trio.storages[0] ?? ''));
      await writer.check(trio.frontend);
    }
    expect(logFiles()[0]?.number).toBeGreaterThan(1);
  });
});

describe('a log that holds more than memory does', () => {
  test('is read back: what was overwritten and deleted gives its memory to what comes later', async () => {
    const trio = await startTrio({ directory, storages: 1, words: SMALL, cleanUps });
    const node = trio.startStorage(0);
    await until(() => ready(trio.frontend));
    const value = (round: number) => `${round} `.padEnd(15_000, '.');
    const statuses = new Map<string, number>();
    const fill = (keys: readonly string[], round: number) =>
      inParallel(keys, 8, async (key) => {
        statuses.set(key, (await set(trio.frontend, key, value(round))).status);
      });
    const keys = Array.from({ length: 2300 }, (_, index) => `key ${index}`);
    await fill(keys, 0);
    const held = keys.filter((key) => statuses.get(key) === 200);
    expect(held.length).toBeLessThan(keys.length);
    const gone = held.filter((_, index) => index % 4 === 0);
    const left = held.filter((_, index) => index % 4 !== 0);
    await inParallel(gone, 8, async (key) => {
      const reply = await call(trio.frontend, `/delete?key=${encodeURIComponent(key)}`);
      expect(reply.status).toBe(200);
    });
    for (let round = 1; round < 4; round++) await fill(left, round);
    expect(left.map((key) => statuses.get(key))).toEqual(left.map(() => 200));
    await node.stop('SIGKILL');
    trio.startStorage(0);
    await until(() => ready(trio.storages[0] ?? ''));
    await inParallel(left, 8, async (key) => {
      const { status, text } = await get(trio.frontend, key);
      expect([key, status, text === value(3)]).toEqual([key, 200, true]);
    });
    for (const key of gone.slice(0, 20)) expect((await get(trio.frontend, key)).status).toBe(404);
  });
});

describe('a whole cluster with --fsync always', () => {
  test('killed under load again and again, it keeps every acknowledged set (I14)', async () => {
    const env = { DATA_DIR: directory, VELOUR_FSYNC: 'always' };
    const writer = new Writer();
    for (let round = 0; round < 2; round++) {
      const cluster = await startCluster({ env });
      await writer.check(cluster.frontends[1] ?? '');
      const nodes = childrenOf(cluster.process.pid);
      await writer.write(cluster.frontends[0] ?? '', 120, (index) => {
        if (index === 80) for (const { pid } of nodes) process.kill(pid, 'SIGKILL');
      });
      await cluster.stop();
    }
    expect(writer.acknowledged.size).toBe(KEYS);
    const cluster = await startCluster({ env });
    cleanUps.push(() => cluster.stop());
    await writer.check(cluster.frontends[0] ?? '');
  });
});

describe('files of a log that are not its own', () => {
  async function withThreeFiles(): Promise<Trio> {
    const trio = await startTrio({ directory, storages: 2, words: SMALL, cleanUps });
    const nodes = [0, 1].map((index) => trio.startStorage(index));
    await until(() => ready(trio.frontend));
    const indexes = Array.from({ length: 260 }, (_, index) => index);
    await inParallel(indexes, 8, async (index) => {
      await set(trio.frontend, `key ${index}`, 'x'.repeat(VALUE_BYTES));
    });
    for (const node of nodes) await node.stop('SIGKILL');
    expect(logFiles('0').length).toBeGreaterThanOrEqual(3);
    return trio;
  }

  test('stop the start with 78 and their names, and nothing is changed', async () => {
    const trio = await withThreeFiles();
    const path = (node: number, number: number) =>
      join(directory, `${node}`, `records-0000000${number}.log`);
    const kept = readFileSync(path(0, 2));
    const refused = async (message: RegExp) => {
      const files = logFiles();
      const node = trio.startStorage(0);
      expect(await node.exit()).toBe(78);
      expect(node.stderr).toMatch(message);
      expect(logFiles()).toEqual(files);
    };
    rmSync(path(0, 2));
    await refused(/records-00000002\.log is missing/);
    copyFileSync(path(1, 2), path(0, 2));
    await refused(
      /records-00000002\.log cannot be used: it belongs to the store [0-9a-f]{32}, not/,
    );
    const flipped = Buffer.from(kept);
    flipped[kept.length >> 1] = (flipped[kept.length >> 1] ?? 0) ^ 1;
    writeFileSync(path(0, 2), flipped);
    await refused(/records-00000002\.log cannot be used: it is damaged at byte \d+/);
    writeFileSync(path(0, 2), kept);
    writeFileSync(join(directory, '0', 'records.log'), 'of before');
    await refused(/records\.log was written by an earlier version/);
    rmSync(join(directory, '0', 'records.log'));
    trio.startStorage(0);
    await until(() => ready(trio.storages[0] ?? ''));
    expect((await get(trio.frontend, 'key 0')).text.length).toBe(VALUE_BYTES);
  });
});
