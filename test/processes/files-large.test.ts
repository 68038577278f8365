// A file of 64 MiB up and down through frontends that hold none of it; `npm run test:large` plays it with 1 GiB.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { pipeline, Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fleet, type Node } from '../helpers/fleet.ts';

const MEBIBYTE = 1024 * 1024;
const MEBIBYTES = Number(process.env.LARGE_MIB ?? 64);
const RSS_BYTES_MAX = 200 * MEBIBYTE;
const PATH = '/file?path=large.bin';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start({
    storages: 3,
    frontends: 2,
    fileservers: 2,
    optionsFor: ({ role }) =>
      role === 'frontend' ? ['--sfss-max', `${MEBIBYTES * MEBIBYTE}`] : [],
  });
});
afterAll(() => fleet?.stop());

/** Each MiB is another one. */
function* pieces(): Generator<Buffer> {
  for (let index = 0; index < MEBIBYTES; index++) {
    yield Buffer.alloc(MEBIBYTE, createHash('sha256').update(`${index}`).digest());
  }
}

/** The most that the process has ever had in memory. */
function peakBytes({ incarnationId }: Node): number {
  const { pid } = incarnationId.child;
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1]) * 1024;
}

async function ask(node: Node, method: string, body?: Readable) {
  const [host, port] = node.address.split(':');
  const asked = request({
    host,
    port,
    method,
    path: PATH,
    headers: body === undefined ? {} : { 'content-length': MEBIBYTES * MEBIBYTE },
  });
  const answered = once(asked, 'response');
  if (body === undefined) asked.end();
  else await promisify(pipeline)(body, asked);
  const [response] = await answered;
  const hash = createHash('sha512');
  let bytes = 0;
  const sink = new Writable({
    write(piece: Buffer, _encoding, done) {
      hash.update(piece);
      bytes += piece.length;
      done();
    },
  });
  await promisify(pipeline)(response, sink);
  return { status: response.statusCode as number, bytes, sha512: hash.digest('hex') };
}

test('a large file goes up and comes down, and no process holds much of it', async () => {
  const hash = createHash('sha512');
  for (const piece of pieces()) hash.update(piece);
  const begunMs = performance.now();
  expect(await ask(fleet.frontend(0), 'PUT', Readable.from(pieces()))).toMatchObject({
    status: 200,
  });
  const storedMs = performance.now();
  const got = await ask(fleet.frontend(1), 'GET');
  const readMs = performance.now();
  expect(got).toEqual({
    status: 200,
    bytes: MEBIBYTES * MEBIBYTE,
    sha512: hash.digest('hex'),
  });
  const peaks = [...fleet.frontends, ...fleet.fileservers].map((node) => peakBytes(node));
  const rate = (fromMs: number, toMs: number) => Math.round((MEBIBYTES * 1000) / (toMs - fromMs));
  console.info(
    `${MEBIBYTES} MiB: ${rate(begunMs, storedMs)} MiB/s up in two copies, ${rate(storedMs, readMs)} MiB/s down; most in memory ${peaks.map((bytes) => Math.round(bytes / MEBIBYTE)).join(', ')} MiB`,
  );
  for (const bytes of peaks) expect(bytes).toBeLessThan(RSS_BYTES_MAX);
});
