// File servers as processes, asked with curl: what comes back, what a stop, a kill and a full disk leave, and which
// directories they refuse.

import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newBlobId } from '../../src/files/blob-id.ts';
import { BlockChecksums } from '../../src/files/block-checksums.ts';
import { call } from '../helpers/client.ts';
import {
  CLI,
  childrenOf,
  freePorts,
  isAlive,
  Started,
  startCluster,
  until,
  velour,
} from '../helpers/cluster.ts';
import { type Fault, FaultyDisk, readOnly } from '../helpers/faulty-disk.ts';
import { Fleet, type FleetSettings, type Node, TIME_SCALE } from '../helpers/fleet.ts';
import { smallDisk } from '../helpers/small-disk.ts';

const run = promisify(execFile);
const MEBIBYTE = 1024 * 1024;

let scratch: string;
const cleanUps: (() => unknown)[] = [];
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cleanUps.push(() => rmSync(scratch, { recursive: true }));
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function fleet(settings: FleetSettings = {}): Promise<Fleet> {
  const started = await Fleet.start({
    storages: 1,
    frontends: 0,
    redundancy: 1,
    fileservers: 1,
    ...settings,
  });
  cleanUps.push(() => started.stop());
  return started;
}

interface Blob {
  readonly id: string;
  readonly path: string;
  readonly bytes: Buffer;
  readonly commit: string;
}

let made = 0;
function blob(bytes: number): Blob {
  const content = randomBytes(bytes);
  const id = newBlobId(Date.now(), randomBytes(16).toString('hex'));
  const path = join(scratch, `blob-${made++}`);
  writeFileSync(path, content);
  const checksums = new BlockChecksums();
  checksums.add(content);
  const commit = JSON.stringify({
    size: bytes,
    crc: checksums.end().toString('base64'),
    sha512: createHash('sha512').update(content).digest('hex'),
    owner: Buffer.from('owner').toString('base64'),
    manifest: Buffer.from('{}').toString('base64'),
  });
  return { id, path, bytes: content, commit };
}

interface Told {
  readonly status: number;
  readonly body: Buffer;
  /** Of curl: 18 and 56 for an answer that was not whole. */
  readonly exit: number;
}

async function curl(...words: readonly string[]): Promise<Told> {
  const output = join(scratch, `answer-${made++}`);
  const flags = ['--silent', '--show-error', '--output', output, '--write-out', '%{http_code}'];
  const { stdout, code } = await run('curl', [...flags, ...words]).then(
    ({ stdout }) => ({ stdout, code: 0 }),
    (error: { stdout: string; code: number }) => error,
  );
  const body = existsSync(output) ? readFileSync(output) : Buffer.alloc(0);
  return { status: Number(stdout), body, exit: Number(code) };
}

const stage = ({ id, path }: Blob, { address }: Node) =>
  curl('-T', path, `http://${address}/blobs/${id}`);
const commit = ({ id, commit: message }: Blob, { address }: Node) =>
  curl('-d', message, `http://${address}/blobs/${id}/commit`);
const get = ({ id }: Pick<Blob, 'id'>, { address }: Node, ...words: readonly string[]) =>
  curl(...words, `http://${address}/blobs/${id}`);

async function put(one: Blob, to: Node): Promise<void> {
  expect((await stage(one, to)).status).toBe(201);
  expect((await commit(one, to)).status).toBe(200);
}

async function expectWhole(one: Blob, from: Node): Promise<void> {
  const { status, body } = await get(one, from);
  expect(status).toBe(200);
  expect(body.equals(one.bytes)).toBe(true);
}

function filesBelow(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('with curl', () => {
  test('a file goes up and comes down, whole and in parts, and its files are for nobody else', async () => {
    const cluster = await fleet();
    const server = cluster.fileserver(0);
    const one = blob(3 * MEBIBYTE + 5);
    await put(one, server);
    await expectWhole(one, server);
    const middle = await get(one, server, '-r', '300000-1000000');
    expect([middle.status, middle.body.equals(one.bytes.subarray(300_000, 1_000_001))]).toEqual([
      206,
      true,
    ]);
    // A download that goes on where it was cut off, and one that has all of it already.
    const path = join(scratch, 'continued');
    writeFileSync(path, one.bytes.subarray(0, 1_234_567));
    const url = `http://${server.address}/blobs/${one.id}`;
    await run('curl', ['-sS', '-C', '-', '-o', path, url]);
    expect(readFileSync(path).equals(one.bytes)).toBe(true);
    expect((await curl('-I', url)).status).toBe(200);
    const directory = join(cluster.directory, 'fileserver-0');
    for (const file of filesBelow(directory).filter((each) => !each.includes('directory.lock'))) {
      expect(statSync(file).mode & 0o777, file).toBe(0o600);
    }
    for (const folder of ['', 'blobs', 'incoming', 'trash', 'corrupt']) {
      expect(statSync(join(directory, folder)).mode & 0o777, folder).toBe(0o700);
    }
    // The plain bytes, which a web server may serve.
    const own = filesBelow(join(directory, 'blobs')).find((each) => each.endsWith(one.id)) ?? '';
    expect(own).toMatch(/\/blobs\/[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{32}$/);
    expect(readFileSync(own).equals(one.bytes)).toBe(true);
  });

  test('a body without a length is taken as well', async () => {
    const server = (await fleet()).fileserver(0);
    const one = blob(2 * MEBIBYTE);
    const url = `http://${server.address}/blobs/${one.id}`;
    const { stdout } = await run('sh', [
      '-c',
      `cat ${one.path} | curl -sS -T - ${url} -w '%{http_code}'`,
    ]);
    expect(stdout).toContain('201');
    expect((await commit(one, server)).status).toBe(200);
    await expectWhole(one, server);
  });

  test('a flipped byte on the disk breaks the download, and never arrives', async () => {
    const cluster = await fleet();
    const server = cluster.fileserver(0);
    const one = blob(MEBIBYTE);
    await put(one, server);
    const blobs = join(cluster.directory, 'fileserver-0', 'blobs');
    const path = filesBelow(blobs).find((each) => each.endsWith(one.id)) ?? '';
    const spoiled = Buffer.from(one.bytes);
    spoiled[700_000] = (spoiled[700_000] ?? 0) ^ 1;
    writeFileSync(path, spoiled);
    const { exit, body } = await get(one, server);
    expect([18, 56]).toContain(exit);
    expect(body.equals(one.bytes.subarray(0, body.length))).toBe(true);
    await until(async () => (await get(one, server)).status === 404);
    expect(filesBelow(blobs)).toEqual([]);
  });

  test('a blob is pulled by another file server', async () => {
    const cluster = await fleet({ fileservers: 2 });
    const [first, second] = [cluster.fileserver(0), cluster.fileserver(1)];
    const one = blob(5 * MEBIBYTE);
    await put(one, first);
    const message = JSON.stringify({ from: first.address });
    const url = `http://${second.address}/blobs/${one.id}/pull`;
    expect((await curl('-d', message, url)).status).toBe(200);
    await first.kill();
    await expectWhole(one, second);
  });
});

describe('what an end of the process leaves', () => {
  test('by SIGKILL in the middle of uploads and commits: all that was acknowledged, and nothing else', async () => {
    const cluster = await fleet();
    const server = cluster.fileserver(0);
    const directory = join(cluster.directory, 'fileserver-0');
    const acknowledged = new Set<Blob>();
    const asked: Blob[] = [];
    for (let round = 0; round < 3; round++) {
      let isOver = false;
      const writers = Array.from({ length: 4 }, async (_, index) => {
        while (!isOver) {
          const one = blob(index === 0 ? 8 * MEBIBYTE : 50_000);
          asked.push(one);
          if ((await stage(one, server)).status !== 201) break;
          if ((await commit(one, server)).status !== 200) break;
          acknowledged.add(one);
        }
      });
      const before = acknowledged.size;
      await until(() => acknowledged.size >= before + 5);
      await server.kill();
      isOver = true;
      await Promise.all(writers);
      server.start();
      await until(() => server.isReady());
      expect(filesBelow(join(directory, 'incoming'))).toEqual([]);
    }
    for (const one of asked) {
      const { status, body } = await get(one, server);
      if (acknowledged.has(one)) expect(status).toBe(200);
      else expect([200, 404]).toContain(status);
      if (status === 200) expect(body.equals(one.bytes)).toBe(true);
    }
    await until(async () => ((await server.status()) as { counted: boolean }).counted);
    const files = filesBelow(join(directory, 'blobs'));
    expect(files.length % 2).toBe(0);
  });

  test('by SIGTERM while a body comes: the upload ends, and the process after it', async () => {
    const cluster = await fleet();
    const server = cluster.fileserver(0);
    const one = blob(6 * MEBIBYTE);
    const url = `http://${server.address}/blobs/${one.id}`;
    const slow = curl('--limit-rate', '4M', '-T', one.path, url);
    const incoming = join(cluster.directory, 'fileserver-0', 'incoming');
    await until(() => filesBelow(incoming).length > 0);
    server.signal('SIGTERM');
    expect((await slow).status).toBe(201);
    expect(await server.incarnationId.exit()).toBe(0);
  });

  test('and a restart while the controller is away: it serves what it has', async () => {
    const cluster = await fleet({ data: 'all' });
    const server = cluster.fileserver(0);
    const one = blob(100_000);
    await put(one, server);
    await cluster.controller.kill();
    await server.incarnationId.stop('SIGTERM');
    server.start();
    await until(() => server.isReady());
    await expectWhole(one, server);
    const other = blob(100_000);
    await put(other, server);
  });
});

/** A file server on a directory of the test's own, in place of none of the fleet. */
async function startOn(path: string, { controller }: Fleet) {
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const words = [controller.address, address, '--data-dir', path];
  const scale = ['--time-scale', String(TIME_SCALE)];
  const started = new Started(process.execPath, [CLI, 'fileserver', ...words, ...scale]);
  cleanUps.push(() => started.stop('SIGKILL'));
  // One that was in a cluster before is ready while it has not reached the controller yet.
  const joins = until(async () => {
    const told = await call(address, '/status').catch(() => undefined);
    return started.ended || (told?.status === 200 && JSON.parse(told.text).joined === true);
  });
  const code = await Promise.race([started.exit(), joins]);
  /** Undefined when it serves instead of ending. */
  return { code: started.ended ? await started.exit() : code, stderr: started.stderr };
}

describe('a directory', () => {
  const refused = async (node: Node, message: RegExp, ...more: readonly string[]) => {
    node.start(...more);
    const code = await node.incarnationId.exit();
    expect(node.incarnationId.stderr).toMatch(message);
    expect(code).toBe(78);
    expect(node.incarnationId.stderr).not.toMatch(/\n {4}at /);
  };

  test('of another cluster is refused, and nothing in it changes', async () => {
    const [first, second] = [await fleet(), await fleet({ fileservers: 2 })];
    const one = blob(100_000);
    await put(one, first.fileserver(0));
    await first.fileserver(0).incarnationId.stop('SIGTERM');
    const directory = join(first.directory, 'fileserver-0');
    const contents = () => {
      const files = filesBelow(directory).filter((each) => !each.includes('directory.lock'));
      return files.map((each) => [each, readFileSync(each).toString('base64')]);
    };
    const before = contents();
    const started = await startOn(directory, second);
    expect(started.code).toBe(78);
    expect(started.stderr).toMatch(/holds blobs of cluster [0-9a-f]{32}: start/);
    expect(contents()).toEqual(before);
    first.fileserver(0).start();
    await until(() => first.fileserver(0).isReady());
    await expectWhole(one, first.fileserver(0));
  });

  test('that is in use is refused, as is a copy of it', async () => {
    const cluster = await fleet();
    const directory = join(cluster.directory, 'fileserver-0');
    const copy = join(scratch, 'copy');
    await run('cp', ['-a', directory, copy]);
    for (const path of [directory, copy]) {
      const started = await startOn(path, cluster);
      expect(started.code).toBe(78);
      expect(started.stderr).toContain('is in use by another process');
    }
  });

  test('of another format, of another role, without its identity, that is none or has another id', async () => {
    const cluster = await fleet();
    const server = cluster.fileserver(0);
    const directory = join(cluster.directory, 'fileserver-0');
    await put(blob(1000), server);
    await server.incarnationId.stop('SIGTERM');
    const identity = join(directory, 'fileserver.identity');
    const before = readFileSync(identity);
    writeFileSync(identity, before.toString().replace('"format":1', '"format":2'));
    await refused(server, /it is of format 2, and this software reads 1/);
    rmSync(identity);
    await refused(server, /has blobs\/ and no fileserver\.identity/);
    writeFileSync(identity, before);
    await refused(server, /belongs to file server .*; give --name/, '--name', 'another');
    server.start();
    await until(() => server.isReady());
    const starting = async (path: string) => {
      const started = await startOn(path, cluster);
      expect(started.code).toBe(78);
      return started.stderr;
    };
    const other = join(scratch, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'storage.identity'), 'x');
    expect(await starting(other)).toContain('it is that of a storage node');
    writeFileSync(join(scratch, 'file'), 'x');
    expect(await starting(join(scratch, 'file'))).toMatch(/ENOTDIR; it is no directory/);
  });

  test('that is read-only is refused', async ({ skip }) => {
    const path = join(scratch, 'read-only');
    mkdirSync(path);
    const before = readOnly(path);
    if (before === undefined) return skip('nobody may mount anything here');
    const [command = '', ...words] = before;
    const line = [process.execPath, CLI, 'fileserver', '127.0.0.1:1', '127.0.0.1:2'];
    const started = new Started(command, [...words, ...line, '--data-dir', path]);
    cleanUps.push(() => started.stop('SIGKILL'));
    expect(await started.exit()).toBe(78);
    expect(started.stderr).toMatch(/EROFS; its file system is read-only; make it writable/);
  });

  test('that nobody but its owner may write is refused to others', async ({ skip }) => {
    if (process.getuid?.() === 0) return skip('root may write everything');
    const path = join(scratch, 'closed');
    mkdirSync(path);
    chmodSync(path, 0o500);
    const words = ['127.0.0.1:1', '127.0.0.1:2', '--data-dir', path];
    const started = new Started(process.execPath, [CLI, 'fileserver', ...words]);
    expect(await started.exit()).toBe(78);
    chmodSync(path, 0o700);
  });
});

describe('a disk', () => {
  const faulty = async (faults: FaultyDisk) => {
    const cluster = await fleet({
      commandFor: ({ role }) => (role === 'fileserver' ? faults.before : []),
    });
    return { cluster, server: cluster.fileserver(0) };
  };

  test('that is full refuses with 507, serves on, and takes deletes', async ({ skip }) => {
    const disk = smallDisk(16);
    if (disk === undefined) return skip('no file system can be mounted here');
    cleanUps.push(() => disk.release());
    const cluster = await fleet({
      directoryOf: ({ role }) => (role === 'fileserver' ? join(disk.path, 'data') : undefined),
    });
    const server = cluster.fileserver(0);
    const kept: Blob[] = [];
    let last: Told | undefined;
    while (last === undefined || last.status === 201) {
      const one = blob(2 * MEBIBYTE);
      last = await stage(one, server);
      if (last.status !== 201) break;
      expect((await commit(one, server)).status).toBe(200);
      kept.push(one);
      expect(kept.length).toBeLessThan(8);
    }
    expect(last?.status).toBe(507);
    expect(last?.body.toString()).toMatch(/no room/);
    for (const one of kept) await expectWhole(one, server);
    // Without a length it is found out while it comes, and nothing of it stays.
    const endless = blob(6 * MEBIBYTE);
    const url = `http://${server.address}/blobs/${endless.id}`;
    const { stdout } = await run('sh', [
      '-c',
      `cat ${endless.path} | curl -sS -o /dev/null -T - ${url} -w '%{http_code}'`,
    ]).catch((error: { stdout: string }) => error);
    expect(stdout).toContain('507');
    await until(() => filesBelow(join(disk.path, 'data', 'incoming')).length === 0);
    expect(await server.isReady()).toBe(true);
    const [first] = kept;
    if (first === undefined) throw new Error('some were taken');
    expect((await curl('-X', 'DELETE', `http://${server.address}/blobs/${first.id}`)).status).toBe(
      200,
    );
    const { freeBytes } = (await server.status()) as { freeBytes: number };
    expect(freeBytes).toBeLessThan(2 * MEBIBYTE);
    await server.incarnationId.stop('SIGTERM');
  });

  test.each<[string, Fault]>([
    ['a sync', { calls: ['sync'], file: '', how: 'EIO' }],
    ['a write', { calls: ['write'], file: '', how: 'EIO' }],
    ['the rename', { calls: ['rename'], file: '', how: 'EROFS' }],
  ])(
    'on which %s fails: no commit is acknowledged, and what was there is served',
    async (_, fault) => {
      const faults = new FaultyDisk(join(scratch, 'fault'));
      const { server } = await faulty(faults);
      const [before, failed] = [blob(100_000), blob(100_000)];
      await put(before, server);
      if (fault.calls[0] !== 'write') expect((await stage(failed, server)).status).toBe(201);
      faults.fail(fault);
      const told =
        fault.calls[0] === 'write' ? await stage(failed, server) : await commit(failed, server);
      expect(told.status).toBe(503);
      expect((await get(failed, server)).status).toBe(404);
      await expectWhole(before, server);
      const { text } = await call(server.address, '/room');
      expect(JSON.parse(text).readOnly).toBe(true);
      // Not because it works again: what it said before cannot be relied on.
      faults.heal();
      expect((await stage(blob(10), server)).status).toBe(503);
      await server.kill();
      server.start();
      await until(() => server.isReady());
      await put(failed, server);
      await expectWhole(failed, server);
    },
  );

  test('short writes are written on', async () => {
    const faults = new FaultyDisk(join(scratch, 'fault'));
    const { server } = await faulty(faults);
    faults.fail({ calls: ['write'], how: 'short', times: 5 });
    const one = blob(3 * MEBIBYTE);
    await put(one, server);
    faults.heal();
    await expectWhole(one, server);
  });
});

test('the doctor knows its directory, before a start and while it runs', async () => {
  const cluster = await fleet();
  const server = cluster.fileserver(0);
  const directory = join(cluster.directory, 'fileserver-0');
  await put(blob(1000), server);
  const examine = async (...more: readonly string[]) => {
    const words = [cluster.controller.address, server.address, '--data-dir', directory];
    const scale = ['--time-scale', String(TIME_SCALE), '--json'];
    const doctor = new Started(process.execPath, [CLI, 'doctor', ...words, ...scale, ...more]);
    await doctor.exit();
    const { findings } = JSON.parse(doctor.stdout) as { findings: { check: string }[] };
    const ofMachine = ['descriptors', 'memory', 'names', 'clock'];
    return findings.filter(({ check }) => !ofMachine.includes(check));
  };
  expect(await examine('--running')).toEqual([]);
  await server.incarnationId.stop('SIGTERM');
  const before = await examine();
  expect(before.filter(({ check }) => check !== 'reach')).toEqual([]);
  const identity = join(directory, 'fileserver.identity');
  writeFileSync(identity, readFileSync(identity).toString().replace('"node"', '"nope"'));
  const found = await examine();
  expect(found.filter(({ check }) => check === 'damage')).toMatchObject([
    { what: expect.stringContaining('fileserver.identity cannot be used') },
  ]);
});

describe('velour local', () => {
  const here = () => readdirSync(tmpdir()).filter((name) => name.startsWith('velour-files-'));

  test('starts file servers, which have joined when it is ready', async () => {
    const cluster = await startCluster({
      frontends: 1,
      storages: 1,
      redundancy: 1,
      fileservers: 2,
    });
    cleanUps.push(() => cluster.stop());
    expect(cluster.process.stdout).toContain('1 frontend, 2 file servers. Try:');
    const { text } = await call(cluster.controller, '/status');
    const known = Object.values<{ address: string }>(JSON.parse(text).fileServers);
    expect(known.map(({ address }) => address).sort()).toEqual([...cluster.fileservers].sort());
    const titles = childrenOf(cluster.process.pid).map(({ title }) => title);
    for (const address of cluster.fileservers) {
      expect(titles).toContain(`velour fileserver ${address}`);
    }
    // One that takes a frontend for the controller says what is there.
    const [port] = await freePorts(1);
    const [frontend = ''] = cluster.frontends;
    const words = [
      'fileserver',
      frontend,
      `127.0.0.1:${port}`,
      '--data-dir',
      join(scratch, 'astray'),
    ];
    const astray = velour(words);
    cleanUps.push(() => astray.stop());
    await astray.printed('stderr', `what answers at ${frontend} is a frontend, and no controller`);
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'without DATA_DIR keeps no blob when it ends by %s',
    async (signal) => {
      const before = here();
      const cluster = await startCluster({
        frontends: 1,
        storages: 1,
        redundancy: 1,
        fileservers: 2,
      });
      const [address = ''] = cluster.fileservers;
      const one = blob(100_000);
      expect((await curl('-T', one.path, `http://${address}/blobs/${one.id}`)).status).toBe(201);
      const own = here().filter((name) => !before.includes(name));
      expect(own.length).toBeGreaterThan(0);
      const children = childrenOf(cluster.process.pid);
      await cluster.process.stop(signal);
      await until(() => children.every(({ pid }) => !isAlive(pid)));
      await until(() => own.every((name) => !here().includes(name)));
    },
  );

  test('gives one that stops the drain timeout for uploads, and again for what is open then', async () => {
    const cluster = await startCluster({
      frontends: 1,
      storages: 1,
      redundancy: 1,
      fileservers: 1,
      words: ['--drain-timeout', '5'],
    });
    const [address = ''] = cluster.fileservers;
    const [host = '', port] = address.split(':');
    const upload = connect(Number(port), host);
    cleanUps.push(() => upload.destroy());
    upload.on('error', () => undefined);
    const fields = 'host: x\r\ncontent-length: 1000\r\nexpect: 100-continue';
    upload.write(`PUT /blobs/${blob(0).id} HTTP/1.1\r\n${fields}\r\n\r\n`);
    const [told] = await once(upload, 'data');
    expect(String(told)).toContain('100 Continue');
    // Nothing of the body ever comes.
    expect(await cluster.stop()).toBe(0);
    expect(cluster.process.stderr).not.toContain('did not stop in time');
  });

  test('with DATA_DIR keeps them below it', async () => {
    const settings = {
      frontends: 1,
      storages: 1,
      redundancy: 1,
      fileservers: 1,
      env: { DATA_DIR: join(scratch, 'data') },
    };
    const first = await startCluster(settings);
    const one = blob(100_000);
    const at = (address = '') => ({ address }) as Node;
    await put(one, at(first.fileservers[0]));
    expect(await first.stop()).toBe(0);
    expect(existsSync(join(scratch, 'data', 'fileserver-0', 'blobs'))).toBe(true);
    // On another port: the directory has the identity, and the address may change.
    const second = await startCluster(settings);
    cleanUps.push(() => second.stop());
    await expectWhole(one, at(second.fileservers[0]));
    // Each start says that it was taken in, not only the first.
    await second.process.printed('stderr', '"msg":"joined","role":"fileserver"');
  });

  test.each([
    ['as the words say', ['--when-full', 'evict'], false],
    ['as an earlier start founded it', [], true],
  ])('starts none for a cache, %s', async (_, words, keeps) => {
    const env: Record<string, string> = keeps ? { DATA_DIR: join(scratch, 'data') } : {};
    const settings = { frontends: 1, storages: 1, redundancy: 1, fileservers: 2, env };
    if (keeps) await (await startCluster({ ...settings, words: ['--when-full', 'evict'] })).stop();
    const cluster = await startCluster({ ...settings, words });
    cleanUps.push(() => cluster.stop());
    expect(childrenOf(cluster.process.pid)).toHaveLength(3);
    expect(cluster.process.stdout).not.toContain('file server');
  });
});

test('a cache refuses file servers, with 78 and why', async () => {
  const cluster = await fleet({
    frontends: 1,
    fileservers: 0,
    optionsFor: ({ role }) => (role === 'controller' ? ['--when-full', 'evict'] : []),
  });
  const started = await startOn(join(scratch, 'files'), cluster);
  expect(started.code).toBe(78);
  expect(started.stderr).toMatch(
    /this cluster is a cache .*: files need a cluster that is a store/,
  );
});
