// The stand-in for a loss of power of all storage nodes at once: their processes are killed,
// their logs lose what was not synced, and the machine seems to have started anew.

import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { get, set } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { changeIdentity } from '../helpers/identities.ts';
import { ready, startTrio } from '../helpers/trio.ts';

const NODES = [0, 1, 2];
const KEYS = Array.from({ length: 20 }, (_, index) => `key ${index}`);

let directory: string;
const cleanUps: (() => unknown)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  rmSync(directory, { recursive: true });
});

async function losePower(fsync: 'always' | 'interval') {
  const words = ['--fsync', fsync];
  const trio = await startTrio({ directory, storages: NODES.length, words, cleanUps });
  const nodes = NODES.map((index) => trio.startStorage(index));
  await until(() => ready(trio.frontend));
  const setAll = async (value: string) => {
    for (const key of KEYS) expect((await set(trio.frontend, key, value)).status).toBe(200);
  };
  await setAll('old');
  const logs = NODES.map((index) => join(directory, String(index), 'records-00000001.log'));
  const synced = logs.map((log) => statSync(log).size);
  await setAll('new');
  for (const node of nodes) await node.stop('SIGKILL');
  for (const [index, log] of logs.entries()) {
    if (fsync === 'interval') truncateSync(log, synced[index]);
    const identity = join(directory, String(index), 'storage.identity');
    changeIdentity(identity, { bootId: 'of another start' });
  }
  for (const index of NODES) {
    const back = trio.startStorage(index);
    await back.printed('stderr', '"registered"');
    expect(back.stderr).toContain(`"complete":${fsync === 'always'}`);
  }
  return trio.frontend;
}

test('with --fsync always everything acknowledged is served again', async () => {
  const frontend = await losePower('always');
  await until(() => ready(frontend));
  for (const key of KEYS) expect((await get(frontend, key)).text).toBe('new');
});

test('with interval nothing is, rather than something old', async () => {
  const frontend = await losePower('interval');
  const answers = await Promise.all(
    Array.from({ length: 3 }, () => KEYS.map((key) => get(frontend, key))).flat(),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
  expect(answers[0]?.text).toContain('no storage node that has all of this');
});
