// Tickets at the door of real file servers, used by curl and by clients that send what no decent one does: each reads the content that it
// is for, or stores one file.

import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BlobId, newBlobId } from '../../src/files/blob-id.ts';
import { DEFAULT_CLASS, type FileKey } from '../../src/files/file-key.ts';
import type { FileVersion, FindFileOutcome } from '../../src/files/outcomes.ts';
import { readTerms, type TicketTerms, type WriteTicket } from '../../src/files/tickets/ticket.ts';
import type { IssueTicketOutcome, TicketState } from '../../src/files/tickets/tickets.ts';
import { type Answer, type CallOptions, call } from '../helpers/client.ts';
import { until } from '../helpers/cluster.ts';
import { FileClient, keyOf, sha512Of } from '../helpers/file-client.ts';
import { Fleet, type Node } from '../helpers/fleet.ts';

const run = promisify(execFile);
const SPACE = 'd:default';
/** Longer than what is in a record, and of several blocks. */
const LONG = randomBytes(700_001);
const HOUR_MS = 3_600_000;
const PUBLIC = 'files.example.com:80';

describe('a file server', () => {
  let fleet: Fleet;
  let client: FileClient;
  const scratch = mkdtempSync(join(tmpdir(), 'velour-tickets-'));
  beforeAll(async () => {
    fleet = await Fleet.start({
      storages: 3,
      frontends: 1,
      fileservers: 3,
      optionsFor: ({ role, index }) =>
        role === 'fileserver' && index === 1 ? ['--public-address', PUBLIC] : [],
    });
    client = await FileClient.connect(fleet.controller.address);
  });
  afterAll(async () => {
    rmSync(scratch, { recursive: true, force: true });
    await fleet?.stop();
  });

  const door = (index = 0) => fleet.fileserver(index).address;
  const base64 = (name: string, bytes: Buffer) => createHash(name).update(bytes).digest('base64');

  async function issue(terms: TicketTerms, lifetimeMs = HOUR_MS): Promise<string> {
    const issued = await new Promise<IssueTicketOutcome>((resolve) =>
      client.files.tickets.issue(terms, lifetimeMs, resolve),
    );
    if (issued.kind !== 'issued') throw new Error(issued.detail);
    return issued.token;
  }

  async function find(path: string): Promise<FileVersion | undefined> {
    const found = await new Promise<FindFileOutcome>((resolve) =>
      client.files.find(keyOf(path, SPACE), resolve),
    );
    return found.kind === 'found' ? found.file : undefined;
  }

  async function reading(path: string): Promise<string> {
    const file = await find(path);
    const terms = file && readTerms(file.manifest);
    if (terms === undefined) throw new Error(`${path} has no blob`);
    return issue(terms);
  }

  interface Storing {
    readonly id: BlobId;
    readonly token: string;
  }

  async function storing(
    path: string,
    more: Partial<WriteTicket> = {},
    lifetimeMs = HOUR_MS,
  ): Promise<Storing> {
    const id = newBlobId(Date.now(), randomBytes(16).toString('hex'));
    const token = await issue(
      {
        purpose: 'write',
        id,
        key: keyOf(path, SPACE) as FileKey,
        contentType: undefined,
        replicationClass: DEFAULT_CLASS,
        waitsForAll: false,
        bytesMax: 1_000_000,
        ...more,
      },
      lifetimeMs,
    );
    return { id, token };
  }

  const send = (token: string, body: Buffer, more: CallOptions = {}, at = door()) =>
    call(at, `/t/${token}/any%20name.bin`, { method: 'PUT', body, ...more });
  const fetched = (token: string, more: CallOptions = {}, at = door()) =>
    call(at, `/t/${token}/name.bin`, more);
  const stateOf = (id: BlobId) =>
    new Promise<TicketState>((resolve) => client.files.tickets.state(id, resolve));
  const codeOf = ({ headers }: Answer) => headers['x-fog-error'];

  /** Whether the file is that content, as a new reader has it. */
  async function expectStored(path: string, bytes: Buffer): Promise<FileVersion> {
    const file = await find(path);
    expect(file?.manifest).toMatchObject({ size: bytes.length, sha512: sha512Of(bytes) });
    if (file?.manifest.kind === 'blob') {
      const answer = await fetched(await reading(path));
      expect(answer.bytes.equals(bytes)).toBe(true);
    }
    return file as FileVersion;
  }

  test('is found where clients reach it, as it says itself', async () => {
    await client.put('located', LONG, DEFAULT_CLASS, SPACE);
    const file = (await find('located')) as FileVersion;
    const blob = file.manifest.kind === 'blob' ? file.manifest.blob : '';
    const places = new Map(
      fleet.fileservers.map(({ address }, index) => [address, index === 1 ? PUBLIC : address]),
    );
    // Once it was asked how it is.
    await until(() => {
      const all = client.files.fileServers;
      const areRight = all.every((each) => places.get(each.address) === each.publicAddress);
      return Promise.resolve(all.length === 3 && areRight);
    });
    // Clients are sent to those that should have it, and to no other one.
    const located = client.files.locate(file);
    expect(located).toHaveLength(2);
    for (const each of located) {
      expect(each.publicAddress).toBe(places.get(each.id));
      expect((await call(each.id, `/blobs/${blob}`)).status).toBe(200);
    }
    const id = newBlobId(Date.now(), randomBytes(16).toString('hex'));
    const target = client.files.targetFor(id, 1000);
    expect(target?.publicAddress).toBe(places.get(target?.id ?? ''));
    expect(client.files.targetFor(id, 2 ** 60)).toBeUndefined();
  });

  describe('reads with a ticket', () => {
    beforeAll(async () => {
      await client.put('read.txt', LONG, DEFAULT_CLASS, SPACE);
    });

    test('the whole content, whether the blob is there or another one has it', async () => {
      const token = await reading('read.txt');
      for (const index of [0, 1, 2]) {
        const { status, headers, bytes } = await fetched(token, {}, door(index));
        expect(status).toBe(200);
        expect(bytes.equals(LONG)).toBe(true);
        expect(headers).toMatchObject({
          etag: `"${sha512Of(LONG).slice(0, 32)}"`,
          'content-type': 'text/plain',
          'content-length': `${LONG.length}`,
          'access-control-allow-origin': '*',
        });
        expect(headers['repr-digest']).toContain(`sha-512=:${base64('sha512', LONG)}:`);
        expect(headers.digest).toContain(`SHA-512=${base64('sha512', LONG)}`);
        expect(headers['last-modified']).toBeDefined();
      }
    });

    test('ranges and conditions as of any file', async () => {
      const token = await reading('read.txt');
      const etag = `"${sha512Of(LONG).slice(0, 32)}"`;
      const part = await fetched(token, { headers: { range: 'bytes=262000-262999' } });
      expect(part.status).toBe(206);
      expect(part.bytes.equals(LONG.subarray(262_000, 263_000))).toBe(true);
      expect(part.headers['content-range']).toBe(`bytes 262000-262999/${LONG.length}`);
      const parts = await fetched(token, { headers: { range: 'bytes=0-9,300000-300009' } });
      expect(parts.status).toBe(206);
      expect(parts.bytes.includes(LONG.subarray(300_000, 300_010))).toBe(true);
      const other = { range: 'bytes=0-9', 'if-range': '"another"' };
      expect((await fetched(token, { headers: other })).bytes.length).toBe(LONG.length);
      expect((await fetched(token, { headers: { 'if-none-match': etag } })).status).toBe(304);
      expect((await fetched(token, { headers: { 'if-match': '"another"' } })).status).toBe(412);
      expect((await fetched(token, { headers: { range: 'bytes=9999999-' } })).status).toBe(416);
      const head = await fetched(token, { method: 'HEAD' });
      expect(head.status).toBe(200);
      expect(head.headers['content-length']).toBe(`${LONG.length}`);
    });

    test('never another version than it is for (F3)', async () => {
      await client.put('overwritten', LONG, DEFAULT_CLASS, SPACE);
      const token = await reading('overwritten');
      await client.put('overwritten', Buffer.alloc(500_000, 'new'), DEFAULT_CLASS, SPACE);
      for (const index of [0, 1, 2]) {
        const { status, bytes } = await fetched(token, {}, door(index));
        // Who has the old one has it for the grace still; who has not fetches it from there.
        expect([status, bytes.equals(LONG)]).toEqual([200, true]);
      }
    });

    test('nothing without one, with a changed one, or with one for storing', async () => {
      const token = await reading('read.txt');
      const swapped = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
      for (const wrong of ['x', swapped, token.slice(0, 40), (await storing('other')).token]) {
        const answer = await fetched(wrong);
        expect([answer.status, codeOf(answer)]).toStrictEqual([403, 'forged-ticket']);
        expect(answer.text).toMatch(/broker/);
      }
    });
  });

  describe('stores with a ticket', () => {
    test('one file, on as many file servers as its class says (F1)', async () => {
      const { id, token } = await storing('stored');
      const answer = await send(token, LONG, { headers: { 'content-type': 'image/png' } });
      expect([answer.status, answer.text]).toStrictEqual([201, '']);
      expect(answer.headers.etag).toBe(`"${sha512Of(LONG).slice(0, 32)}"`);
      expect(answer.headers['repr-digest']).toContain(`sha-512=:${base64('sha512', LONG)}:`);
      const { manifest } = await expectStored('stored', LONG);
      expect(manifest.contentType).toBe('image/png');
      const blob = manifest.kind === 'blob' ? manifest.blob : '';
      // The ticket says where the blob belongs.
      expect(blob.slice(12)).toBe(id.slice(12));
      const statuses = await Promise.all(
        [0, 1, 2].map(async (index) => (await call(door(index), `/blobs/${blob}`)).status),
      );
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(2);
      expect(await stateOf(id)).toMatchObject({ kind: 'stored', use: { blob, size: LONG.length } });

      const again = await send(token, Buffer.from('another'), {}, door(1));
      expect([again.status, codeOf(again)]).toStrictEqual([409, 'used-ticket']);
      await expectStored('stored', LONG);
    });

    test('one of many that are sent at the same time', async () => {
      const { token } = await storing('raced');
      const bodies = [1, 2, 3, 4, 5, 6].map((number) =>
        Buffer.alloc(100_000 + number, `${number}`),
      );
      const answers = await Promise.all(
        bodies.map((body, index) => send(token, body, {}, door(index % 3))),
      );
      const won = answers.findIndex(({ status }) => status === 201);
      expect(answers.map(codeOf).filter((code) => code === 'used-ticket')).toHaveLength(5);
      await expectStored('raced', bodies[won] ?? LONG);
    });

    test('204 in place of another one, and an empty one', async () => {
      expect((await send((await storing('twice')).token, LONG)).status).toBe(201);
      const { id, token } = await storing('twice');
      expect((await send(token, Buffer.alloc(0))).status).toBe(204);
      await expectStored('twice', Buffer.alloc(0));
      expect(await stateOf(id)).toMatchObject({ kind: 'stored', use: { size: 0 } });
    });

    test('nothing that is not what the client says, and the ticket is good for another try', async () => {
      const { id, token } = await storing('sums');
      const wrong = [
        { 'content-md5': base64('md5', Buffer.from('another')) },
        { 'repr-digest': `sha-512=:${base64('sha512', Buffer.from('another'))}:` },
        { 'repr-digest': `sha-256=:${base64('sha256', Buffer.from('another'))}:` },
        { 'oc-checksum': 'SHA1:a9993e364706816aba3e25717850c26c9cd0d89d' },
        { 'content-range': 'bytes 0-9/20' },
        { 'content-md5': 'nonsense' },
      ];
      for (const headers of wrong) {
        const answer = await send(token, LONG, { headers });
        expect([answer.status, codeOf(answer)], JSON.stringify(headers)).toStrictEqual([
          400,
          'bad-parameter',
        ]);
      }
      expect((await send(token, Buffer.alloc(1_000_001))).status).toBe(413);
      expect(await find('sums')).toBeUndefined();
      expect(await stateOf(id)).toStrictEqual({ kind: 'unused' });
      const headers = { 'content-md5': base64('md5', LONG) };
      expect((await send(token, LONG, { headers })).status).toBe(201);
    });

    test('nothing of a body that stops half-way, and the ticket is good for another try', async () => {
      const { token } = await storing('broken');
      const [host, port] = door().split(':');
      const socket = connect(Number(port), host);
      socket.on('error', () => undefined);
      socket.write(`PUT /t/${token}/n HTTP/1.1\r\nHost: h\r\nContent-Length: 700001\r\n\r\n`);
      await new Promise<void>((resolve) => {
        socket.write(LONG.subarray(0, 300_000), () => resolve());
      });
      socket.destroy();
      // Its staged bytes are gone once the file server has noticed.
      await until(async () => (await send(token, LONG)).status === 201);
      await expectStored('broken', LONG);
    });

    test('only on the condition that the client names', async () => {
      await send((await storing('conditional')).token, LONG);
      const etag = `"${sha512Of(LONG).slice(0, 32)}"`;
      const { id, token } = await storing('conditional');
      for (const headers of [{ 'if-none-match': '*' }, { 'if-match': '"another"' }]) {
        const answer = await send(token, Buffer.from('new'), { headers });
        expect([answer.status, answer.headers.etag]).toStrictEqual([412, etag]);
      }
      expect(await stateOf(id)).toStrictEqual({ kind: 'unused' });
      const headers = { 'if-match': etag };
      expect((await send(token, Buffer.from('new'), { headers })).status).toBe(204);
    });

    test('nothing past a lock, but with its token', async () => {
      await send((await storing('locked')).token, LONG);
      const { address } = fleet.frontend(0);
      const body =
        '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>';
      const locked = await call(address, '/dav/locked', { method: 'LOCK', body });
      expect(locked.status).toBe(200);
      const lock = String(locked.headers['lock-token']).slice(1, -1);
      const refused = await send((await storing('locked')).token, Buffer.from('new'));
      expect([refused.status, codeOf(refused)]).toStrictEqual([423, 'locked']);
      const { token } = await storing('locked', { submitted: [lock] });
      expect((await send(token, Buffer.from('new'))).status).toBe(204);
      // The file is still locked: what is beside the content stays.
      const after = await send((await storing('locked')).token, Buffer.from('newer'));
      expect(after.status).toBe(423);
    });

    test('nothing after its end, or with one for reading', async () => {
      const { token } = await storing('late', {}, 1);
      let answer = await send(token, LONG);
      await until(async () => {
        answer = await send(token, LONG);
        return answer.status === 410;
      });
      expect(codeOf(answer)).toBe('expired-ticket');
      const read = await send(await reading('stored'), LONG);
      expect([read.status, codeOf(read)]).toStrictEqual([403, 'forged-ticket']);
    });

    test('what WebDAV clients say of a file, and hear that it was taken', async () => {
      const { token } = await storing('dated');
      const sha1 = createHash('sha1').update(LONG).digest('hex');
      const headers = { 'x-oc-mtime': '1234567890', 'oc-checksum': `SHA1:${sha1}` };
      const answer = await send(token, LONG, { headers });
      expect(answer.status).toBe(201);
      expect(answer.headers).toMatchObject({
        'x-oc-mtime': 'accepted',
        'oc-etag': answer.headers.etag,
      });
      const read = await fetched(await reading('dated'));
      expect(read.headers['last-modified']).toBe('Fri, 13 Feb 2009 23:31:30 GMT');
    });

    test('the file in a form, and sends the browser on', async () => {
      const path = join(scratch, 'in a form.bin');
      writeFileSync(path, LONG);
      const post = async (query: string) => {
        const { token } = await storing(`form${query.length}`);
        const flags = ['-sS', '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}'];
        const url = `http://${door()}/t/${token}/f${query}`;
        const form = ['-F', 'before=a field', '-F', `file=@${path}`, '-F', 'after=another'];
        const { stdout } = await run('curl', [...flags, ...form, url]);
        return stdout;
      };
      expect(await post('')).toBe('201 ');
      await expectStored('form0', LONG);
      const page = 'https://shop.example/done?n=1';
      expect(await post(`?redirect=${encodeURIComponent(page)}`)).toBe(`303 ${page}`);
      expect(await post('?redirect=javascript:alert(1)')).toMatch(/^400/);
      const twice = await storing('two files');
      const url = `http://${door()}/t/${twice.token}/f`;
      const files = ['-F', `file=@${path}`, '-F', `file2=@${path}`];
      const { stdout: told } = await run('curl', ['-sS', '-w', '%{http_code}', ...files, url]);
      expect(told).toMatch(/the form has two files, .*; nothing was stored.*400$/s);
      await run('curl', ['-sSf', '-F', `file=@${path}`, url]);
      await expectStored('two files', LONG);
      const { token } = await storing('no form');
      const plain = await call(door(), `/t/${token}/f`, { method: 'POST', body: 'text' });
      expect([plain.status, codeOf(plain)]).toStrictEqual([400, 'bad-form']);
    });

    test('no body that is encoded, which nobody would hear of who reads it', async () => {
      const { token } = await storing('encoded');
      const put = (coding: string) =>
        call(door(), `/t/${token}/f`, {
          method: 'PUT',
          body: 'text',
          headers: { 'content-encoding': coding },
        });
      const refused = await put('gzip');
      expect([refused.status, codeOf(refused)]).toStrictEqual([415, 'unsupported-body']);
      expect((await put('identity')).status).toBe(201);
    });

    test('for pages of any origin, and tells their browsers so', async () => {
      const { token } = await storing('from a page');
      const headers = { origin: 'https://shop.example', 'sec-fetch-site': 'cross-site' };
      const asked = await call(door(), `/t/${token}/f`, { method: 'OPTIONS', headers });
      expect(asked.status).toBe(204);
      expect(asked.headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-headers': '*',
      });
      expect(asked.headers['access-control-allow-methods']).toContain('PUT');
      const answer = await send(token, LONG, { headers });
      expect([answer.status, answer.headers['access-control-allow-origin']]).toStrictEqual([
        201,
        '*',
      ]);
      const forged = await send('x', LONG, { headers });
      expect(forged.headers['access-control-allow-origin']).toBe('*');
    });

    test('curl -T asks first, and sends no body with a ticket that is none', async () => {
      const path = join(scratch, 'large');
      writeFileSync(path, Buffer.alloc(1_500_000));
      const put = async (token: string) => {
        const flags = [
          '-sS',
          '-v',
          '-T',
          path,
          '-o',
          '/dev/null',
          '-w',
          '%{http_code} %{size_upload}',
        ];
        const { stdout, stderr } = await run('curl', [...flags, `http://${door()}/t/${token}/f`]);
        return { stdout, asked: /< HTTP\/1.1 100/.test(stderr) };
      };
      expect(await put('forged')).toStrictEqual({ stdout: '403 0', asked: false });
      expect(await put((await storing('asked')).token)).toStrictEqual({
        stdout: '413 0',
        asked: false,
      });
      const { token } = await storing('asked', { bytesMax: 2_000_000 });
      expect(await put(token)).toStrictEqual({ stdout: '201 1500000', asked: true });
      expect(await put(token)).toStrictEqual({ stdout: '409 0', asked: false });
    });
  });

  test('that drains takes tickets that were issued before', async () => {
    const read = await reading('read.txt');
    const { token } = await storing('while draining');
    const draining: Node = fleet.fileserver(2);
    const words = ['drain', draining.address, '--detach', '--controller', fleet.controller.address];
    await run('node', ['dist/cli.js', ...words]);
    await until(async () => ((await draining.status()) as { draining: boolean }).draining);
    expect((await send(token, LONG, {}, draining.address)).status).toBe(201);
    await expectStored('while draining', LONG);
    const answer = await fetched(read, {}, draining.address);
    expect(answer.bytes.equals(LONG)).toBe(true);
    await run('node', ['dist/cli.js', ...words, '--undo']);
  });

  /** An upload of which half has come, and is being staged. */
  async function halfOf(token: string, node: Node) {
    const [host, port] = node.address.split(':');
    const socket = connect(Number(port), host);
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes.toString();
    });
    const isClosed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => undefined);
    const half = LONG.length >> 1;
    socket.write(`PUT /t/${token}/n HTTP/1.1\r\nHost: h\r\nConnection: close\r\n`);
    socket.write(`Content-Length: ${LONG.length}\r\n\r\n`);
    socket.write(LONG.subarray(0, half));
    await until(async () => {
      const all = await Promise.all(fleet.fileservers.map((each) => each.status()));
      return all.some((each) => (each as { uploads: number }).uploads > 0);
    });
    const rest = async () => {
      socket.write(LONG.subarray(half));
      await isClosed;
      return answer.split('\r\n', 1)[0];
    };
    return { isClosed, rest };
  }

  test('that dies in the midst of an upload leaves the ticket good for another, and one that stops lets it end', async () => {
    const killed = await storing('killed');
    const mortal = fleet.fileserver(1);
    const { isClosed } = await halfOf(killed.token, mortal);
    await mortal.kill();
    await isClosed;
    await until(async () => (await send(killed.token, LONG)).status === 201);
    await expectStored('killed', LONG);
    mortal.start();
    await fleet.untilReady(mortal);

    const { token } = await storing('stopped');
    const { rest } = await halfOf(token, mortal);
    mortal.signal('SIGTERM');
    expect(await rest()).toBe('HTTP/1.1 201 Created');
    await expectStored('stopped', LONG);
  });
});
