// Watches and long polls of real clusters (H46): nothing is missed under a load, who was cut off has in the end what a scan
// lists, and who reads nothing, or does not go, holds nothing up.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { call, inParallel, set } from '../helpers/client.ts';
import { Started, until } from '../helpers/cluster.ts';
import { Fleet, type Node } from '../helpers/fleet.ts';
import { listedValues, WatchedCopy } from '../helpers/watched-copy.ts';

type Line = Readonly<Record<string, unknown>>;

/** @returns the lines of a whole scan of all keys with the prefix */
async function scanned(address: string, prefix: string): Promise<readonly Line[]> {
  for (;;) {
    const answer = await call(address, `/v1/scan?prefix=${prefix}&values=1&limit=1000000`);
    if (answer.status !== 200) continue;
    const lines: readonly Line[] = answer.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    if (lines.every(({ key }) => key !== undefined)) return lines;
  }
}

/** A client that keeps a copy of the keys with a prefix: it scans at the beginning, and whenever it is told `missed`. */
class Copier {
  readonly copy = new WatchedCopy();
  readonly #prefix: string;
  #message: IncomingMessage | undefined;
  #scans = -1;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Begins, or comes back as a browser does; asks again while it is refused. */
  async follow(address: string): Promise<void> {
    const { place } = this.copy;
    const headers = place === undefined ? {} : { 'last-event-id': place };
    const url = `http://${address}/v1/watch?values=1&prefix=${this.#prefix}`;
    for (;;) {
      const request = httpGet(url, { agent: false, headers });
      const [message] = (await once(request, 'response')) as [IncomingMessage];
      // Its connection is cut by `leave`.
      message.on('error', () => undefined);
      request.on('error', () => undefined);
      if (message.statusCode !== 200) {
        message.resume();
        continue;
      }
      this.#message = message;
      message.setEncoding('utf8');
      message.on('data', (text: string) => {
        if (message === this.#message) this.copy.take(text);
      });
      return;
    }
  }

  leave(): void {
    this.#message?.destroy();
    this.#message = undefined;
    this.copy.cut();
  }

  /** Scans if it has to, and compares. @returns whether its copy is what a scan lists */
  async isRight(address: string): Promise<boolean> {
    while (this.#scans < this.copy.missed) {
      this.#scans = this.copy.missed;
      const before = new Map(this.copy.keys);
      this.copy.scanned(await scanned(address, this.#prefix), before);
    }
    const listed = listedValues(await scanned(address, this.#prefix));
    const { values } = this.copy;
    const names = Object.keys(listed);
    return (
      Object.keys(values).length === names.length &&
      names.every((name) => values[name] === listed[name])
    );
  }
}

function rssBytes({ incarnationId }: Node): number {
  const status = readFileSync(`/proc/${incarnationId.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

describe('a cluster that is watched', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ storages: 4, frontends: 2, redundancy: 3 });
    await fleet.untilSettled();
  });
  afterAll(() => fleet.stop());
  const near = () => fleet.frontend(0).address;
  const far = () => fleet.frontend(1).address;

  test('tells the last value of every key under a load, and not one `missed` (H46)', async () => {
    const copier = new Copier('load:');
    await copier.follow(near());
    const last = new Map<string, string>();
    // Twenty sets every ten milliseconds, or as many as the machine can.
    for (let round = 0; round < 300; round++) {
      const pause = new Promise((resolve) => setTimeout(resolve, 10));
      const indexes = Array.from({ length: 20 }, (_, each) => (round * 20 + each) % 700);
      await inParallel(indexes, 20, async (index) => {
        const answer = await set(far(), `load:${index}`, `${round} of ${index}`);
        expect(answer.status).toBe(200);
        last.set(`"load:${index}"`, `${round} of ${index}`);
      });
      await pause;
    }
    await until(() => [...last].every(([key, value]) => copier.copy.values[key] === value));
    expect(copier.copy.values).toEqual(Object.fromEntries(last));
    expect(copier.copy.missed).toBe(0);
    copier.leave();
    await until(async () => (await fleet.frontend(0).metric('velourfog_watches')) === 0);
  });

  test('by curl is a line for each field, as soon as something changes', async () => {
    const url = `http://${near()}/v1/watch?prefix=curl:&values=1&for=3`;
    const curl = new Started('curl', ['-N', '--silent', '--show-error', url]);
    await curl.printed('stdout', ': following 16 partitions\n');
    await call(far(), '/set?key=curl:a&value=1');
    await curl.printed('stdout', 'event: set\ndata: {"key":"curl:a","etag":');
    await call(far(), '/delete?key=curl:a');
    await curl.printed('stdout', 'event: delete\ndata: {"key":"curl:a","version":');
    // It lasts as long as it was asked to, and its reply is a whole one.
    expect(await curl.exit()).toBe(0);
    expect(curl.stderr).toBe('');
  });

  test('answers a long poll when the key is set or deleted elsewhere, and with 304 when the time is over', async () => {
    const path = '/v1/keys/polled';
    const created = call(near(), `${path}?wait=59`);
    await until(async () => (await fleet.frontend(0).metric('velourfog_watches')) === 1);
    await set(far(), 'polled', 'one');
    expect(await created).toMatchObject({ status: 200, text: 'one' });
    const etag = String((await created).headers.etag).replaceAll('"', '');

    const changed = call(near(), `${path}?wait=59&newer-than=${etag}`);
    await until(async () => (await fleet.frontend(0).metric('velourfog_watches')) === 1);
    await set(far(), 'polled', 'two');
    expect(await changed).toMatchObject({ status: 200, text: 'two' });
    // Whoever comes too late need not wait.
    expect(await call(near(), `${path}?wait=59&newer-than=${etag}`)).toMatchObject({ text: 'two' });

    const newer = String((await changed).headers.etag).replaceAll('"', '');
    const unchanged = await call(near(), `${path}?wait=1&newer-than=${newer}`);
    expect([unchanged.status, unchanged.text]).toEqual([304, '']);
    expect(unchanged.headers.etag).toBe((await changed).headers.etag);

    const deleted = call(near(), `${path}?wait=59&newer-than=${newer}`);
    await until(async () => (await fleet.frontend(0).metric('velourfog_watches')) === 1);
    await call(far(), '/delete?key=polled');
    expect(await deleted).toMatchObject({ status: 404 });
    expect((await call(near(), `${path}?wait=1`)).status).toBe(404);
    expect(await fleet.frontend(0).metric('velourfog_watches')).toBe(0);
  });

  test('answers a long poll when the key expires', async () => {
    await call(far(), '/set?key=expiring&value=v&ttl=2');
    const { headers } = await call(far(), '/v1/keys/expiring');
    const etag = String(headers.etag).replaceAll('"', '');
    const answer = await call(near(), `/v1/keys/expiring?wait=59&newer-than=${etag}`);
    expect(answer.status).toBe(404);
  });

  test('is not held up by a client that reads nothing, whose events take no memory', async () => {
    const [host = '', port = ''] = near().split(':');
    const socket = connect({ host, port: Number(port) });
    onTestFinished(() => {
      socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.write('GET /v1/watch?prefix=big:&values=1 HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'readable');
    socket.pause();
    const reader = new Copier('big:');
    await reader.follow(near());
    const before = rssBytes(fleet.frontend(0));
    const indexes = Array.from({ length: 3000 }, (_, index) => index);
    await inParallel(indexes, 16, async (index) => {
      const value = `${index}`.padEnd(100_000, '.');
      expect((await set(far(), `big:${index % 50}`, value)).status).toBe(200);
    });
    // 300 MB were set; the one who reads has them all, and the other one has kept what fits into sockets.
    await until(() => reader.isRight(near()));
    expect(reader.copy.missed).toBe(0);
    expect(rssBytes(fleet.frontend(0)) - before).toBeLessThan(150_000_000);
    reader.leave();
    socket.destroy();
    await until(async () => (await fleet.frontend(0).metric('velourfog_watches')) === 0);
  });

  const count = () => fleet.frontend(0).metric('velourfog_watches');

  test.each([
    ['a long poll', '/v1/keys/nothing?wait=59'],
    ['a watch', '/v1/watch?prefix=left:'],
  ])('forgets %s whose client is gone, so that others find room', async (_, path) => {
    const [host = '', port = ''] = near().split(':');
    const open = async () => {
      const socket = connect({ host, port: Number(port) });
      await once(socket, 'connect');
      socket.on('error', () => undefined);
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
      return socket;
    };
    for (const leave of [
      (socket: Socket) => socket.resetAndDestroy(),
      (socket: Socket) => socket.destroy(),
    ]) {
      const sockets = await Promise.all(Array.from({ length: 50 }, open));
      await until(async () => (await count()) === 50);
      for (const socket of sockets) leave(socket);
      await until(async () => (await count()) === 0);
    }
  });

  test('answers the long poll of a client that has ended its side alone', async () => {
    const [host = '', port = ''] = near().split(':');
    const socket = connect({ host, port: Number(port), allowHalfOpen: true });
    socket.end('GET /v1/keys/nothing?wait=59 HTTP/1.1\r\nhost: x\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1.1 404 /);
  });

  test('says what is wrong with a request', () => {
    const url = `http://${near()}/v1/watch`;
    const head = (...words: readonly string[]) =>
      execFileSync('curl', ['-sS', '-i', ...words], { encoding: 'utf8' });
    for (const query of ['for=0', 'for=x', 'values=2', 'prefx=a', 'prefix=%25zz%']) {
      expect(head(`${url}?${query}`)).toMatch(
        /^HTTP\/1.1 400 .*\r\n(.*\r\n)*x-fog-error: bad-parameter/i,
      );
    }
    expect(head(`${url}?since=1`)).toMatch(/x-fog-error: bad-cursor/i);
    expect(head('-H', 'Last-Event-ID: 17', url)).toMatch(/x-fog-error: bad-cursor/i);
    expect(head('-X', 'POST', url)).toMatch(/^HTTP\/1.1 405 /);
    const key = `http://${near()}/v1/keys/a`;
    for (const query of ['wait=0', 'wait=60', 'wait=', 'newer-than=x', 'wait=5&newer-than=x']) {
      expect(head(`${key}?${query}`)).toMatch(/^HTTP\/1.1 400 /);
    }
  });

  test('has in the end told what a scan lists to who was cut off, also while a node is killed (H46)', async () => {
    const copier = new Copier('cut:');
    await copier.follow(near());
    await copier.isRight(near());
    let isOver = false;
    let written = 0;
    const writing = inParallel([0, 1, 2, 3], 4, async (writer) => {
      for (let round = 0; !isOver; round++) {
        const key = `cut:${writer}-${(round * 7) % 60}`;
        const path = round % 4 === 0 ? `/delete?key=${key}` : `/set?key=${key}&value=${round}`;
        await call(far(), path);
        written++;
      }
    });
    const writes = async (count: number) => {
      const from = written;
      await until(() => written >= from + count);
    };
    for (const address of [far(), near(), far()]) {
      await writes(100);
      copier.leave();
      await writes(100);
      await copier.follow(address);
    }
    await writes(100);
    expect(copier.copy.missed).toBe(0);
    await fleet.storage(0).kill();
    await writes(50);
    copier.leave();
    await copier.follow(near());
    await until(() => copier.copy.missed > 0);
    await writes(100);
    isOver = true;
    await writing;
    await until(() => copier.isRight(near()));
    copier.leave();
  });
});

test('a frontend that stops ends watches and long polls at once, with whole replies', async () => {
  const fleet = await Fleet.start({
    storages: 1,
    frontends: 1,
    redundancy: 1,
    // Longer than this test may take.
    optionsFor: ({ role }) => (role === 'frontend' ? ['--drain-timeout', '3600'] : []),
  });
  onTestFinished(() => fleet.stop());
  const frontend = fleet.frontend(0);
  await until(async () => (await set(frontend.address, 'a', 'v')).status === 200);
  const { headers } = await call(frontend.address, '/v1/keys/a');
  const etag = String(headers.etag).replaceAll('"', '');
  const request = httpGet(`http://${frontend.address}/v1/watch`, { agent: false });
  const [message] = (await once(request, 'response')) as [IncomingMessage];
  const ended = once(message, 'end');
  message.resume();
  const polled = call(frontend.address, `/v1/keys/a?wait=59&newer-than=${etag}`);
  const absent = call(frontend.address, '/v1/keys/nothing?wait=59');
  await until(async () => (await frontend.metric('velourfog_watches')) === 3);
  frontend.signal('SIGTERM');
  await ended;
  expect(message.complete).toBe(true);
  expect((await polled).status).toBe(304);
  expect((await absent).status).toBe(404);
  expect(await frontend.incarnationId.exit()).toBe(0);
});
