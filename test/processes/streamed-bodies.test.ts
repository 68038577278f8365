// Memory while long bodies stream through a process, in and out. What else may happen to such bodies is played by
// test/cluster/io/server/streams.test.ts and its contract.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { pipeline, Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../helpers/cluster.ts';

const MEBIBYTE = 1024 * 1024;
const LONG_BYTES = 1024 * MEBIBYTE;
/** A process that has streamed before has the buffers and the compiled code that it needs. */
const WARM_UP_BYTES = 128 * MEBIBYTE;
const GROWTH_BYTES_MAX = 32 * MEBIBYTE;
const HOST = '127.0.0.1';

let child: ChildProcess;
let port = 0;

beforeAll(async () => {
  child = spawn(process.execPath, [join(ROOT, 'test/helpers/streaming-server.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('the server has no stdout');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  port = Number(line.toString());
});
afterAll(() => child.kill('SIGKILL'));

/** @returns the whole reply as text */
async function ask(method: string, path: string, body?: Readable, bytes?: number): Promise<string> {
  const asked = request({
    host: HOST,
    port,
    method,
    path,
    headers: bytes === undefined ? {} : { 'content-length': bytes },
  });
  const answered = once(asked, 'response');
  if (body === undefined) asked.end();
  else body.pipe(asked);
  const [response] = await answered;
  let text = '';
  for await (const piece of response) text += piece;
  return text;
}

async function memory(): Promise<{ mostBytes: number; produced: number }> {
  return JSON.parse(await ask('GET', '/memory'));
}

function zeros(bytes: number): Readable {
  const piece = Buffer.alloc(MEBIBYTE);
  return Readable.from(
    (function* () {
      for (let left = bytes; left > 0; left -= piece.length) yield piece;
    })(),
    { objectMode: false },
  );
}

async function receive(bytes: number): Promise<number> {
  const asked = request({ host: HOST, port, path: `/out/${bytes}` });
  asked.end();
  const [response] = await once(asked, 'response');
  let received = 0;
  const sink = new Writable({
    write(piece: Buffer, _encoding, done) {
      received += piece.length;
      done();
    },
  });
  await promisify(pipeline)(response, sink);
  return received;
}

describe('a body of 1 GiB', () => {
  test('streams in with hardly more memory than a short one', async () => {
    await ask('PUT', '/', zeros(WARM_UP_BYTES), WARM_UP_BYTES);
    const before = await memory();
    expect(await ask('PUT', '/', zeros(LONG_BYTES), LONG_BYTES)).toBe(`end ${LONG_BYTES}\n`);
    const after = await memory();
    expect(after.mostBytes - before.mostBytes).toBeLessThan(GROWTH_BYTES_MAX);
  });

  test('streams out with hardly more memory than a short one', async () => {
    expect(await receive(WARM_UP_BYTES)).toBe(WARM_UP_BYTES);
    const before = await memory();
    expect(await receive(LONG_BYTES)).toBe(LONG_BYTES);
    const after = await memory();
    expect(after.mostBytes - before.mostBytes).toBeLessThan(GROWTH_BYTES_MAX);
  });

  test('is produced no further when its client stops reading', async () => {
    const asked = request({ host: HOST, port, path: `/out/${LONG_BYTES}` });
    asked.end();
    const [response] = await once(asked, 'response');
    response.pause();
    // Until the buffers of the system are full, and nothing is asked for any more.
    let produced = -1;
    let same = 0;
    while (same < 5) {
      const now = (await memory()).produced;
      same = now === produced ? same + 1 : 0;
      produced = now;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(produced).toBeLessThan(LONG_BYTES / 4);
    response.destroy();
  });
});
