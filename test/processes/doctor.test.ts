// velour doctor: each thing that it can find is provoked, on real processes, directories and names; of a cluster and a
// machine that are well it finds nothing, and what it looks at goes on as before.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { VERSION } from '../../src/cluster/software.ts';
import { freePorts, ROOT, Started, until, velour } from '../helpers/cluster.ts';
import { examine, one } from '../helpers/doctor.ts';
import { Fleet, type FleetSettings } from '../helpers/fleet.ts';

const isRoot = process.getuid?.() === 0;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function fleet(settings: FleetSettings = {}): Promise<Fleet> {
  const started = await Fleet.start({ storages: 2, frontends: 1, redundancy: 2, ...settings });
  cleanUps.push(() => started.stop());
  return started;
}

/** A program that node loads first; its environment. */
function preload(code: string): Record<string, string> {
  const path = join(folder(), 'first.cjs');
  writeFileSync(path, code);
  return { NODE_OPTIONS: `--require ${path}` };
}

/** All names and what stands about them, so that nothing was changed. */
function sightOf(path: string) {
  return readdirSync(path)
    .sort()
    .map((name) => [name, statSync(join(path, name)).ino, statSync(join(path, name)).mode]);
}

test('of a cluster that is well nothing is found, before a node is started and while it runs', async () => {
  const cluster = await fleet({ data: 'all' });
  await cluster.untilSettled();
  const { address } = cluster.controller;
  const [port = 0] = await freePorts(1);
  expect(await examine([address])).toEqual([]);
  const fresh = join(folder(), 'made', 'later');
  const words = [address, `127.0.0.1:${port}`, '--data-dir', fresh, '--time-scale', '3'];
  expect(await examine(words)).toEqual([]);
  expect(() => statSync(fresh)).toThrow();
  for (const [node, name] of [
    [cluster.controller, 'controller-0'],
    [cluster.storage(0), 'storage-0'],
  ] as const) {
    const path = join(cluster.directory, name);
    const before = sightOf(path);
    const { pid } = node.incarnationId;
    expect(await examine([address, node.address, '--data-dir', path, '--running'])).toEqual([]);
    expect(sightOf(path)).toEqual(before);
    expect([node.incarnationId.ended, node.incarnationId.pid]).toEqual([false, pid]);
    expect(await node.isReady()).toBe(true);
  }
  const plain = velour(['doctor', address]);
  expect(await plain.exit()).toBe(0);
  expect(plain.stdout).toMatch(/^nothing was found; not looked at: .*--data-dir.*--listen.*\n$/);
});

describe('a machine', () => {
  test('with too few descriptors', async () => {
    const before = ['sh', '-c', 'ulimit -Sn 300; ulimit -Hn 300; exec "$@"', 'sh'];
    const { what, todo } = one(await examine([], { before }), 'descriptors');
    expect(what).toContain('300 files and sockets');
    expect(todo).toContain('ulimit -n');
  });

  test('with less memory than --memory says, as its container has it', async () => {
    const env = preload(`process.constrainedMemory = () => 100 * 2 ** 20;`);
    expect(one(await examine([], { env }), 'memory').what).toMatch(
      /--memory is 32 MiB.*has 100 MiB/,
    );
  });

  test('with an old Node.js, which is told before anything is loaded', async () => {
    const versions = `{ ...process.versions, node: '18.20.8' }`;
    const env = preload(`Object.defineProperty(process, 'versions', { value: ${versions} });`);
    const doctor = velour(['doctor'], env);
    expect(await doctor.exit()).toBe(78);
    expect(doctor.stderr).toContain('this is Node.js 18.20.8, and velour needs 20.19');
  });

  test.each(['127.0.0.1', '::1'])('where %s has the port already', async (taken) => {
    const [port = 0] = await freePorts(1);
    const holder = createServer().listen(port, taken);
    cleanUps.push(() => holder.close());
    const { what } = one(await examine(['--listen', `${port}`, '--host', 'localhost']), 'port');
    expect(what).toMatch(
      new RegExp(`port ${port} on .*${taken}.*in use by .*process ${process.pid}`),
    );
  });

  test('which has not the address to listen on', async () => {
    const words = ['--listen', '12345', '--host', '192.0.2.1'];
    expect(one(await examine(words), 'port').what).toContain('192.0.2.1 is not an address');
  });
});

describe('a directory', () => {
  async function directories(): Promise<{ cluster: Fleet; path: string; state: string }> {
    const cluster = await fleet({ data: 'all' });
    await cluster.untilSettled();
    const [path, state] = ['storage-0', 'controller-0'].map((name) =>
      join(cluster.directory, name),
    );
    return { cluster, path: path ?? '', state: state ?? '' };
  }

  test('that another process uses is not disturbed, and neither is a copy of it taken', async () => {
    const { cluster, path, state } = await directories();
    const node = cluster.storage(0);
    const used = one(await examine(['--data-dir', path]), 'in-use');
    expect(used.what).toMatch(
      new RegExp(`velour storage ${node.address} \\(process ${node.incarnationId.pid}\\)`),
    );
    expect(one(await examine(['--data-dir', state]), 'in-use').what).toContain('velour controller');
    const copy = join(folder(), 'copy');
    cpSync(path, copy, { recursive: true, filter: (name) => !name.includes('directory.lock') });
    expect(one(await examine(['--data-dir', copy]), 'in-use').what).toContain('is a copy of');
    expect(await node.isReady()).toBe(true);
  });

  test('of which a part is damaged, missing, foreign, open to others or of another owner', async () => {
    const { cluster, path, state } = await directories();
    for (const node of cluster.nodes) await node.incarnationId.stop();
    const findingsIn = async (change: (copy: string) => void, of = path) => {
      const copy = join(folder(), 'copy');
      cpSync(of, copy, { recursive: true, filter: (name) => !name.includes('directory.lock') });
      change(copy);
      const before = sightOf(copy);
      const findings = await examine(['--data-dir', copy]);
      expect(sightOf(copy)).toEqual(before);
      return findings;
    };
    expect(await findingsIn(() => undefined)).toEqual([]);
    expect(await findingsIn(() => undefined, state)).toEqual([]);
    const flip = (name: string, at: number) => (copy: string) => {
      const bytes = readFileSync(join(copy, name));
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(join(copy, name), bytes);
    };
    const LOG = 'records-00000001.log';
    const damages: readonly (readonly [string, (copy: string) => void, string?])[] = [
      ['storage.identity cannot be used: ', flip('storage.identity', 60)],
      [
        'storage.identity cannot be used: it is empty',
        (copy) => truncateSync(join(copy, 'storage.identity')),
      ],
      [
        ': there are records in records-00000001.log and no storage.identity',
        (copy) => rmSync(join(copy, 'storage.identity')),
      ],
      ['storage.map cannot be used: its checksum', flip('storage.map', 200)],
      [`${LOG} cannot be used: it is damaged at byte 0`, flip(LOG, 20)],
      [
        'records-00000002.log cannot be used: it was written as records-00000001.log',
        (copy) => {
          cpSync(join(copy, LOG), join(copy, 'records-00000002.log'));
          rmSync(join(copy, LOG));
        },
      ],
      [
        'it was written as records-00000001.log',
        (copy) => cpSync(join(copy, LOG), join(copy, 'records-00000002.log')),
      ],
      ['directory.id is no id', (copy) => writeFileSync(join(copy, 'directory.id'), 'what\n')],
      ['controller.state cannot be used: its checksum', flip('controller.state', 200), state],
    ];
    for (const [what, change, of] of damages) {
      const findings = await findingsIn(change, of);
      expect(findings.map((each) => each.check)).toContain('damage');
      expect(findings.map((each) => each.what).join('\n')).toContain(what);
    }
    const strange = one(
      await findingsIn((copy) => writeFileSync(join(copy, 'notes.txt'), '')),
      'directory',
    );
    expect(strange.what).toContain('what no node put there: notes.txt');
    expect(await findingsIn((copy) => mkdirSync(join(copy, 'lost+found')))).toEqual([]);
    const both = await findingsIn((copy) =>
      cpSync(join(state, 'controller.state'), join(copy, 'controller.state')),
    );
    expect(one(both, 'directory').what).toContain('of a controller and of a storage node');
    expect(
      one(await findingsIn((copy) => chmodSync(join(copy, LOG), 0o644)), 'modes').what,
    ).toContain('0644');
    expect(one(await findingsIn((copy) => chmodSync(copy, 0o777)), 'modes').what).toContain('0777');
    if (isRoot) {
      expect(
        one(await findingsIn((copy) => chownSync(join(copy, LOG), 12345, 0)), 'owner').what,
      ).toContain("12345's");
    }
  });

  test('that is a file', async () => {
    const path = join(folder(), 'file');
    writeFileSync(path, '');
    expect(one(await examine(['--data-dir', path]), 'directory').what).toContain('no directory');
  });

  test.skipIf(!isRoot).each([
    ['of too few bytes', 'size=80m', /80 MiB free, and up to \d+ MiB more are needed for the log/],
    ['of too few inodes', 'size=900m,nr_inodes=10', /9 inodes free/],
    ['that is read-only', 'size=900m,ro', /cannot be written by this user: EROFS/],
  ])('on a file system %s (needs root)', async (_, options, expected) => {
    const path = folder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'velour-test', path], { stdio: 'pipe' });
    cleanUps.push(() => execFileSync('umount', [path], { stdio: 'pipe' }));
    const [port = 0] = await freePorts(1);
    const findings = await examine(['127.0.0.1:1', `127.0.0.1:${port}`, '--data-dir', path]);
    expect(findings.map(({ what }) => what).join('\n')).toMatch(expected);
  });
});

describe('a name', () => {
  /** A `getent` that comes first; what it does for every name. */
  const getent = (script: string) => {
    const bin = folder();
    writeFileSync(join(bin, 'getent'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return { PATH: `${bin}:${process.env.PATH}` };
  };

  test('that has no address', async () => {
    const findings = await examine(['controller.invalid:12000'], { env: getent('exit 2') });
    expect(one(findings, 'names').what).toBe('controller.invalid has no address');
  });

  test('of which the name server is silent, or slow', async () => {
    const silent = await examine(['controller.invalid:12000'], { env: getent('exec sleep 60') });
    expect(one(silent, 'names').what).toMatch(
      /controller.invalid could not be looked up within \d+ ms/,
    );
    const cluster = await fleet();
    await cluster.untilSettled();
    const port = cluster.controller.address.split(':')[1];
    const slow = getent('sleep 2; echo 127.0.0.1 STREAM x');
    const found = one(await examine([`controller.invalid:${port}`], { env: slow }), 'names');
    expect(found.what).toMatch(/controller.invalid took \d+ ms to look up/);
  });

  test('that stands for an address where nobody listens', async () => {
    const cluster = await fleet();
    await cluster.untilSettled();
    const port = cluster.controller.address.split(':')[1];
    const both = getent('echo ::1 STREAM x; echo 127.0.0.1 STREAM x');
    const found = one(await examine([`controller.invalid:${port}`], { env: both }), 'names');
    expect(found.what).toContain(`nobody answers at [::1]:${port}`);
  });

  test('of the own address that only this machine knows', async () => {
    const elsewhere = getent('echo 192.0.2.1 STREAM x');
    const [port = 0] = await freePorts(1);
    const findings = await examine(['controller.invalid:1', `127.0.0.1:${port}`], {
      env: elsewhere,
    });
    expect(findings.map(({ what }) => what).join('\n')).toContain(
      'where no other machine reaches it',
    );
  });
});

describe('a cluster', () => {
  test('whose controller is not there, or is something else', async () => {
    const [port = 0] = await freePorts(1);
    expect(one(await examine([`127.0.0.1:${port}`]), 'reach').what).toContain('ECONNREFUSED');
    const cluster = await fleet();
    const findings = await examine([cluster.storage(0).address]);
    expect(one(findings, 'reach').what).toContain('is no controller: it is a storage node');
  });

  test('whose controller hangs, in bounded time', async () => {
    const cluster = await fleet();
    cluster.controller.signal('SIGSTOP');
    expect(one(await examine([cluster.controller.address]), 'reach').what).toContain(
      'no answer within',
    );
    cluster.controller.signal('SIGCONT');
  });

  test('that waits for storage nodes', async () => {
    const [port = 0] = await freePorts(1);
    const controller = velour(['controller', `${port}`, '2', '1']);
    cleanUps.push(() => controller.stop('SIGKILL'));
    await controller.printed('stderr', 'listening');
    const findings = await examine([`127.0.0.1:${port}`]);
    expect(findings.map(({ check }) => check)).toContain('cluster');
    expect(findings.map(({ what }) => what).join('\n')).toContain('0 of 2');
  });

  test('with a clock that is off, of this machine or of a node', async () => {
    const shifted =
      'const now = Date.now.bind(Date); Date.now = () => now() + Number(process.env.SHIFT_MS ?? 0);';
    const env = preload(shifted);
    const cluster = await fleet({
      storages: 3,
      commandFor: ({ role, index }) =>
        role === 'storage' && index === 0
          ? ['env', `NODE_OPTIONS=${env.NODE_OPTIONS}`, 'SHIFT_MS=-60000']
          : [],
    });
    await cluster.untilSettled();
    const { address } = cluster.controller;
    await until(async () => (await examine([address])).some(({ check }) => check === 'clock'));
    const ofNode = await examine([address]);
    const behind = ofNode.find(({ check }) => check === 'clock');
    expect(behind?.what).toMatch(
      new RegExp(`storage node ${cluster.storage(0).address} is [56]\\d\\.\\d s behind`),
    );
    const here = await examine([address], { env: { ...env, SHIFT_MS: '3600000' } });
    expect(here.map(({ what }) => what).join('\n')).toMatch(
      /clock of this machine is 3[56]\d\d\.\d s ahead/,
    );
  });

  test('with another version or another time scale than this machine', async () => {
    const copy = folder();
    cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const software = join(copy, 'dist/cluster/software.js');
    writeFileSync(software, readFileSync(software, 'utf8').replace(VERSION, '9.9.9'));
    const cluster = await fleet();
    await cluster.untilSettled();
    const { address } = cluster.controller;
    const frontend = new Started(process.execPath, [
      ...[join(copy, 'dist/cli.js'), 'frontend', address, `127.0.0.1:${(await freePorts(1))[0]}`],
      ...['--time-scale', '3'],
    ]);
    cleanUps.push(() => frontend.stop('SIGKILL'));
    await frontend.printed('stderr', 'map adopted');
    const newer = await examine([address]);
    expect(one(newer, 'versions').what).toMatch(
      /^frontend 127\.0\.0\.1:\d+ runs velour-fog 9\.9\.9, and here is/,
    );
    const older = await examine([address], { cli: join(copy, 'dist/cli.js') });
    expect(one(older, 'versions').what).toContain(`${VERSION}, and here is 9.9.9`);
    await frontend.stop('SIGKILL');
    const scale = await examine([address, '--time-scale', '5']);
    expect(scale.find(({ check }) => check === 'time-scale')?.what).toBe(
      '--time-scale is 5 here, and 3 of the controller',
    );
  });

  test('with a node that this machine cannot reach, though the controller hears it', async () => {
    const hidden = `127.0.0.77:${(await freePorts(1))[0]}`;
    const cluster = await fleet({
      storages: 3,
      addressOf: (role, index) => (role === 'storage' && index === 0 ? hidden : undefined),
      optionsFor: ({ role, index }) =>
        role === 'storage' && index === 0 ? ['--host', '127.0.0.1'] : [],
    });
    const findings = await examine([cluster.controller.address]);
    const reach = findings.find(({ check }) => check === 'reach');
    expect(reach?.what).toContain(
      `storage ${hidden} does not run where it is asked: nothing listens there (ECONNREFUSED)`,
    );
    expect(reach?.todo).toMatch(/start it if it does not come back; only if it runs.*firewall/);
  });

  test('with partitions that are offline and a node that is gone', async () => {
    const cluster = await fleet({ redundancy: 1 });
    await cluster.untilSettled();
    await cluster.storage(0).kill();
    let texts = '';
    // Fenced by the word of others, it is not silent for long yet.
    await until(async () => {
      const findings = await examine([cluster.controller.address]);
      texts = findings.map(({ what, todo }) => `${what}; ${todo}`).join('\n');
      return /storage node .* was not heard for [\d.]+ s, and is fenced/.test(texts);
    });
    expect(texts).toMatch(/\d+ partitions are offline.*velour accept-loss/);
  });

  test('with a disk that cannot be written, and less nodes than copies', async () => {
    const cluster = await fleet({ data: 'all' });
    await cluster.untilSettled();
    rmSync(join(cluster.directory, 'storage-0', 'records-00000001.log'));
    const found = async () => examine([cluster.controller.address]);
    await until(async () => (await found()).some(({ check }) => check === 'disk'));
    const disk = (await found()).filter(({ check }) => check === 'disk');
    expect(disk.map(({ what }) => what).join('\n')).toContain('records-00000001.log was removed');
    await cluster.storage(1).kill();
    await until(async () => (await found()).some(({ check }) => check === 'nodes'));
  });

  test('with memory that is nearly taken', async () => {
    const cluster = await fleet({
      storages: 1,
      redundancy: 1,
      optionsFor: ({ role }) => (role === 'storage' ? ['--memory', '32MiB'] : []),
    });
    await cluster.untilSettled();
    const body = Buffer.alloc(500_000, 'x');
    const set = async (key: number) => {
      const url = `http://${cluster.frontend(0).address}/set?key=${key}`;
      return (await fetch(url, { method: 'POST', body })).status;
    };
    let key = 0;
    await until(async () => (await set(key++)) === 507);
    const findings = await examine([cluster.controller.address]);
    expect(one(findings, 'memory').what).toMatch(/has taken (?:9\d|10\d) % of its --memory/);
  });
});
