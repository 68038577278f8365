// What one storage node's incarnation tells a watch (H46): asks it for the changes of some partitions, again and again, and
// keeps at most one answer until the watch takes it. Which partitions these are is decided in cluster-watch.ts.

import { isSameIncarnation } from '../../../cluster/model/cluster-map.ts';
import { type PartitionId, partitionCount, partitionOf } from '../../../cluster/model/partition.ts';
import { PartitionSet } from '../../../cluster/model/partition-set.ts';
import { recordKey } from '../../../cluster/model/record.ts';
import type {
  ChangeChannel,
  FollowedIncarnation,
  FollowOutcome,
} from '../../../cluster/peers/change-channels.ts';
import type { Clock, Timers } from '../../../cluster/ports.ts';
import type { Changes, Follow } from '../../../cluster/wire/follow-messages.ts';
import { type FollowedPlace, setChecksum, type WatchPlace } from './place.ts';

/** After so many failures in a row another member is asked: this one may be behind a cut, or run other software. */
const FAILURES_MAX = 3;

export interface FeedEvents {
  /** From now on the node tells all changes of these partitions. */
  followed(partitions: readonly PartitionId[]): void;
  /** The node does not answer for the partition, or forgot changes of it; this feed no longer has it. */
  lost(partition: PartitionId): void;
  /** There are changes to take. */
  told(): void;
}

export interface FeedOptions {
  readonly followed: FollowedIncarnation;
  readonly channel: ChangeChannel;
  readonly digits: number;
  readonly query: Pick<Follow, 'prefix' | 'isExact' | 'values'>;
  readonly timers: Timers;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** How long the node holds a question while nothing changes. */
  readonly heldMs: number;
  /** The pause before a node is asked again that could not be reached. */
  readonly retryMs: number;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #events: FeedEvents;
  /** The partitions that are asked for. */
  readonly #partitions: PartitionSet;
  /** Those of them whose changes the node tells for certain. */
  readonly #followed: PartitionSet;
  /** From where on to ask; undefined to begin with what is yet to come. */
  #next: number | undefined;
  /** Everything before this change was taken. */
  #taken: number | undefined;
  /** How often in a row the node could not be reached. */
  #failures = 0;
  #told: Changes | undefined;
  /** Whether partitions were removed since the latest question was asked, so that its answer may be about them. */
  #hasRemoved = false;
  /** Identifies the question under way: the answers to earlier ones, for other partitions, are ignored. */
  #question: object | undefined;
  #isOver = false;

  constructor(options: FeedOptions, events: FeedEvents) {
    const count = partitionCount(options.digits);
    this.#options = options;
    this.#events = events;
    this.#partitions = PartitionSet.empty(count);
    this.#followed = PartitionSet.empty(count);
  }

  get incarnation(): FollowedIncarnation {
    return this.#options.followed;
  }

  get isEmpty(): boolean {
    return this.#partitions.isEmpty;
  }

  /** Undefined while nothing is followed there. */
  get place(): FollowedPlace | undefined {
    const { incarnationId } = this.#options.followed;
    if (this.#taken === undefined || this.#followed.isEmpty) return undefined;
    return { incarnationId, next: this.#taken, partitions: setChecksum(this.#followed) };
  }

  /**
   * Begins where an earlier watch has ended, if that was at this incarnation and for the same partitions.
   * @returns whether it was
   */
  goOn(since: WatchPlace): boolean {
    const { incarnationId } = this.#options.followed;
    const partitions = setChecksum(this.#partitions);
    const place = since.find(
      (each) =>
        isSameIncarnation(each.incarnationId, incarnationId) && each.partitions === partitions,
    );
    this.#next = place?.next;
    this.#taken = place?.next;
    return place !== undefined;
  }

  add(partition: PartitionId): void {
    this.#partitions.add(partition);
  }

  remove(partition: PartitionId): void {
    this.#partitions.delete(partition);
    this.#followed.delete(partition);
    this.#hasRemoved = true;
  }

  /** Asks for all its partitions, from where it is. A question under way is given up, as it was for others. */
  ask(): void {
    if (this.#isOver || this.#told !== undefined || this.isEmpty) return;
    const question = {};
    this.#question = question;
    this.#hasRemoved = false;
    const { channel, query, clock } = this.#options;
    const partitions = PartitionSet.of(this.#partitions.bytes);
    // Until the node has said that it tells all changes of each of them, nobody may rely on it.
    const isHeld = partitions.equals(this.#followed);
    const askedMs = clock.monotonicMs();
    const from = this.#next;
    channel.ask({ ...query, from, partitions, isHeld }, (outcome) => {
      if (this.#isOver || this.#question !== question) return;
      this.#question = undefined;
      if (outcome.kind === 'changes') this.#failures = 0;
      const isNothing = isHeld && outcome.kind === 'changes' && isEmpty(outcome.changes, from);
      if (isNothing && clock.monotonicMs() - askedMs < this.#options.heldMs / 2) {
        // The node holds as many questions as it may: to ask again at once would end another one's.
        return this.#askLater();
      }
      return this.#answered(partitions, outcome);
    });
  }

  /** @returns the changes that wait, if any; the next ones are asked for at once */
  take(): Changes | undefined {
    const told = this.#told;
    if (told === undefined) return undefined;
    const taken = this.#hasRemoved ? this.#withoutRemoved(told) : told;
    this.#told = undefined;
    this.#taken = told.next;
    this.ask();
    return taken;
  }

  /**
   * 1. This node tells that a key was set, and nobody takes it yet.
   * 2. The key is deleted, and its partition is followed elsewhere from then on; so `missed` is given.
   * 3. The client scans, and does not find the key.
   * 4. It takes what was told in step 1, and has the key for ever.
   *
   * The same holds of what a node tells while it loses the partition: keys whose records it set aside seem to be gone.
   */
  #withoutRemoved(changes: Changes): Changes {
    const { digits } = this.#options;
    const isFollowed = (key: Buffer) => this.#followed.has(partitionOf(key, digits));
    return {
      ...changes,
      heads: changes.heads.filter((head) => isFollowed(recordKey(head))),
      gone: changes.gone.filter(({ key }) => isFollowed(key)),
    };
  }

  stop(): void {
    this.#isOver = true;
    this.#told = undefined;
  }

  #answered(asked: PartitionSet, outcome: FollowOutcome): void {
    if (outcome.kind === 'failed') return this.#failed(asked);
    const { changes } = outcome;
    this.#next = changes.next;
    const isTelling = changes.heads.length > 0 || changes.gone.length > 0;
    if (isTelling) this.#told = changes;
    else this.#taken = changes.next;
    const isNew = (partition: PartitionId) =>
      this.#partitions.has(partition) && !this.#followed.has(partition);
    const followed = [...asked].filter((each) => !changes.lost.has(each) && isNew(each));
    for (const partition of followed) this.#followed.add(partition);
    for (const partition of changes.lost) this.#lose(partition);
    if (followed.length > 0) this.#events.followed(followed);
    if (isTelling) this.#events.told();
    else this.ask();
  }

  /** The node knows the changes still if it is this incarnation; if it is not, a newer map will say so. */
  #failed(asked: PartitionSet): void {
    if (++this.#failures >= FAILURES_MAX) {
      this.#failures = 0;
      for (const partition of asked) this.#lose(partition);
      return;
    }
    this.#askLater();
  }

  #askLater(): void {
    const { timers, retryMs } = this.#options;
    timers.after(retryMs, () => {
      if (this.#question === undefined) this.ask();
    });
  }

  #lose(partition: PartitionId): void {
    if (!this.#partitions.has(partition)) return;
    this.remove(partition);
    this.#events.lost(partition);
  }
}

function isEmpty({ heads, gone, lost, next }: Changes, from: number | undefined): boolean {
  return heads.length === 0 && gone.length === 0 && lost.isEmpty && next === from;
}
