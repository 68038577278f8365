// `velour files` on real clusters: what it lists and shows, what it finds missing, and that its words have effects.

import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { until, velour } from '../helpers/cluster.ts';
import { FileClient, sha512Of } from '../helpers/file-client.ts';
import { Fleet, type FleetSettings, type Node, TIME_SCALE } from '../helpers/fleet.ts';

const MEBIBYTE = 1024 * 1024;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function fleet(settings: FleetSettings = {}): Promise<Fleet> {
  const started = await Fleet.start({
    storages: 1,
    frontends: 0,
    redundancy: 1,
    fileservers: 3,
    optionsFor: ({ role, index }) =>
      role === 'fileserver' ? ['--placement-host', `h${index}`] : [],
    ...settings,
  });
  cleanUps.push(() => started.stop());
  return started;
}

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function files(cluster: Fleet, ...words: readonly string[]): Promise<Said> {
  const to = ['--controller', cluster.controller.address, '--time-scale', `${TIME_SCALE}`];
  const isOfController = words[0] === 'gc';
  const started = velour(['files', ...words, ...(isOfController ? to.slice(0, 2) : to)]);
  const code = await started.exit();
  return { code, out: started.stdout, err: started.stderr };
}

const linesOf = ({ out }: Said) => out.trimEnd().split('\n');
const objectsIn = (said: Said) => linesOf(said).map((line) => JSON.parse(line));

/** Removes the two files of a blob behind the back of its server. */
function loseBlob(cluster: Fleet, server: number, blob: string): boolean {
  const blobs = join(cluster.directory, `fileserver-${server}`, 'blobs');
  const own = readdirSync(blobs, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.includes(blob),
  );
  for (const name of own) rmSync(join(blobs, name));
  return own.length === 2;
}

describe('with file servers', () => {
  test('files are listed and shown, with their copies', async () => {
    const cluster = await fleet();
    const client = await FileClient.connect(cluster.controller.address);
    const blob = await client.put('folder/long', randomBytes(MEBIBYTE));
    await client.put('folder/short', Buffer.from('hello'));
    await client.put('other', randomBytes(70_000), 'photos' as never);
    const ls = await files(cluster, 'ls', 'folder/');
    expect([ls.code, ls.err]).toEqual([0, '']);
    const rows = linesOf(ls).map((line) => line.split('\t'));
    expect(
      rows.map(([path, size, , name, copies, type]) => [path, size, name, copies, type]).sort(),
    ).toEqual([
      ['folder/long', `${MEBIBYTE}`, 'default', '2', 'text/plain'],
      ['folder/short', '5', 'default', 'inline', 'text/plain'],
    ]);
    const all = objectsIn(await files(cluster, 'ls', '--json'));
    expect(all.map(({ path, class: name }) => `${path} ${name}`).sort()).toEqual([
      'folder/long default',
      'folder/short default',
      'other photos',
    ]);
    expect((await files(cluster, 'ls', '--space', 'b')).out).toBe('');
    const stat = await files(cluster, 'stat', 'folder/long', '--json');
    expect([stat.code, objectsIn(stat)[0]]).toMatchObject([
      0,
      { path: 'folder/long', blob, state: 'complete', lacking: [], silent: [], copies: 2 },
    ]);
    expect(objectsIn(stat)[0].holders).toHaveLength(2);
    expect((await files(cluster, 'stat', 'folder/long')).out).toContain('all 2 copies are where');
    expect(await files(cluster, 'stat', 'nothing')).toMatchObject({
      code: 1,
      out: 'there is no nothing\n',
    });
  });

  test('a check finds what lacks a copy, and has it copied; and what nobody has', async () => {
    const cluster = await fleet();
    const client = await FileClient.connect(cluster.controller.address);
    const hurt = (await client.put('hurt', randomBytes(100_000))) ?? '';
    const lost = (await client.put('lost', randomBytes(100_000))) ?? '';
    await client.put('whole', randomBytes(100_000));
    await client.put('inline', Buffer.from('hello'));
    const whole = await files(cluster, 'check', '--json');
    expect([whole.code, objectsIn(whole).at(-1)]).toMatchObject([
      0,
      { files: 4, inline: 1, complete: 3, lacking: 0, nowhere: 0 },
    ]);
    // One copy of the first, and all of the second.
    [0, 1, 2].find((server) => loseBlob(cluster, server, hurt));
    for (const server of [0, 1, 2]) loseBlob(cluster, server, lost);
    const check = await files(cluster, 'check');
    expect(check.code).toBe(1);
    expect(check.out).toMatch(/^hurt: no copy at 127/m);
    expect(check.out).toMatch(/^lost: no file server has it$/m);
    expect(check.out).toMatch(/^4 files\n/m);
    expect((await files(cluster, 'check', 'whole')).code).toBe(0);
    expect((await files(cluster, 'check', 'nothing')).code).toBe(1);
    await until(async () =>
      (await files(cluster, 'check', 'hurt')).out.includes('1 with all copies'),
    );
  });

  test('where a file server does not answer, nothing is said to be lost', async () => {
    const cluster = await fleet();
    const client = await FileClient.connect(cluster.controller.address);
    await files(cluster, 'class', 'default', '1');
    const blob = (await client.put('one', randomBytes(100_000))) ?? '';
    const holder = objectsIn(await files(cluster, 'stat', 'one', '--json'))[0].holders[0];
    const node = cluster.fileservers.find(({ address }) => address === holder) as Node;
    await node.kill();
    const check = await files(cluster, 'check', '--json');
    expect(check.code).toBe(69);
    expect(objectsIn(check)[0]).toMatchObject({
      path: 'one',
      blob,
      state: 'unheard',
      silent: [holder],
    });
    expect((await files(cluster, 'gc')).code).toBe(69);
  });

  test('a changed class acts on files that are there', async () => {
    const cluster = await fleet();
    const client = await FileClient.connect(cluster.controller.address);
    await client.put('a', randomBytes(100_000));
    const set = await files(cluster, 'class', 'default', '3');
    expect([set.code, set.out]).toEqual([0, 'default: 3 copies\n']);
    expect((await files(cluster, 'class', '--json')).out).toBe('{"classes":{"default":3}}\n');
    expect((await files(cluster, 'class', 'photos')).out).toBe('photos: 3 copies, as default\n');
    await until(async () => (await files(cluster, 'check', 'a')).out.includes('1 with all copies'));
    const [shown] = objectsIn(await files(cluster, 'stat', 'a', '--json'));
    expect(shown.holders).toHaveLength(3);
    expect((await files(cluster, 'class', 'photos', '5')).out).toContain(
      'only 3 file servers are there',
    );
  });

  test('gc shows what each has, and lets only those go on that are suspended', async () => {
    const cluster = await fleet({ fileservers: 2 });
    const client = await FileClient.connect(cluster.controller.address);
    await client.put('a', randomBytes(100_000));
    const { code, out } = await files(cluster, 'gc', '--json');
    expect(code).toBe(0);
    const { fileServers, told } = JSON.parse(out);
    expect(told).toEqual([]);
    expect(Object.keys(fileServers).sort()).toEqual(
      cluster.fileservers.map(({ address }) => address).sort(),
    );
    for (const status of Object.values(fileServers)) {
      expect(status).toMatchObject({ blobs: 1, trash: { blobs: 0 } });
    }
    // Nobody is suspended, so nobody is told.
    await until(async () => {
      const again = await files(cluster, 'gc', '--yes');
      expect(again.code).toBe(0);
      return again.out.match(/runs$/gm)?.length === 2;
    });
    const collect = await fetch(`http://${cluster.fileserver(0).address}/collect`, {
      method: 'POST',
    });
    expect(collect.status).toBe(200);
  });
});

test('a cache has no files, and what is mistyped is refused', async () => {
  const cluster = await fleet({
    fileservers: 0,
    optionsFor: ({ role }) => (role === 'controller' ? ['--when-full', 'evict'] : []),
  });
  expect(await files(cluster, 'ls')).toMatchObject({ code: 78 });
  for (const words of [
    ['stat'],
    ['ls', '--space', 'x'],
    ['class', 'a', '0'],
    ['stat', ''],
    ['what'],
  ]) {
    expect((await files(cluster, ...words)).code, words.join(' ')).toBe(2);
  }
});

describe('the records are lost', () => {
  /** A new cluster on the directories of another one. */
  async function successor(former: Fleet, ...more: readonly string[]): Promise<Fleet> {
    for (const node of former.nodes) await node.kill();
    return fleet({
      directoryOf: ({ role, index }) =>
        role === 'fileserver' ? join(former.directory, `fileserver-${index}`) : undefined,
      optionsFor: ({ role, index }) =>
        role === 'fileserver' ? ['--placement-host', `h${index}`, ...more] : [],
    });
  }

  test('a file server refuses another cluster; taken over, it collects nothing before the rebuild, which brings all back', async () => {
    const former = await fleet();
    const before = await FileClient.connect(former.controller.address);
    const kept = randomBytes(300_000);
    const newer = randomBytes(200_000);
    await before.put('kept', kept);
    await before.put('overwritten', randomBytes(100_000));
    const newest = (await before.put('overwritten', newer)) ?? '';
    const taken = randomBytes(70_000);
    await before.put('taken', taken);
    await before.put('folder/inner/deep', randomBytes(70_000), undefined, 'd:default');
    const cluster = await successor(former, '--adopt');
    const after = await FileClient.connect(cluster.controller.address);
    expect(await after.read('kept')).toBe('(absent)');
    // Set before the rebuild: it stays, and the former one is superseded.
    const own = randomBytes(80_000);
    await after.put('taken', own);
    const dry = await files(cluster, 'rebuild', '--dry-run');
    expect([dry.code, linesOf(dry).slice(0, 3).sort()]).toEqual([
      0,
      ['d:default: folder/inner/deep', 'kept', 'overwritten'],
    ]);
    expect(await after.kindOf('folder', 'd:default')).toBe('absent');
    expect(await after.read('kept')).toBe('(absent)');
    const rebuilt = await files(cluster, 'rebuild', '--json');
    expect([rebuilt.code, rebuilt.err, JSON.parse(rebuilt.out)]).toMatchObject([
      0,
      '',
      { set: 3, there: 1, unusable: 0, failed: 0 },
    ]);
    for (const [path, kind] of [
      ['folder', 'directory'],
      ['folder/inner', 'directory'],
      ['folder/inner/deep', 'blob'],
    ] as const) {
      expect(await after.kindOf(path, 'd:default')).toBe(kind);
    }
    expect(await after.read('kept')).toBe(sha512Of(kept));
    expect(await after.read('overwritten')).toBe(sha512Of(newer));
    expect(await after.read('taken')).toBe(sha512Of(own));
    const [shown] = objectsIn(await files(cluster, 'stat', 'overwritten', '--json'));
    expect(shown).toMatchObject({ blob: newest, state: 'complete' });
    // A file that is deleted from now on stays so, whoever rebuilds again.
    await after.delete('kept');
    const again = JSON.parse((await files(cluster, 'rebuild', '--json')).out);
    expect(again).toMatchObject({ set: 0, candidates: 0 });
    expect(await after.read('kept')).toBe('(absent)');
  });

  test('a directory of another cluster is refused with 78', async () => {
    const former = await fleet({ fileservers: 1 });
    const cluster = await fleet({ fileservers: 0 });
    await former.fileserver(0).kill();
    const { address } = former.fileserver(0);
    const started = velour([
      'fileserver',
      cluster.controller.address,
      address,
      '--data-dir',
      join(former.directory, 'fileserver-0'),
      '--time-scale',
      `${TIME_SCALE}`,
    ]);
    expect(await started.exit()).toBe(78);
    expect(started.stderr).toContain('--adopt takes the blobs over');
  });

  test('what is not lost is not rebuilt: a deleted file stays deleted', async () => {
    const cluster = await fleet();
    const client = await FileClient.connect(cluster.controller.address);
    await client.put('deleted', randomBytes(100_000));
    await client.delete('deleted');
    const rebuild = await files(cluster, 'rebuild', '--json');
    expect([rebuild.code, JSON.parse(rebuild.out)]).toMatchObject([0, { set: 0, candidates: 0 }]);
    await cluster.fileserver(0).kill();
    const without = await files(cluster, 'rebuild');
    expect([without.code, without.err]).toEqual([69, expect.stringContaining('would be missed')]);
  });
});
