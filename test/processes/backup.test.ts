// `velour backup` and `velour restore` on real clusters: everything comes back byte for byte, into a cluster of
// another size as well; what is newer stays; and what is no whole backup is refused.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  answersFor,
  begin,
  cluster,
  contentOf,
  deleteAll,
  directory,
  ended,
  manifestOf,
  run,
  setAll,
} from '../helpers/backups.ts';
import { call, get, set } from '../helpers/client.ts';
import { type LocalCluster, ROOT, startCluster, velour } from '../helpers/cluster.ts';

describe('a backup and back', () => {
  let source: LocalCluster;
  /** What was there before the first backup began, and what was deleted by then. */
  const content = contentOf(5000);
  const deleted = [...content.keys()].filter((_, index) => index % 10 === 0);
  let before: Map<string, string>;
  const path = join(mkdtempSync(join(tmpdir(), 'velour-test-')), 'backup');

  beforeAll(async () => {
    source = await startCluster();
    const [frontend = ''] = source.frontends;
    await setAll(frontend, content);
    await deleteAll(frontend, deleted);
    await call(frontend, '/set?key=for+an+hour&value=x&ttl=3600');
    before = await answersFor(frontend, [...content.keys(), 'for+an+hour']);

    let stopped = false;
    const writer = async () => {
      for (let round = 0; !stopped; round++) {
        await set(source.frontends[1] ?? '', `other ${round % 500}`, `value ${round}`);
      }
    };
    const writers = Promise.all([writer(), writer()]);
    const words = ['backup', source.controller, path, '--json'];
    const { code, answer } = await ended(velour(words));
    stopped = true;
    await writers;
    expect(code).toBe(0);
    expect(answer).toMatchObject({ complete: 256, partitions: 256, skipped: 0, missing: [] });
    expect(answer.deletes).toBe(deleted.length);
    // Nothing that could not be copied elsewhere.
    const names = readdirSync(path).filter((name) => !name.endsWith('.records'));
    expect(names).toEqual(['manifest.json']);
  });
  afterAll(async () => {
    await source.stop();
    rmSync(join(path, '..'), { recursive: true });
  });

  test('into a cluster of another size, with the same versions, byte for byte; twice changes nothing', async () => {
    const target = await cluster({
      frontends: 1,
      storages: 2,
      redundancy: 2,
      env: { VELOUR_DIGITS: '1' },
    });
    const [frontend = ''] = target.frontends;
    const first = await run('restore', target.controller, path);
    expect(first.code).toBe(0);
    expect(first.answer.set).toBeGreaterThan(content.size);
    expect(first.answer).toMatchObject({ there: 0, superseded: 0, belowFloor: 0, failed: 0 });
    expect(await answersFor(frontend, before.keys())).toEqual(before);
    // With the delete's version too, or an older backup could bring the value back.
    const { headers, status } = await call(frontend, `/get?key=${deleted[0]}`);
    expect(status).toBe(404);
    expect(headers['x-fog-version']).toMatch(/^[0-9a-f]{16}$/);

    const second = await run('restore', target.controller, path);
    expect(second.code).toBe(0);
    expect(second.answer).toMatchObject({ set: 0, there: first.answer.set, failed: 0 });
    expect(await answersFor(frontend, before.keys())).toEqual(before);
  });

  test('D16: newer values and deletes stay; --as-new brings back what a mass delete took', async () => {
    const target = await cluster({ frontends: 1, storages: 3, redundancy: 2 });
    const [frontend = ''] = target.frontends;
    expect((await run('restore', target.controller, path)).code).toBe(0);
    const live = [...content.keys()].filter((key) => !deleted.includes(key));
    const changed = live.slice(0, 100);
    const gone = live.slice(100, 1000);
    await setAll(frontend, new Map(changed.map((key) => [key, Buffer.from('newer')])));
    await deleteAll(frontend, gone);
    const newer = await answersFor(frontend, live);

    const again = await run('restore', target.controller, path);
    expect(again.code).toBe(0);
    expect(again.answer).toMatchObject({ set: 0, superseded: 1000, belowFloor: 0, failed: 0 });
    expect(await answersFor(frontend, live)).toEqual(newer);

    const asNew = await run('restore', target.controller, path, '--as-new');
    expect(asNew.code).toBe(0);
    expect(asNew.answer).toMatchObject({ leftOut: deleted.length, superseded: 0, failed: 0 });
    const after = await answersFor(frontend, before.keys());
    const bytesOf = (answer = '') => answer.split(' ').at(-1);
    for (const [key, answer] of before) expect(bytesOf(after.get(key)), key).toBe(bytesOf(answer));
  });

  test('a finished one is not touched unless that is said, and then is replaced', async () => {
    const copy = directory();
    expect((await run('backup', source.controller, copy)).code).toBe(0);
    const first = manifestOf(copy);
    const refused = await run('backup', source.controller, copy);
    expect(refused).toMatchObject({ code: 78, answer: {} });
    expect(refused.stderr).toMatch(/has a finished backup; .* --again/);
    expect(manifestOf(copy)).toEqual(first);
    await set(source.frontends[0] ?? '', 'after the first', 'x');
    const replaced = await run('backup', source.controller, copy, '--again');
    expect(replaced).toMatchObject({ code: 0, answer: { skipped: 0 } });
    expect(Object.values(manifestOf(copy).partitions)).not.toEqual(Object.values(first.partitions));
  });

  test('a directory of another cluster, or of somebody else, is refused and left as it is', async () => {
    const target = await cluster({ frontends: 1, storages: 1, redundancy: 1 });
    const foreign = directory();
    expect((await run('backup', target.controller, foreign)).code).toBe(0);
    const manifest = readFileSync(join(foreign, 'manifest.json'));
    const refused = await run('backup', source.controller, foreign, '--again');
    expect(refused.code).toBe(78);
    expect(refused.stderr).toMatch(/has a backup of cluster \w+, and this is \w+/);
    expect(readFileSync(join(foreign, 'manifest.json'))).toEqual(manifest);

    const home = join(foreign, '..');
    const names = readdirSync(home);
    const taken = await run('backup', source.controller, home);
    expect(taken.code).toBe(78);
    expect(taken.stderr).toMatch(/has .+ and no manifest.json: it is no backup/);
    expect(readdirSync(home)).toEqual(names);
  });

  /** Files of a small backup, spoilt. @returns what the refusal must say */
  const DAMAGES: Readonly<Record<string, (path: string, file: string) => RegExp>> = {
    'a flipped byte': (_, file) => {
      const bytes = readFileSync(file);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      writeFileSync(file, bytes);
      return /partition-[0-9a-f]+\.records, byte \d+: CRC differs; nothing was restored/;
    },
    'a file that ends early': (_, file) => {
      writeFileSync(file, readFileSync(file).subarray(0, -1));
      return /partition-[0-9a-f]+\.records, byte \d+: the file ends here/;
    },
    'a file with more in it': (_, file) => {
      appendFileSync(file, 'x');
      return /partition-[0-9a-f]+\.records, byte \d+: there is more than the manifest says/;
    },
    'a file that is missing': (_, file) => {
      rmSync(file);
      return /partition-[0-9a-f]+\.records: it is missing/;
    },
    'another format': (folder) => {
      const manifest = { ...manifestOf(folder), format: 3 };
      writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
      return /manifest\.json .* format 3, and this version reads formats 1 and 2/;
    },
    'a manifest that is none': (folder) => {
      writeFileSync(join(folder, 'manifest.json'), '{');
      return /manifest\.json .* no JSON/;
    },
    'no manifest': (folder) => {
      rmSync(join(folder, 'manifest.json'));
      return /no backup in .*: it has no manifest\.json/;
    },
  };

  test('what is damaged is refused before anything is restored', async () => {
    const target = await cluster({ frontends: 1, storages: 1, redundancy: 1 });
    const [frontend = ''] = target.frontends;
    for (let index = 0; index < 100; index++) await set(frontend, `key ${index}`, `value ${index}`);
    for (const [name, spoil] of Object.entries(DAMAGES)) {
      const spoilt = directory();
      expect((await run('backup', target.controller, spoilt)).code).toBe(0);
      const largest = readdirSync(spoilt)
        .filter((file) => file.endsWith('.records'))
        .map((file) => join(spoilt, file))
        .sort((a, b) => readFileSync(b).length - readFileSync(a).length)[0];
      const message = spoil(spoilt, largest ?? '');
      await call(frontend, '/delete?key=key+1');
      const refused = await run('restore', target.controller, spoilt, '--as-new');
      expect(refused, name).toMatchObject({ code: 78, answer: {} });
      expect(refused.stderr, name).toMatch(message);
      expect((await get(frontend, 'key 1')).status, name).toBe(404);
    }
  });
});

test('a value that is longer than the storage nodes take is named, and all others come', async () => {
  const source = await cluster({ frontends: 1, storages: 1, redundancy: 1 });
  const [frontend = ''] = source.frontends;
  const content = new Map(contentOf(300));
  // As chunks, and longer than what a storage node of the other cluster reads as one message.
  content.set('long', Buffer.alloc(3 * 2 ** 20, 'x'));
  content.set('longer', Buffer.alloc(5 * 2 ** 20, 'y'));
  await setAll(frontend, content);
  const path = directory();
  expect((await run('backup', source.controller, path)).code).toBe(0);
  const env = { VELOUR_MAX_VALUE: '1MiB' };
  const target = await cluster({ frontends: 1, storages: 1, redundancy: 1, env });
  const { code, answer, stderr } = await run('restore', target.controller, path);
  expect(stderr).toMatch(/value-too-large: .*--max-value; it has (3145728|5242880) bytes/);
  expect(answer).toMatchObject({ set: content.size - 2, failed: 2, notTried: 0 });
  expect(code).toBe(69);
  // Each was refused at once, and not sent again on a new stream.
  const metrics = (await call(target.storages[0] ?? '', '/metrics')).text;
  expect(metrics).toContain('operation="set",answer="refused"} 2\n');
});

/** They end only after a time of their own. */
const SOON = ['--time-scale', '1'];

test('without a cluster both say so, with 69, and no directory is made', async () => {
  const path = directory();
  const none = directory();
  mkdirSync(path);
  const manifest = { format: 1, cluster: 'c', digits: 1, startedAtMs: 1, partitions: {} };
  writeFileSync(join(path, 'manifest.json'), JSON.stringify(manifest));
  const refusals = [
    begin(['backup', '127.0.0.1:1', none, ...SOON]),
    begin(['restore', '127.0.0.1:1', path, '--partial', ...SOON]),
  ];
  for (const refused of refusals) {
    expect(await refused.exit()).toBe(69);
    expect(refused.stderr).toMatch(/controller 127\.0\.0\.1:1: .*ECONNREFUSED/);
  }
  expect(existsSync(none)).toBe(false);
});

test('who names a node that is no controller is asked whether it is one', async () => {
  const { storages } = await cluster({ frontends: 1, storages: 1, redundancy: 1 });
  const none = directory();
  const { code, stderr } = await run('backup', storages[0] ?? '', none, ...SOON);
  expect(code).toBe(69);
  // One line, in which no log is.
  expect(stderr.trimEnd().split('\n').at(-1)).toBe(
    `velour: what answers at ${storages[0]} is a storage node, and no controller; give the address of the controller`,
  );
  expect(stderr).not.toContain('{');
  expect(existsSync(none)).toBe(false);
});

test('the commands of docs/operations.md work as they stand there', async () => {
  const { controller } = await cluster({ frontends: 1, storages: 1, redundancy: 1 });
  const text = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
  const section = /^## Backup and restore\n([\s\S]*?)^## /m.exec(text)?.[1] ?? '';
  const lines = [...section.matchAll(/^velour .*$/gm)].map(([line]) => line);
  expect(lines.length).toBeGreaterThanOrEqual(3);
  const path = directory();
  for (const line of lines) {
    const words = line
      .replace(/ *#.*/, '')
      .replace('10.0.0.1:12000', controller)
      .replace('/backup/monday', path)
      .split(' ');
    expect((await run(...words.slice(1))).code, line).toBe(0);
  }
});
