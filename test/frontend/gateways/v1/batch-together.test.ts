// Batches whose items wait to go together, in random interleavings: whatever is answered at once or later, in whatever
// order, and whoever goes away, each item is answered once, in its place, and all room is free in the end.

import { describe, expect, test } from 'vitest';
import type { BytePart, ByteStream } from '../../../../src/cluster/http/byte-stream.ts';
import { type HttpReply, isWhole } from '../../../../src/cluster/http/http.ts';
import type { BatchItem } from '../../../../src/frontend/gateways/v1/batch-form.ts';
import { LineForm } from '../../../../src/frontend/gateways/v1/batch-lines.ts';
import type { ItemCallback } from '../../../../src/frontend/gateways/v1/batch-operations.ts';
import { BatchRoom } from '../../../../src/frontend/gateways/v1/batch-room.ts';
import { BatchRun, type ItemOperations } from '../../../../src/frontend/gateways/v1/batch-run.ts';
import { UnfinishedItems } from '../../../../src/frontend/gateways/v1/unfinished-items.ts';
import { SeededRandom } from '../../../helpers/random.ts';

const ROOM = 600;

class CountedRoom extends BatchRoom {
  taken = 0;

  override take(): void {
    this.taken++;
    super.take();
  }

  override give(): void {
    this.taken--;
    super.give();
  }
}

/** Some items go alone, the others together; some are answered before `perform` or `flush` returns. */
class Operations implements ItemOperations {
  readonly #random: SeededRandom;
  readonly #atOnce: number;
  /** Long answers make replies begin while much is under way. */
  readonly #padding: string;
  readonly underWay: (() => void)[] = [];
  #waiting: (() => void)[] = [];

  /** @param atOnce how likely an answer comes at once */
  constructor(random: SeededRandom, atOnce: number) {
    this.#random = random;
    this.#atOnce = atOnce;
    this.#padding = ' '.repeat(random.pick([0, 2000]));
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  perform({ key }: BatchItem, answered: ItemCallback): void {
    const answer = () => answered(`${key}${this.#padding}\n`, 200);
    if (this.#random.chance(0.8)) this.#waiting.push(answer);
    else this.#ask(answer);
  }

  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const answer of waiting) this.#ask(answer);
  }

  /** Has one of those under way answered. */
  answerOne(): void {
    this.underWay.splice(this.#random.below(this.underWay.length), 1)[0]?.();
  }

  #ask(answer: () => void): void {
    if (this.#random.chance(this.#atOnce)) answer();
    else this.underWay.push(answer);
  }
}

/** A client that sends keys in pieces of random lengths, and may go away. */
class Client implements ByteStream {
  /** Known, as of most bodies, or not. */
  readonly length: number | undefined;
  readonly #bytes: Buffer;
  readonly #random: SeededRandom;
  readonly run: BatchRun;
  readonly names: readonly string[];
  #sent = 0;
  #waits: ((part: BytePart) => void) | undefined;
  #reply: HttpReply | undefined;
  #isReading = false;
  #isGone = false;
  #isOver = false;
  text = '';
  overs = 0;
  statuses = 0;

  constructor(
    random: SeededRandom,
    names: readonly string[],
    operations: Operations,
    room: BatchRoom,
  ) {
    this.#random = random;
    this.names = names;
    this.#bytes = Buffer.from(names.map((name) => `{"key":"${name}"}\n`).join(''));
    this.length = random.chance(0.7) ? this.#bytes.length : undefined;
    const shared = { room, unfinished: new UnfinishedItems(1e6) };
    this.run = new BatchRun(new LineForm('mget'), { valueBytesMax: 100, ...shared }, operations, {
      replied: (reply) => {
        expect(this.#reply).toBeUndefined();
        this.#reply = reply;
        if (!isWhole(reply)) return;
        this.text += reply.body.toString();
        this.#isOver = true;
      },
      answered: () => this.statuses++,
      over: () => this.overs++,
    });
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  get isDone(): boolean {
    return this.#isGone || this.#isOver;
  }

  start(): void {
    this.run.start({ kind: 'stream', stream: this });
  }

  read(callback: (part: BytePart) => void): void {
    this.#waits = callback;
    if (this.#random.chance(0.3)) this.send();
  }

  discard(): void {
    this.#waits = undefined;
  }

  send(): void {
    const waits = this.#waits;
    if (waits === undefined) return;
    this.#waits = undefined;
    if (this.#sent >= this.#bytes.length) return waits({ kind: 'end' });
    const from = this.#sent;
    this.#sent += this.#random.chance(0.5) ? 1 + this.#random.below(100) : 65_536;
    return waits({ kind: 'bytes', bytes: this.#bytes.subarray(from, this.#sent) });
  }

  take(): void {
    const reply = this.#reply;
    if (reply === undefined || isWhole(reply) || this.#isReading || this.isDone) return;
    this.#isReading = true;
    reply.body.read((part) => {
      this.#isReading = false;
      if (part.kind === 'bytes') this.text += part.bytes.toString();
      else this.#isOver = true;
    });
  }

  /** As a server does: only a reply that has begun, and has not ended, is discarded. */
  leave(): void {
    if (this.isDone || this.#reply === undefined || isWhole(this.#reply)) return;
    this.#isGone = true;
    this.run.discard();
  }
}

function playedThrough(seed: number): void {
  const random = new SeededRandom(seed);
  const room = new CountedRoom(ROOM);
  const atOnce = random.pick([0, 0.05, 1]);
  const shared = new Operations(random, atOnce);
  const all = [shared];
  const clients = Array.from({ length: random.whole(1, 4) }, (_, index) => {
    // Those that ask how long it takes have operations of their own.
    const own = random.chance(0.3) ? new Operations(random, atOnce) : shared;
    if (own !== shared) all.push(own);
    const count = random.pick([0, 1, 3, 99, 101, 300, 3000]);
    const names = Array.from({ length: count }, (_each, at) => `${index}.${at}`);
    return new Client(random, names, own, room);
  });
  for (const client of clients) client.start();
  const leaves = random.pick([0, 0.05]);
  const isQuiet = () =>
    clients.every(({ isDone }) => isDone) &&
    all.every(({ underWay, waiting }) => underWay.length + waiting === 0);
  for (let step = 0; step < 60_000 && !isQuiet(); step++) {
    const client = random.pick(clients);
    if (random.chance(0.3)) client.send();
    if (random.chance(0.3)) client.take();
    if (random.chance(leaves)) client.leave();
    const operations = random.pick(all);
    const answers = random.pick([0, 1, 5]);
    // As they do of themselves in the next turn.
    if (random.chance(0.1)) operations.flush();
    for (let each = 0; each < answers && operations.underWay.length > 0; each++) {
      operations.answerOne();
    }
  }
  for (const client of clients) {
    expect(client.isDone, 'nobody waits for ever').toBe(true);
    expect(client.overs).toBe(1);
    if (client.isGone) continue;
    expect(client.text.replaceAll(' ', '').split('\n').slice(0, -1)).toEqual(client.names);
    expect(client.statuses).toBe(client.names.length);
  }
  expect(room.taken, 'all room is free').toBe(0);
}

describe('items that wait to go together', () => {
  for (let seed = 1; seed <= 60; seed++) {
    test(`are answered, each once and in its place (seed ${seed})`, () => playedThrough(seed));
  }
});
