// Batches of simulated clients: several operations of one kind in one request, whose body travels in pieces, and the
// answers to them. Which operations are sent so, and what becomes of their answers, is in clients.ts.

import type { BytePart, ByteStream } from '../cluster/http/byte-stream.ts';
import { type HttpReply, type HttpRequest, isWhole, replyHeader } from '../cluster/http/http.ts';
import type { BytesText } from '../cluster/wire/key-text.ts';
import { BINARY_CONTENT_TYPE } from '../frontend/gateways/v1/batch-routes.ts';
import { requestOf } from './requests.ts';
import { PiecesStream } from './streams.ts';
import type { World } from './world.ts';

/** A body is cut into so many pieces, each of which takes so long, in ms. */
const PIECES = { count: [1, 4], everyMs: 3 } as const;

/** Of an answer in bytes: status, version, hash, length of the value (docs/api.md). */
const ANSWER_HEAD_BYTES = 18;

/** One operation of a batch, as its line has it. */
export interface BatchLine {
  readonly key: string;
  readonly value?: BytesText;
  readonly ttl?: number;
}

/** Gets are asked in bytes, whose answers have a version also where a key is absent; all else is asked in lines. */
export function batchRequest(
  world: World,
  kind: 'get' | 'set' | 'delete',
  lines: readonly BatchLine[],
): HttpRequest {
  const { random } = world;
  const isBinary = kind === 'get';
  const body = Buffer.concat(lines.map(isBinary ? itemOf : lineOf));
  const size = Math.ceil(body.length / random.between(...PIECES.count));
  const parts: BytePart[] = [];
  for (let from = 0; from < body.length; from += size) {
    parts.push({ kind: 'bytes', bytes: body.subarray(from, from + size) });
  }
  parts.push({ kind: 'end' });
  const stream = new PiecesStream(world, parts, {
    length: body.length,
    delayMs: () => random.between(0, PIECES.everyMs),
  });
  const request = requestOf('POST', `/v1/m${kind}`, { kind: 'stream', stream });
  if (!isBinary) return request;
  return {
    ...request,
    header: (name) => (name === 'content-type' ? BINARY_CONTENT_TYPE : undefined),
  };
}

function lineOf(line: BatchLine): Buffer {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

function itemOf({ key }: BatchLine): Buffer {
  const bytes = Buffer.from(key);
  return Buffer.concat([Buffer.of(bytes.length >>> 8, bytes.length & 0xff), bytes]);
}

/**
 * @param answered called with each answer, in the order of the operations, as a request of its own would have been
 *   answered; not called for those that never come
 */
export function readAnswers(reply: HttpReply, answered: (reply: HttpReply) => void): void {
  const next = replyHeader(reply, 'content-type') === BINARY_CONTENT_TYPE ? nextItem : nextLine;
  let left = Buffer.alloc(0);
  const take = (bytes: string | Uint8Array) => {
    left = Buffer.concat([left, Buffer.from(bytes)]);
    for (let one = next(left); one !== undefined; one = next(left)) {
      left = left.subarray(one.length);
      answered(one.reply);
    }
  };
  if (isWhole(reply)) return take(reply.body);
  return readAll(reply.body, take);
}

function readAll(body: ByteStream, take: (bytes: Uint8Array) => void): void {
  const next = (part: BytePart) => {
    if (part.kind !== 'bytes') return;
    take(part.bytes);
    body.read(next);
  };
  body.read(next);
}

interface OneAnswer {
  readonly reply: HttpReply;
  /** How many bytes of the whole reply it takes. */
  readonly length: number;
}

function nextLine(bytes: Buffer): OneAnswer | undefined {
  const end = bytes.indexOf('\n');
  if (end < 0) return undefined;
  const { status, etag } = JSON.parse(bytes.toString('utf8', 0, end));
  const version = /^"([0-9a-f]{16})-/.exec(etag ?? '')?.[1];
  return { reply: replyOf(status, version, ''), length: end + 1 };
}

function nextItem(bytes: Buffer): OneAnswer | undefined {
  if (bytes.length < ANSWER_HEAD_BYTES) return undefined;
  const length = ANSWER_HEAD_BYTES + bytes.readUInt32BE(14);
  if (bytes.length < length) return undefined;
  const status = bytes.readUInt16BE(0);
  const version = status < 500 ? bytes.toString('hex', 2, 10) : undefined;
  return { reply: replyOf(status, version, bytes.subarray(ANSWER_HEAD_BYTES, length)), length };
}

function replyOf(status: number, version: string | undefined, body: string | Buffer): HttpReply {
  const headers = version === undefined ? {} : { 'x-fog-version': version };
  return { status, headers, body };
}
