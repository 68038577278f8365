// Streams on which a frontend follows what changes on storage nodes (H46): one to each incarnation that is followed, shared by
// all who follow it, and closed with the last of them. What to ask, and what an answer means, is in
// coordinator/operations/watch.

import { assert } from '../assert.ts';
import type { IncarnationId, NodeEntry } from '../model/cluster-map.ts';
import type { ClusterId } from '../model/identity.ts';
import type { Times } from '../model/limits.ts';
import type { Cancel, Runtime } from '../ports.ts';
import { type Changes, decodeChanges, encodeFollow, type Follow } from '../wire/follow-messages.ts';
import { RequestStream } from './request-stream.ts';

export type FollowOutcome =
  | { readonly kind: 'changes'; readonly changes: Changes }
  /** The node is out of reach, or is not this incarnation any more; nothing that it noted is lost by that. */
  | { readonly kind: 'failed'; readonly detail: string };

interface AskedFollow {
  readonly values: boolean;
  readonly end: (outcome: FollowOutcome) => void;
}

export interface FollowedIncarnation {
  readonly cluster: ClusterId;
  readonly incarnationId: IncarnationId;
  readonly entry: NodeEntry;
}

export class ChangeChannel {
  readonly #runtime: Runtime;
  readonly #times: Times;
  readonly #stream: RequestStream<AskedFollow>;

  constructor(runtime: Runtime, times: Times, followed: FollowedIncarnation) {
    const { cluster, incarnationId, entry } = followed;
    this.#runtime = runtime;
    this.#times = times;
    const hello = {
      purpose: 'changes',
      cluster,
      ...incarnationId,
      timeScale: times.scale,
    } as const;
    this.#stream = new RequestStream<AskedFollow>(
      runtime.network,
      { address: entry.address, hello },
      {
        received: (asked, message) => this.#received(asked, message),
        closed: (unanswered, reason) => {
          for (const { end } of unanswered) end({ kind: 'failed', detail: reason });
        },
      },
    );
  }

  /** @param callback called exactly once, and never before this returns */
  ask(follow: Follow, callback: (outcome: FollowOutcome) => void): void {
    const { timers } = this.#runtime;
    const { mapPollMs, linkSilenceMs } = this.#times;
    // A node that answers nothing for longer than it holds a question is behind a cut, or stopped.
    const patienceMs = mapPollMs + linkSilenceMs;
    const cancel: Cancel = timers.after(patienceMs, () =>
      this.#stream.close('silent for too long'),
    );
    const end = (outcome: FollowOutcome) => {
      cancel();
      // Deferred, because a stream may break while it is being opened.
      timers.after(0, () => callback(outcome));
    };
    const { head, body } = encodeFollow(follow);
    this.#stream.send({ values: follow.values, end }, head, body);
  }

  close(): void {
    this.#stream.close('nobody follows any more');
  }

  #received(asked: AskedFollow | undefined, message: Buffer): void {
    if (asked === undefined) return;
    const changes = decodeChanges(message, asked.values);
    if (typeof changes !== 'string') return asked.end({ kind: 'changes', changes });
    this.#runtime.logger.write('warn', 'answer refused', { reason: changes });
    return asked.end({ kind: 'failed', detail: changes });
  }
}

interface Shared {
  readonly channel: ChangeChannel;
  users: number;
}

export class ChangeChannels {
  readonly #runtime: Runtime;
  readonly #times: Times;
  readonly #channels = new Map<string, Shared>();

  constructor(runtime: Runtime, times: Times) {
    this.#runtime = runtime;
    this.#times = times;
  }

  /** @returns the channel; `release` must be called once for each call of this */
  acquire(followed: FollowedIncarnation): ChangeChannel {
    const name = nameOf(followed);
    let shared = this.#channels.get(name);
    if (shared === undefined) {
      const channel = new ChangeChannel(this.#runtime, this.#times, followed);
      shared = { channel, users: 0 };
      this.#channels.set(name, shared);
    }
    shared.users++;
    return shared.channel;
  }

  release(followed: FollowedIncarnation): void {
    const name = nameOf(followed);
    const shared = this.#channels.get(name);
    assert(shared !== undefined, 'only what was acquired is released');
    if (--shared.users > 0) return;
    this.#channels.delete(name);
    shared.channel.close();
  }
}

function nameOf({ cluster, incarnationId, entry }: FollowedIncarnation): string {
  return `${cluster} ${incarnationId.node} ${incarnationId.incarnation} ${entry.address}`;
}
