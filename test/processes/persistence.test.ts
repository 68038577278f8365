// With a data directory, what was acknowledged is there after any restart of processes (H7, I14).

import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, get, inParallel, set } from '../helpers/client.ts';
import { childrenOf, startCluster, until } from '../helpers/cluster.ts';
import { changeIdentity } from '../helpers/identities.ts';
import { ready, type Trio, startTrio as trioOf } from '../helpers/trio.ts';

const LOG = 'records-00000001.log';

let directory: string;
const cleanUps: (() => unknown)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  rmSync(directory, { recursive: true });
});

const startTrio = (storages: number, words: readonly string[] = [], timeScale = 1) =>
  trioOf({ directory, storages, words, timeScale, cleanUps });

describe('a whole cluster with DATA_DIR', () => {
  test('killed by SIGKILL under load, it comes back with every acknowledged set', async () => {
    const env = { DATA_DIR: directory };
    const first = await startCluster({ env });
    const children = childrenOf(first.process.pid);
    const acknowledged = new Map<string, string>();
    const killAfter = 400;
    await inParallel(
      Array.from({ length: 2000 }, (_, index) => index),
      32,
      async (index) => {
        if (index === killAfter) for (const { pid } of children) process.kill(pid, 'SIGKILL');
        const frontend = first.frontends[index % 2] ?? '';
        const answer = await set(frontend, `key ${index % 500}`, `value ${index}`).catch(
          () => undefined,
        );
        if (answer?.status === 200) acknowledged.set(`key ${index % 500}`, `value ${index}`);
      },
    );
    expect(acknowledged.size).toBeGreaterThanOrEqual(300);
    await first.stop();

    const second = await startCluster({ env });
    cleanUps.push(() => second.stop());
    for (const [key, value] of acknowledged) {
      const answer = await get(second.frontends[0] ?? '', key);
      // An unacknowledged set of the same key may have taken effect: a later value is right as well.
      const stored = Number(answer.text.replace('value ', ''));
      expect(answer.status).toBe(200);
      expect(stored).toBeGreaterThanOrEqual(Number(value.replace('value ', '')));
    }
    expect((await set(second.frontends[1] ?? '', 'after', 'x')).status).toBe(200);
  });

  test('stopped and started, deletes and expiries are remembered as well', async () => {
    const env = { DATA_DIR: directory };
    const first = await startCluster({ env });
    const [frontend = ''] = first.frontends;
    await set(frontend, 'deleted', 'x');
    await call(frontend, '/delete?key=deleted');
    await call(frontend, '/set?key=expires&value=x&ttl=1');
    await call(frontend, '/set?key=stays&value=x&ttl=1000');
    expect(await first.stop()).toBe(0);
    const second = await startCluster({ env });
    cleanUps.push(() => second.stop());
    const [again = ''] = second.frontends;
    expect((await get(again, 'deleted')).status).toBe(404);
    expect((await get(again, 'stays')).text).toBe('x');
    await until(async () => (await get(again, 'expires')).status === 404);
  });
});

describe('one storage node', () => {
  test('resumes in place: a set rides through its restart, and nothing is copied (H7)', async () => {
    // Removed before it is back, it would copy.
    const trio = await startTrio(3, [], 10);
    const nodes = [0, 1, 2].map((index) => trio.startStorage(index));
    await until(() => ready(trio.frontend));
    await set(trio.frontend, 'before', '1');
    await nodes[1]?.stop('SIGKILL');
    const during = set(trio.frontend, 'during', '2');
    expect((await get(trio.frontend, 'before')).text).toBe('1');
    const back = trio.startStorage(1);
    expect((await during).status).toBe(200);
    await until(() => ready(trio.storages[1] ?? ''));
    expect(back.stderr).toMatch(/"recovered".*"items":1,.*"complete":true/);
    for (const node of trio.storages) {
      expect((await call(node, '/s/record?key=during')).text).toBe('2');
    }
  });

  test('that lost its data serves nothing, so no key looks absent (H6)', async () => {
    const trio = await startTrio(2);
    const nodes = [0, 1].map((index) => trio.startStorage(index));
    await until(() => ready(trio.frontend));
    await set(trio.frontend, 'a', '1');
    await nodes[0]?.stop('SIGKILL');
    rmSync(join(directory, '0'), { recursive: true });
    trio.startStorage(0);
    await until(() => ready(trio.storages[0] ?? ''));
    for (let index = 0; index < 50; index++) expect((await get(trio.frontend, 'a')).text).toBe('1');
  });

  test('not started by the same machine start, with interval, is not clean; with always it is (H8)', async () => {
    for (const [fsync, resumes] of [
      ['interval', false],
      ['always', true],
      ['never', false],
    ] as const) {
      rmSync(directory, { recursive: true });
      const trio = await startTrio(1, ['--fsync', fsync]);
      const node = trio.startStorage(0);
      await until(() => ready(trio.frontend));
      await set(trio.frontend, 'a', '1');
      await node.stop('SIGKILL');
      const identity = join(directory, '0', 'storage.identity');
      changeIdentity(identity, { bootId: 'of another start' });
      const second = trio.startStorage(0);
      await second.printed('stderr', '"registered"');
      expect(second.stderr).toContain(`"complete":${resumes}`);
      await second.stop('SIGKILL');
      // What the first restart did not believe, the second one does not believe either.
      const third = trio.startStorage(0);
      await third.printed('stderr', '"registered"');
      await until(() => ready(trio.storages[0] ?? ''));
      expect((await get(trio.frontend, 'a')).status).toBe(resumes ? 200 : 503);
      // The next cluster has the same directory, and this node would write its map there until it noticed.
      await third.stop('SIGKILL');
    }
  });
});

describe('a damaged data directory', () => {
  async function withData(): Promise<{ trio: Trio; file: (name: string) => string }> {
    const trio = await startTrio(1);
    const node = trio.startStorage(0);
    await until(() => ready(trio.frontend));
    for (let index = 0; index < 10; index++) await set(trio.frontend, `key ${index}`, 'value');
    await node.stop('SIGKILL');
    return { trio, file: (name) => join(directory, '0', name) };
  }

  test('a torn tail is cut off, and the rest is served', async () => {
    const { trio, file } = await withData();
    const log = readFileSync(file(LOG));
    const torn = log.subarray(0, 20);
    appendFileSync(file(LOG), torn);
    trio.startStorage(0);
    await until(() => ready(trio.storages[0] ?? ''));
    expect((await get(trio.frontend, 'key 9')).text).toBe('value');
    // What the new life notes of its map comes behind what was there, in the place of the torn end (H29).
    const after = readFileSync(file(LOG));
    expect(after.subarray(0, log.length).equals(log)).toBe(true);
    expect(after.subarray(log.length, log.length + torn.length).equals(torn)).toBe(false);
  });

  test('a flipped bit in the middle stops the start with 78, and nothing is changed', async () => {
    const { trio, file } = await withData();
    const log = readFileSync(file(LOG));
    for (const place of [0, 10, 105, 150, 300]) {
      const damaged = Buffer.from(log);
      damaged[place] = (damaged[place] ?? 0) ^ 0x10;
      writeFileSync(file(LOG), damaged);
      const node = trio.startStorage(0);
      expect(await node.exit()).toBe(78);
      expect(node.stderr).toMatch(
        /records-00000001\.log cannot be used: it is damaged at byte \d+/,
      );
      expect(readFileSync(file(LOG)).equals(damaged)).toBe(true);
    }
  });

  test('a missing log, a cut map, a foreign identity: each stops the start with 78 and its name', async () => {
    const { trio, file } = await withData();
    const refused = async (message: RegExp, words?: readonly string[]) => {
      const node = trio.startStorage(0, words);
      expect(await node.exit()).toBe(78);
      expect(node.stderr).toMatch(message);
    };
    await refused(/belongs to node 127\.0\.0\.1:\d+, not other/, ['--name', 'other']);
    const map = readFileSync(file('storage.map'));
    truncateSync(file('storage.map'), map.length - 1);
    await refused(/storage\.map cannot be used: its checksum/);
    rmSync(file('storage.map'));
    await refused(/the log cannot be used: it has records, and there is no storage\.map/);
    writeFileSync(file('storage.map'), map);
    const identity = readFileSync(file('storage.identity'));
    rmSync(file('storage.identity'));
    await refused(/there are records in records-00000001\.log and no storage\.identity/);
    writeFileSync(file('storage.identity'), identity);
    rmSync(file(LOG));
    await refused(/records-00000001\.log is missing/);
    writeFileSync(file('storage.identity'), '{"format": 4}');
    await refused(/storage\.identity cannot be used: format is not a whole number from 2 to 3/);
    writeFileSync(file('storage.identity'), identity.toString().replace('interval', 'always'));
    await refused(/storage\.identity cannot be used: its checksum does not match/);
  });

  test('in use by another node is refused with 78', async () => {
    const trio = await startTrio(1);
    const node = trio.startStorage(0);
    await node.printed('stderr', '"registered"');
    const second = trio.startStorage(0);
    expect(await second.exit()).toBe(78);
    expect(second.stderr).toContain('is in use by another process');
  });
});
