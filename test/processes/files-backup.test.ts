// `velour backup` and `velour restore` of a cluster with files: into another cluster, of another size, where every file is as it
// was; and after accidents on both sides.

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { run } from '../helpers/backups.ts';
import { velour } from '../helpers/cluster.ts';
import { FileClient, sha512Of } from '../helpers/file-client.ts';
import { Fleet, type FleetSettings, TIME_SCALE } from '../helpers/fleet.ts';
import { SeededRandom } from '../helpers/random.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function fleet(settings: FleetSettings): Promise<Fleet> {
  const started = await Fleet.start({
    frontends: 0,
    optionsFor: ({ role, index }) =>
      role === 'fileserver' ? ['--placement-host', `h${index}`] : [],
    ...settings,
  });
  cleanUps.push(() => started.stop());
  return started;
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(path, { recursive: true }));
  return join(path, 'backup');
}

/** By their paths, bytes of many lengths, around those that matter. */
function contents(): Map<string, Buffer> {
  const random = new SeededRandom(18);
  const lengths = [0, 1, 65_536, 65_537, 262_144, 262_145, 1_000_000, 5_000_000];
  const more = Array.from({ length: 12 }, () => random.below(300_000));
  return new Map(
    [...lengths, ...more].map((length, index) => [`f/${index}`, random.bytes(length)]),
  );
}

async function expectAll(client: FileClient, files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [path, bytes] of files) expect(await client.read(path), path).toBe(sha512Of(bytes));
}

async function check(cluster: Fleet): Promise<Record<string, number>> {
  const to = ['--controller', cluster.controller.address, '--time-scale', `${TIME_SCALE}`];
  const started = velour(['files', 'check', '--json', ...to]);
  await started.exit();
  return JSON.parse(started.stdout.trimEnd().split('\n').at(-1) ?? '');
}

const blobFiles = (path: string) =>
  readdirSync(join(path, 'blobs'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, 'blobs', name))
    .filter((name) => statSync(name).isFile());

test('files come back in a cluster of another size, each with as many copies as its class says', async () => {
  const files = contents();
  const path = directory();
  const source = await fleet({ storages: 2, redundancy: 2, fileservers: 3 });
  const before = await FileClient.connect(source.controller.address);
  for (const [name, bytes] of files) await before.put(name, bytes);
  const three = Buffer.alloc(200_000, 'three');
  const to = ['--controller', source.controller.address, '--time-scale', `${TIME_SCALE}`];
  expect(await velour(['files', 'class', 'three', '3', ...to]).exit()).toBe(0);
  await before.put('three', three, 'three' as never);
  await before.put('overwritten', Buffer.alloc(100_000, 'a'));
  await before.put('overwritten', Buffer.alloc(100_001, 'b'));
  await before.put('deleted', Buffer.alloc(100_000, 'c'));
  await before.delete('deleted');
  const all = new Map([...files, ['three', three], ['overwritten', Buffer.alloc(100_001, 'b')]]);
  const long = [...all.values()].filter(({ length }) => length > 65_536).length;
  const first = await run('backup', source.controller.address, path);
  expect([first.code, first.answer.files]).toMatchObject([0, { blobs: long, copied: long }]);
  expect(blobFiles(path)).toHaveLength(long);
  await source.stop();

  const target = await fleet({ storages: 1, redundancy: 1, fileservers: 4 });
  const restored = await run('restore', target.controller.address, path);
  expect([restored.code, restored.stderr, restored.answer.files]).toMatchObject([
    0,
    '',
    { sent: long, there: 0, absent: 0, failed: 0 },
  ]);
  const after = await FileClient.connect(target.controller.address);
  await expectAll(after, all);
  expect(await after.read('deleted')).toBe('(absent)');
  expect(await check(target)).toMatchObject({ files: all.size, complete: long, lacking: 0 });
  // Again it has nothing to do.
  const again = await run('restore', target.controller.address, path);
  expect([again.code, again.answer.files]).toMatchObject([0, { sent: 0, there: long }]);
});

test('a backup goes on: only what is missing or wrong is copied again', async () => {
  const files = contents();
  const path = directory();
  const cluster = await fleet({ storages: 1, redundancy: 1, fileservers: 2 });
  const client = await FileClient.connect(cluster.controller.address);
  for (const [name, bytes] of files) await client.put(name, bytes);
  expect((await run('backup', cluster.controller.address, path)).code).toBe(0);
  const manifest = join(path, 'manifest.json');
  const { finishedAtMs, blobs, ...unfinished } = JSON.parse(readFileSync(manifest, 'utf8'));
  expect(finishedAtMs).toBeGreaterThan(0);
  writeFileSync(manifest, JSON.stringify(unfinished));
  const [one = '', other = '', third = ''] = blobFiles(path);
  rmSync(one);
  const flipped = readFileSync(other);
  flipped[5] = (flipped[5] ?? 0) ^ 1;
  writeFileSync(other, flipped);
  writeFileSync(third, readFileSync(third).subarray(1));
  const again = await run('backup', cluster.controller.address, path);
  expect([again.code, again.answer.files]).toMatchObject([0, { blobs: blobs.blobs, copied: 3 }]);
  for (const file of blobFiles(path)) expect(existsSync(file)).toBe(true);
  const digests = blobFiles(path).map((file) =>
    createHash('sha512').update(readFileSync(file)).digest('hex'),
  );
  expect(new Set(digests)).toEqual(
    new Set([...files.values()].filter(({ length }) => length > 65_536).map(sha512Of)),
  );
});

test('a blob that nobody has keeps a backup unfinished, until its file is gone', async () => {
  const path = directory();
  const cluster = await fleet({ storages: 1, redundancy: 1, fileservers: 2 });
  const client = await FileClient.connect(cluster.controller.address);
  await client.put('whole', Buffer.alloc(100_000, 'w'));
  const blob = (await client.put('lost', Buffer.alloc(100_000, 'l'))) ?? '';
  for (const server of [0, 1]) {
    const blobs = join(cluster.directory, `fileserver-${server}`, 'blobs');
    const own = readdirSync(blobs, { recursive: true, encoding: 'utf8' });
    for (const name of own.filter((each) => each.includes(blob))) rmSync(join(blobs, name));
  }
  const first = await run('backup', cluster.controller.address, path);
  expect([first.code, first.answer.files]).toMatchObject([69, { blobs: 1, missing: 1, gone: 0 }]);
  expect(first.stderr).toContain('missing: lost: ');
  await client.delete('lost');
  const second = await run('backup', cluster.controller.address, path);
  expect([second.code, second.answer.files]).toMatchObject([0, { blobs: 1, missing: 0, gone: 1 }]);
  // Its record is in the backup, and must not become a file that nobody can read.
  const target = await fleet({ storages: 1, redundancy: 1, fileservers: 1 });
  const restored = await run('restore', target.controller.address, path);
  expect([restored.code, restored.answer]).toMatchObject([0, { withoutBlob: 1 }]);
  const after = await FileClient.connect(target.controller.address);
  expect(await after.read('lost')).toBe('(absent)');
  expect(await after.read('whole')).toBe(sha512Of(Buffer.alloc(100_000, 'w')));
});

test('deleted files come back from their trash, and a damaged backup changes nothing', async () => {
  const path = directory();
  const cluster = await fleet({ storages: 1, redundancy: 1, fileservers: 2 });
  const client = await FileClient.connect(cluster.controller.address);
  const bytes = Buffer.alloc(100_000, 'w');
  const blob = (await client.put('file', bytes)) ?? '';
  expect((await run('backup', cluster.controller.address, path)).code).toBe(0);
  await client.delete('file');
  for (const { address } of cluster.fileservers) {
    const answer = await fetch(`http://${address}/blobs/${blob}`, { method: 'DELETE' });
    expect(answer.status).toBe(200);
  }
  const back = await run('restore', cluster.controller.address, path, '--as-new');
  expect([back.code, back.answer.files]).toMatchObject([0, { sent: 0, there: 1 }]);
  expect(await client.read('file')).toBe(sha512Of(bytes));

  const [file = ''] = blobFiles(path);
  writeFileSync(file, Buffer.alloc(100_000, 'x'));
  const target = await fleet({ storages: 1, redundancy: 1, fileservers: 1 });
  const damaged = await run('restore', target.controller.address, path);
  expect(damaged.code).toBe(78);
  expect(damaged.stderr).toMatch(/blobs\/.*its bytes are not those.*no record was restored/);
  rmSync(file);
  expect((await run('restore', target.controller.address, path)).code).toBe(78);
  const after = await FileClient.connect(target.controller.address);
  expect(await after.read('file')).toBe('(absent)');
  // Nor without a file server.
  const without = await fleet({ storages: 1, redundancy: 1, fileservers: 0 });
  expect((await run('restore', without.controller.address, path)).code).toBe(69);
});

test('a file server that is away has its copies made by the next one, and is named where there is none', async () => {
  const path = directory();
  const files = new Map([...contents()].filter(([, { length }]) => length > 65_536));
  const cluster = await fleet({ storages: 1, redundancy: 1, fileservers: 4 });
  const client = await FileClient.connect(cluster.controller.address);
  for (const [name, bytes] of files) await client.put(name, bytes);
  expect((await run('backup', cluster.controller.address, path)).code).toBe(0);
  await cluster.fileservers[0]?.kill();
  const there = await run('restore', cluster.controller.address, path);
  expect([there.code, there.stderr, there.answer.files]).toMatchObject([
    0,
    '',
    { sent: 0, there: files.size, failed: 0 },
  ]);
  const target = await fleet({ storages: 1, redundancy: 1, fileservers: 3 });
  await target.fileservers[2]?.kill();
  const sent = await run('restore', target.controller.address, path);
  expect([sent.code, sent.answer.files]).toMatchObject([0, { sent: files.size, failed: 0 }]);
  await expectAll(await FileClient.connect(target.controller.address), files);
  const two = await fleet({ storages: 1, redundancy: 1, fileservers: 2 });
  const [, away] = two.fileservers;
  await away?.kill();
  const failed = await run('restore', two.controller.address, path);
  expect([failed.code, failed.answer]).toMatchObject([69, { withoutBlob: files.size }]);
  expect(failed.stderr).toMatch(/too few file servers .* no answer from \S+ \(\S+\): start/);
  expect(failed.stderr).toContain(`(${away?.address})`);
});
