// Storage nodes that answer as a generator decides: at once, late, never, with every kind of answer; that stop for
// seconds, and whose streams break or cannot be opened. They hold nothing; what is tested is who is answered.

import type { NodeId } from '../../src/cluster/model/identity.ts';
import { encodeRecord } from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import type { Link, LinkEvents, LinkHello, Network } from '../../src/cluster/ports.ts';
import type { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { encodeAnswer } from '../../src/cluster/wire/answers.ts';
import { type Answer, decodeOperation, type Operation } from '../../src/cluster/wire/operations.ts';
import type { PausableTime } from './pausable-time.ts';

export class MoodyMembers implements Network {
  readonly time: PausableTime;
  readonly random: SeededRandom;
  /** Of an operation: that it is answered by what is in order. */
  readonly #reliability: number;
  readonly #stoppedUntilMs = new Map<NodeId, number>();

  constructor(time: PausableTime, random: SeededRandom) {
    this.time = time;
    this.random = random;
    this.#reliability = random.pick([0.5, 0.9, 1]);
  }

  call(): void {
    throw new Error('nobody asks for maps here');
  }

  request(): never {
    throw new Error('nobody sends files here');
  }

  open(_address: unknown, hello: LinkHello, events: LinkEvents): Link {
    if (hello.purpose === 'control') throw new Error('nobody is told anything here');
    return new MoodyLink(this, hello.node, events);
  }

  stop(node: NodeId, milliseconds: number): void {
    this.#stoppedUntilMs.set(node, this.time.monotonicMs() + milliseconds);
  }

  arrives(from: NodeId, milliseconds: number, run: () => void): void {
    const stoppedMs = (this.#stoppedUntilMs.get(from) ?? 0) - this.time.monotonicMs();
    this.time.arrives(Math.max(milliseconds, stoppedMs), run);
  }

  isInOrder(): boolean {
    return this.random.chance(this.#reliability);
  }

  /** @returns bytes that may be no answer at all */
  answerTo(operation: Operation | string): Buffer {
    if (typeof operation === 'string') throw new Error(operation);
    if (!this.isInOrder() && this.random.chance(0.1)) return Buffer.from('no answer');
    const { head, body } = encodeAnswer(this.#answerTo(operation));
    return Buffer.concat([head, body]);
  }

  #answerTo(operation: Operation): Answer {
    const version = (BigInt(this.time.wallMs() + this.random.below(3)) << 16n) as Version;
    if (!this.isInOrder()) {
      return this.random.pick<Answer>([
        { kind: 'not-serving' },
        { kind: 'refused', reason: 'no-memory' },
        { kind: 'refused', reason: 'full' },
        { kind: 'refused', reason: 'too-large' },
        ...(operation.kind === 'get' ? [] : ([{ kind: 'stale' }, { kind: 'behind' }] as const)),
      ]);
    }
    if (operation.kind === 'get') {
      const { key } = operation;
      const rest = { tombstone: false, expiresAtMs: 0, attributes: [], value: key };
      return this.random.pick<Answer>([
        { kind: 'absent', version },
        { kind: 'found', record: encodeRecord({ key, version, ...rest }) },
      ]);
    }
    return this.random.chance(0.9)
      ? { kind: 'applied' }
      : this.random.pick<Answer>([
          { kind: 'equal' },
          { kind: 'superseded', version },
          { kind: 'floor', version },
        ]);
  }
}

class MoodyLink implements Link {
  readonly #members: MoodyMembers;
  readonly #node: NodeId;
  readonly #events: LinkEvents;
  #isUnderWay = true;
  #isOpen = false;
  #isClosed = false;
  #batchesLeft = 0;
  #batch: { readonly id: number; readonly operation: Operation | string }[] = [];

  constructor(members: MoodyMembers, node: NodeId, events: LinkEvents) {
    this.#members = members;
    this.#node = node;
    this.#events = events;
    members.arrives(node, 1, () => {
      if (!members.isInOrder() && members.random.chance(0.3)) return this.close('refused');
      this.#isOpen = true;
      return this.#said();
    });
  }

  send(id: number, head: Uint8Array, body: Uint8Array): void {
    if (this.#isClosed) return;
    this.#batch.push({ id, operation: decodeOperation(Buffer.concat([head, body])) });
    if (this.#batch.length === 1) this.#members.time.after(0, () => this.#leave());
  }

  isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  batchesLeft(): number {
    return this.#batchesLeft;
  }

  queuedBytes(): number {
    return this.#batch.length * 100;
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed(reason, this.#isOpen);
  }

  #leave(): void {
    const { random } = this.#members;
    this.#isUnderWay = true;
    this.#batchesLeft++;
    if (!this.#members.isInOrder() && random.chance(0.05)) {
      this.#members.arrives(this.#node, random.below(50), () => this.close('broken'));
    }
    for (const { id, operation } of this.#batch.splice(0)) {
      const isPrompt = this.#members.isInOrder();
      if (!isPrompt && random.chance(0.5)) continue;
      const afterMs = isPrompt ? 1 + random.below(30) : random.below(3000);
      const answer = this.#members.answerTo(operation);
      this.#members.arrives(this.#node, afterMs, () => this.#said(id, answer));
    }
    this.#members.arrives(this.#node, 1, () => this.#said());
  }

  /** An answer, or only that what came was read. */
  #said(id?: number, answer?: Buffer): void {
    if (this.#isClosed) return;
    if (id !== undefined && answer !== undefined) this.#events.received(id, answer);
    this.#isUnderWay = false;
    this.#events.ready?.();
  }
}
