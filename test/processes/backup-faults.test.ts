// Who dies while a backup or a restore is under way: storage nodes, whose work others take over, and the command
// itself, which goes on when it is run again.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  answersFor,
  begin,
  cluster,
  contentOf,
  deleteAll,
  directory,
  ended,
  manifestOf,
  pidOf,
  run,
  setAll,
} from '../helpers/backups.ts';
import { call } from '../helpers/client.ts';
import { freePorts, until } from '../helpers/cluster.ts';

test('kill -9 of a storage node: the others go on with what it was asked for', async () => {
  const { process: local, ...rest } = await cluster({ frontends: 1, storages: 4, redundancy: 3 });
  const [frontend = ''] = rest.frontends;
  const content = contentOf(2000);
  await setAll(frontend, content);
  const path = directory();
  const backup = begin(['backup', rest.controller, path, '--json']);
  // The directory is claimed, and the first partitions are asked for.
  await until(() => existsSync(join(path, 'manifest.json')) || backup.ended);
  process.kill(pidOf({ process: local, ...rest }, rest.storages[1] ?? ''), 'SIGKILL');
  const { code, answer } = await ended(backup);
  expect(code).toBe(0);
  expect(answer).toMatchObject({ records: content.size, missing: [] });
});

test('kill -9 of the backup: the next one skips what is complete, and ends with everything', async () => {
  const source = await cluster({ frontends: 1, storages: 2, redundancy: 1 });
  const [frontend = ''] = source.frontends;
  const content = contentOf(1000);
  await setAll(frontend, content);
  const path = directory();
  // Of what the paused node has nothing can be copied, so the backup cannot end.
  const paused = pidOf(source, source.storages[0] ?? '');
  process.kill(paused, 'SIGSTOP');
  onTestFinished(() => {
    process.kill(paused, 'SIGCONT');
  });
  const first = begin(['backup', source.controller, path]);
  await until(() => {
    if (first.ended) throw new Error(first.stderr);
    if (!existsSync(join(path, 'manifest.json'))) return false;
    return Object.values(manifestOf(path).partitions).some(({ complete }) => complete);
  });
  await first.stop('SIGKILL');

  const unfinished = await run('restore', source.controller, path);
  expect(unfinished).toMatchObject({ code: 78, answer: {} });
  expect(unfinished.stderr).toMatch(/is not finished: run velour backup again, or give --partial/);

  process.kill(paused, 'SIGCONT');
  const second = await run('backup', source.controller, path);
  expect(second.code).toBe(0);
  expect(second.answer.skipped).toBeGreaterThan(0);
  expect(second.answer).toMatchObject({ records: content.size, missing: [] });
  const restored = await run('restore', source.controller, path);
  expect(restored).toMatchObject({ code: 0, answer: { set: 0, there: content.size } });
});

test('what only a dead node had is named, with 69; the rest is there, and --partial restores it', async () => {
  const env = { VELOUR_TIME_SCALE: '1' };
  const source = await cluster({ frontends: 1, storages: 2, redundancy: 1, env });
  const [frontend = ''] = source.frontends;
  const content = contentOf(500);
  await setAll(frontend, content);
  process.kill(pidOf(source, source.storages[0] ?? ''), 'SIGKILL');
  const path = directory();
  // As long as nothing moves it waits for the node to come back.
  const { code, answer, stderr } = await ended(
    begin(['backup', source.controller, path, '--json', '--time-scale', '1']),
  );
  expect(code).toBe(69);
  expect((answer.missing as unknown[]).length).toBe(256 - Number(answer.complete));
  expect(answer.complete).toBeGreaterThan(0);
  expect(stderr).toMatch(/missing: partition-[0-9a-f]{2}\.records: /);
  const target = await cluster({ frontends: 1, storages: 1, redundancy: 1 });
  const restored = await run('restore', target.controller, path, '--partial');
  expect(restored).toMatchObject({ code: 0, answer: { set: answer.records } });
  expect(answer.records).toBeGreaterThan(0);
  expect(restored.answer).toMatchObject({ partitions: 256, complete: answer.complete, inPart: 0 });
  const inWords = begin(['restore', target.controller, path, '--partial']);
  expect(await inWords.exit()).toBe(0);
  expect(inWords.stdout).toContain(
    `${answer.complete} of 256 partitions are in this backup, 0 of them in part\n`,
  );
});

test('it is as of before it had a map, however long the cluster lets it wait', async () => {
  const ports = await freePorts(2);
  const [controller = '', storage = ''] = ports.map((port) => `127.0.0.1:${port}`);
  begin(['controller', String(ports[0]), '1', '1', '--host', '127.0.0.1']);
  await until(async () => (await call(controller, '/livez').catch(() => undefined)) !== undefined);
  const path = directory();
  const backup = begin(['backup', controller, path]);
  await backup.printed('stderr', 'no map from the controller');
  const waitingAtMs = Date.now();
  begin(['storage', controller, storage]);
  expect(await backup.exit()).toBe(0);
  expect(manifestOf(path).startedAtMs).toBeLessThanOrEqual(waitingAtMs);
});

test('kill -9 of a storage node: a restore goes on when it is removed', async () => {
  const target = await cluster({ frontends: 1, storages: 4, redundancy: 3 });
  const [frontend = ''] = target.frontends;
  const content = contentOf(3000);
  await setAll(frontend, content);
  const path = directory();
  expect((await run('backup', target.controller, path)).code).toBe(0);
  await deleteAll(frontend, [...content.keys()]);
  const restore = begin(['restore', target.controller, path, '--as-new', '--json']);
  const [key = ''] = content.keys();
  await until(async () => restore.ended || (await answersFor(frontend, [key])).get(key) !== '404');
  process.kill(pidOf(target, target.storages[2] ?? ''), 'SIGKILL');
  const { code, answer } = await ended(restore);
  expect(code).toBe(0);
  expect(answer).toMatchObject({ set: content.size, failed: 0 });
  const answers = await answersFor(frontend, content.keys());
  for (const [name, value] of content) {
    expect(answers.get(name)?.split(' ')[1], name).toBe(value.toString('base64'));
  }
});
