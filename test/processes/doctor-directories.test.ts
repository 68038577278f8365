// velour doctor and a start judge a data directory alike: what a start refuses is found, and what it takes is not. And
// what is advised of a directory does no harm to whoever else uses it.

import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePorts, Started, until, velour } from '../helpers/cluster.ts';
import { examine, linesOf, MEMORY, one } from '../helpers/doctor.ts';
import { Fleet } from '../helpers/fleet.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const isLock = (name: string) => name.includes('directory.lock');

describe('a directory of a node that was stopped in order', () => {
  let cluster: Fleet;
  let path: string;
  beforeAll(async () => {
    cluster = await Fleet.start({
      storages: 1,
      frontends: 1,
      redundancy: 1,
      data: 'all',
      optionsFor: ({ role }) => (role === 'storage' ? MEMORY : []),
    });
    await cluster.untilSettled();
    const body = Buffer.alloc(500_000, 'x');
    for (let key = 0; key < 20; key++) {
      const url = `http://${cluster.frontend(0).address}/set?key=${key}`;
      await until(async () => (await fetch(url, { method: 'POST', body })).status === 200);
    }
    expect(await cluster.storage(0).incarnationId.stop()).toBe(0);
    path = join(cluster.directory, 'storage-0');
    expect(logsIn(path).length).toBeGreaterThan(2);
  });
  afterAll(() => cluster?.stop());

  const logsIn = (of: string) =>
    readdirSync(of)
      .filter((name) => name.startsWith('records-'))
      .sort();
  const log = (of: string, index: number) => join(of, logsIn(of).at(index) ?? '');
  const cut = (file: string, bytes: number) => truncateSync(file, statSync(file).size - bytes);
  const remove = (of: string, ...names: readonly string[]) => {
    for (const name of names) rmSync(join(of, name));
  };
  const identityIn = (of: string) =>
    statSync(join(of, 'storage.identity'), { throwIfNoEntry: false })?.ino;

  const CHANGES: readonly (readonly [string, 'refused' | 'taken', (copy: string) => void])[] = [
    ['as it is', 'taken', () => undefined],
    ['whose last file lost its end', 'refused', (copy) => cut(log(copy, -1), 100)],
    ['whose last file lost all', 'refused', (copy) => truncateSync(log(copy, -1))],
    [
      'whose last file lost all but a header',
      'refused',
      (copy) => truncateSync(log(copy, -1), 104),
    ],
    ['whose last file is gone', 'refused', (copy) => rmSync(log(copy, -1))],
    ['whose first file is gone', 'refused', (copy) => rmSync(log(copy, 0))],
    ['whose first file lost its end', 'refused', (copy) => cut(log(copy, 0), 100)],
    ['whose first file lost all', 'refused', (copy) => truncateSync(log(copy, 0))],
    ['of which a file between is gone', 'refused', (copy) => rmSync(log(copy, 1))],
    ['whose log is gone', 'refused', (copy) => remove(copy, ...logsIn(copy))],
    [
      'whose last file has a torn write more',
      'taken',
      (copy) => appendFileSync(log(copy, -1), '123'),
    ],
    ['without its map', 'refused', (copy) => remove(copy, 'storage.map')],
    ['whose map is empty', 'refused', (copy) => truncateSync(join(copy, 'storage.map'))],
    ['without its identity', 'refused', (copy) => remove(copy, 'storage.identity')],
    ['whose identity is empty', 'refused', (copy) => truncateSync(join(copy, 'storage.identity'))],
    [
      'without its identity and first file',
      'refused',
      (copy) => {
        remove(copy, ...['storage.identity', ...logsIn(copy).filter((_, at) => at !== 1)]);
      },
    ],
    [
      'as a first start leaves it that ended before it had an identity',
      'taken',
      (copy) => {
        remove(copy, 'storage.identity', 'storage.map', ...logsIn(copy).slice(1));
        truncateSync(log(copy, 0), 104);
      },
    ],
    ['with a log of format 1', 'refused', (copy) => writeFileSync(join(copy, 'records.log'), '')],
    ['whose id is empty', 'taken', (copy) => truncateSync(join(copy, 'directory.id'))],
    ['whose id is nothing', 'taken', (copy) => writeFileSync(join(copy, 'directory.id'), '\0\0\n')],
    ['whose id is broken', 'refused', (copy) => writeFileSync(join(copy, 'directory.id'), 'x\n')],
    ['without an id', 'taken', (copy) => remove(copy, 'directory.id')],
  ];

  test.each(CHANGES)('%s, is %s by the doctor and by a start', async (_, expected, change) => {
    const copy = join(folder(), 'copy');
    cpSync(path, copy, { recursive: true, filter: (name) => !isLock(name) });
    change(copy);
    for (const name of readdirSync(copy)) chmodSync(join(copy, name), 0o600);
    const findings = await examine(['--data-dir', copy]);
    const before = identityIn(copy);
    const [port] = await freePorts(1);
    const words = ['storage', cluster.controller.address, `127.0.0.1:${port}`, '--data-dir', copy];
    const node = velour([...words, ...MEMORY, '--log-format', 'pretty', '--time-scale', '3']);
    cleanUps.push(() => node.stop('SIGKILL'));
    // A start writes an identity of its own when it has taken the directory.
    await until(() => node.ended || identityIn(copy) !== before);
    if (expected === 'taken') {
      expect(findings).toEqual([]);
      return expect(node.ended, node.stderr).toBe(false);
    }
    const { what } = one(findings, 'damage');
    expect(await node.exit()).toBe(78);
    // Where in a file the damage is shows when it is read.
    const said = what.slice(copy.length).replace(/^[/: ]+/, '');
    return expect(node.stderr).toContain(said.replace(/: it has \d+ bytes.*/, ''));
  });

  test('as a copy with its lock, of a node that runs, is a copy', async () => {
    cluster.storage(0).start();
    await cluster.untilReady(cluster.storage(0));
    const copy = join(folder(), 'copy');
    const cp = new Started('cp', ['-r', path, copy]);
    expect(await cp.exit()).toBe(0);
    expect(readdirSync(copy).some(isLock)).toBe(true);
    chmodSync(copy, 0o700);
    const findings = await examine(['--data-dir', copy]);
    expect(linesOf(findings)).toMatch(
      /in-use: .* is a copy of a directory that is in use by .*velour storage/,
    );
    expect(linesOf(findings)).not.toContain('damage');
  });
});

describe('a directory in which others left something', () => {
  test('as pipes with the names of a node is looked at in time', async () => {
    const path = folder();
    const names = ['directory.id', 'storage.identity', 'storage.map', 'records-00000001.log'];
    for (const name of names) await new Started('mkfifo', [join(path, name)]).exit();
    const lines = linesOf(await examine(['--data-dir', path]));
    expect(lines).toContain(`${path} has what no node put there: `);
    expect(lines).toMatch(/damage: .*storage\.identity cannot be read: it is no file/);
    expect(lines).not.toContain('could be looked at');
  });

  test('whose names are orders to a terminal is described in lines of plain text', async () => {
    const path = folder();
    writeFileSync(join(path, 'a\x1b[2Jb\nc\u202ed'), '');
    const doctor = velour(['doctor', '--data-dir', path, ...MEMORY]);
    expect(await doctor.exit()).toBe(1);
    const [line = '', ...others] = doctor.stdout.trimEnd().split('\n');
    expect(others).toEqual([]);
    expect(line).toContain('there: a\\u001b[2Jb\\nc\\u202ed;');
  });
});

describe('what is advised', () => {
  test.each<[string, (path: string) => void]>([
    ['has files of others', (path) => writeFileSync(join(path, 'notes.txt'), '')],
    ['is sticky', (path) => chmodSync(path, 0o1777)],
    ['is of a group', (path) => chmodSync(path, 0o2775)],
  ])('of a directory that %s changes no modes of it', async (_, change) => {
    const path = folder();
    chmodSync(path, 0o777);
    writeFileSync(join(path, 'directory.id'), `${'a'.repeat(32)}\n`, { mode: 0o644 });
    change(path);
    const lines = linesOf(await examine(['--data-dir', path]));
    expect(lines).toMatch(/modes: others may write into/);
    expect(lines).not.toMatch(/chmod|chown/);
    expect(lines).toContain('give the node a directory of its own');
  });

  test('of a directory that is the node’s alone is to close it', async () => {
    const path = folder();
    chmodSync(path, 0o777);
    expect(one(await examine(['--data-dir', path]), 'modes').todo).toBe(`chmod 0700 ${path}`);
  });

  test.runIf(process.platform === 'linux').each(['/proc/foo', '/proc', '/sys/fs', '/sys/foo'])(
    'of %s is another one, for it keeps no files',
    async (path) => {
      const lines = linesOf(await examine(['--data-dir', path]));
      expect(lines).toMatch(/^directory: .* cannot be written/);
      expect(lines).not.toContain('disk:');
    },
  );

  test('a link to a directory is one', async () => {
    const path = folder();
    mkdirSync(join(path, 'real'), { mode: 0o700 });
    symlinkSync(join(path, 'real'), join(path, 'link'));
    expect(await examine(['--data-dir', join(path, 'link')])).toEqual([]);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'of a small disk of a controller does not speak of --memory (needs root)',
    async () => {
      const path = folder();
      const mount = new Started('mount', [
        '-t',
        'tmpfs',
        '-o',
        'size=8m,mode=700',
        'velour-test',
        path,
      ]);
      expect(await mount.exit()).toBe(0);
      cleanUps.push(() => new Started('umount', [path]).exit());
      const [port = 0] = await freePorts(1);
      const { what, todo } = one(
        await examine(['--listen', `${port}`, '--data-dir', path]),
        'disk',
      );
      expect(`${what}; ${todo}`).not.toContain('memory');
    },
  );
});
