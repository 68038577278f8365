// The streams on which followers ask a storage node what changes (H46). A question that may be held is answered as soon as
// there is something to tell, or after a while with nothing. The next question says how far the follower has come, so the node
// keeps nothing of a follower but the question that waits, and a follower that reads slowly asks slowly.

import type { Times } from '../../cluster/model/limits.ts';
import { PartitionSet } from '../../cluster/model/partition-set.ts';
import type { Cancel, Link, LinkEvents, NodeHello, Runtime } from '../../cluster/ports.ts';
import {
  type Changes,
  decodeFollow,
  encodeChanges,
  type Follow,
} from '../../cluster/wire/follow-messages.ts';
import type { PartitionReader } from '../memory/partition-store.ts';
import type { Replica } from '../replication/replica.ts';
import type { StreamGate } from '../stream-gate.ts';
import type { ChangeRing } from './change-ring.ts';
import { gather } from './gather.ts';

/** What changes within this time is told together: followers must not cost a message for each set. */
const GATHER_MS = 5;
/** Changes are noted for this long after the last question, so that a follower who was cut off misses nothing. */
const NOTED_AFTER_MS = 120_000;
/** A node holds no more questions; the oldest is answered with nothing then. */
const HELD_MAX = 16_384;
/** How many held questions are looked through at a time. */
const LOOK_MAX = 256;

export interface FollowedNode {
  replica(): Replica | undefined;
  readonly reader: Pick<PartitionReader, 'peek' | 'floor'>;
  readonly ring: ChangeRing;
}

/** A question that waits until there is something to tell. */
interface HeldFollow {
  readonly link: Link;
  readonly id: number;
  readonly follow: Follow;
  /** Everything before this change was looked at. */
  from: number;
  readonly cancel: Cancel;
}

export class ChangeLinks {
  readonly #runtime: Runtime;
  readonly #times: Pick<Times, 'mapPollMs' | 'scale'>;
  readonly #gate: StreamGate;
  readonly #node: FollowedNode;
  /** The oldest first. */
  readonly #held = new Set<HeldFollow>();
  #isLooking = false;
  #endsNoting: Cancel | undefined;

  constructor(runtime: Runtime, times: Times, gate: StreamGate, node: FollowedNode) {
    this.#runtime = runtime;
    this.#times = times;
    this.#gate = gate;
    this.#node = node;
    node.ring.noted = () => this.#lookSoon();
  }

  /** How many questions wait. */
  get held(): number {
    return this.#held.size;
  }

  accept(hello: NodeHello, link: Link): LinkEvents | { readonly refused: string } {
    const refused = this.#gate.refusalOf(hello);
    if (refused !== undefined) return { refused };
    return {
      received: (id, message) => this.#received(link, id, message),
      closed: () => {
        for (const held of this.#held) if (held.link === link) this.#release(held);
      },
    };
  }

  #received(link: Link, id: number, message: Buffer): void {
    const follow = decodeFollow(message);
    if (typeof follow === 'string') {
      this.#runtime.logger.write('warn', 'follow refused', { reason: follow });
      return link.close('a question that cannot be read');
    }
    const { ring } = this.#node;
    ring.begin();
    this.#noteOn();
    const { from = ring.next, isHeld } = follow;
    const { changes, isNews } = gather(ring, this.#node.reader, follow, from);
    const told = this.#withUnserved(follow, changes);
    if (isNews || !isHeld || !told.lost.isEmpty) return send(link, id, told);
    return this.#hold(link, id, follow, changes.next);
  }

  /** R1: what this node has of a partition may be old where it may not answer gets of it. */
  #withUnserved(follow: Follow, changes: Changes): Changes {
    const lost = PartitionSet.of(changes.lost.bytes);
    const replica = this.#node.replica();
    for (const partition of follow.partitions) {
      if (replica?.isServing(partition) !== true) lost.add(partition);
    }
    return { ...changes, lost };
  }

  #hold(link: Link, id: number, follow: Follow, from: number): void {
    const { timers } = this.#runtime;
    const end = () => this.#end(held);
    const cancel = timers.after(this.#times.mapPollMs, end);
    const held: HeldFollow = { link, id, follow, from, cancel };
    this.#held.add(held);
    for (const oldest of this.#held) {
      if (this.#held.size <= HELD_MAX) break;
      this.#end(oldest);
    }
    if (from < this.#node.ring.next) this.#lookSoon();
  }

  /** Answers with what there is, which may be nothing: the follower asks again, and knows that this node is there. */
  #end(held: HeldFollow): void {
    this.#release(held);
    const { link, id, follow, from } = held;
    const { changes } = gather(this.#node.ring, this.#node.reader, follow, from);
    send(link, id, this.#withUnserved(follow, changes));
  }

  #release(held: HeldFollow): void {
    held.cancel();
    this.#held.delete(held);
  }

  #lookSoon(): void {
    if (this.#isLooking || this.#held.size === 0) return;
    this.#isLooking = true;
    this.#runtime.timers.after(GATHER_MS, () => this.#lookThrough([...this.#held]));
  }

  /** A slice at a time, because there may be many. */
  #lookThrough(all: readonly HeldFollow[]): void {
    const { ring, reader } = this.#node;
    for (const held of all.slice(0, LOOK_MAX)) {
      if (!this.#held.has(held)) continue;
      const { link, id, follow, from } = held;
      const { changes, isNews } = gather(ring, reader, follow, from);
      held.from = changes.next;
      if (!isNews) continue;
      this.#release(held);
      send(link, id, this.#withUnserved(follow, changes));
    }
    const rest = all.slice(LOOK_MAX);
    if (rest.length > 0) {
      this.#runtime.timers.after(0, () => this.#lookThrough(rest));
      return;
    }
    this.#isLooking = false;
    if ([...this.#held].some(({ from }) => from < ring.next)) this.#lookSoon();
  }

  #noteOn(): void {
    this.#endsNoting?.();
    this.#endsNoting = this.#runtime.timers.after(NOTED_AFTER_MS * this.#times.scale, () => {
      if (this.#held.size > 0) this.#noteOn();
      else this.#node.ring.end();
    });
  }
}

function send(link: Link, id: number, changes: Changes): void {
  const { head, body } = encodeChanges(changes);
  link.send(id, head, body);
}
