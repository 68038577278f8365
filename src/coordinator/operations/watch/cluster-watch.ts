// A watch of all partitions: follows each at one of its serving members, and gives what they tell step by step, as fast as
// the caller takes it. A partition that is followed elsewhere than before, or whose member forgot changes, makes the watch
// say that some may have been missed, once it is followed again. What one member tells is feed.ts's.
//
// The guarantee (H46): whatever was acknowledged after `start` has called back, or after a step `missed` was given, is
// told by a later step, or a later step says `missed`. Each key is told as it was at some moment after its change; several
// changes in short succession are told once.

import { assert } from '../../../cluster/assert.ts';
import {
  type IncarnationId,
  isSameIncarnation,
  nodeEntry,
} from '../../../cluster/model/cluster-map.ts';
import { type PartitionId, partitionCount } from '../../../cluster/model/partition.ts';
import { PartitionSet } from '../../../cluster/model/partition-set.ts';
import { type RecordHead, recordKey, recordVersion } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { ChangeChannels } from '../../../cluster/peers/change-channels.ts';
import type { Cancel } from '../../../cluster/ports.ts';
import type { Follow } from '../../../cluster/wire/follow-messages.ts';
import type { KeyPlace } from '../../router.ts';
import type { OperationContext } from '../operation-context.ts';
import { Feed } from './feed.ts';
import type { WatchPlace } from './place.ts';

/** Partitions that were lost are asked for again after this many pauses between rounds. */
const PAUSES = 5;
/**
 * The pause between two steps `missed`, in pauses between rounds. A storage node that stops moves its partitions in dozens
 * of maps within half a minute, and for each of these steps a client scans the cluster, which is busy copying then.
 */
const MISSED_PAUSES = 100;

export interface WatchQuery extends Pick<Follow, 'prefix' | 'isExact' | 'values'> {
  /** The one partition to follow; all of them when undefined. */
  readonly partition: PartitionId | undefined;
  /** Where an earlier watch has ended. */
  readonly since: WatchPlace | undefined;
  /** The name under which a stored key is told; undefined for a key that is not. */
  readonly nameOf: (storedKey: Buffer) => Buffer | undefined;
}

export interface ChangedKey {
  readonly key: Buffer;
  /** That of the record, or the floor where the key has none any more. */
  readonly version: Version;
  /** What the key has now, the whole record if values are wanted; undefined where it has none. */
  readonly head: RecordHead | undefined;
}

export type WatchStep =
  | { readonly kind: 'changes'; readonly changed: readonly ChangedKey[] }
  /** Changes may have been missed: what the caller knows of the keys may be old. */
  | { readonly kind: 'missed' };

export class ClusterWatch {
  readonly #context: OperationContext;
  readonly #channels: ChangeChannels;
  readonly #query: WatchQuery;
  readonly #digits: number;
  readonly #wanted: readonly PartitionId[];
  readonly #feeds = new Map<string, Feed>();
  /** The feed that each partition is asked of, followed yet or not. */
  readonly #feedOf = new Map<PartitionId, Feed>();
  /** The partitions that were lost, and wait for another feed. */
  readonly #lost = new Set<PartitionId>();
  /** How often each partition was lost: another member is asked then. */
  readonly #losses = new Map<PartitionId, number>();
  /** The partitions whose changes go on where an earlier watch has ended. */
  readonly #resumed: PartitionSet;
  readonly #followed: PartitionSet;
  readonly #unlisten: Cancel;
  #started: (() => void) | undefined;
  #isStarted = false;
  #hasMissed = false;
  /** Whether the last step `missed` was given so lately that the next one waits. */
  #hasJustMissed = false;
  #callback: ((step: WatchStep) => void) | undefined;
  #isOver = false;
  #isRetrying = false;
  /** Called once, when nothing more is asked for. */
  ended: () => void = () => undefined;

  /** @param digits of the cluster's map, which never change */
  constructor(
    context: OperationContext,
    channels: ChangeChannels,
    query: WatchQuery,
    digits: number,
  ) {
    const { partition } = query;
    const count = partitionCount(digits);
    this.#context = context;
    this.#channels = channels;
    this.#query = query;
    this.#digits = digits;
    this.#wanted =
      partition === undefined
        ? Array.from({ length: count }, (_, index) => index as PartitionId)
        : [partition];
    this.#resumed = PartitionSet.empty(count);
    this.#followed = PartitionSet.empty(count);
    this.#unlisten = context.router.onAdopted((moved) => this.#assign(this.#ofInterest(moved)));
  }

  /** How many partitions are followed by now. */
  get followed(): number {
    return this.#followed.size;
  }

  get wanted(): number {
    return this.#wanted.length;
  }

  /**
   * Where a later watch may go on that has taken the same steps as this one. While a step `missed` is still to be taken
   * that is nowhere, so that the later one gives it.
   */
  get place(): WatchPlace {
    if (this.#hasMissed) return [];
    return [...this.#feeds.values()].flatMap(({ place }) => (place === undefined ? [] : [place]));
  }

  /** @param started called once, when all partitions are followed, or no longer to be waited for; never after `stop` */
  start(started: () => void): void {
    this.#started = started;
    const { runtime, times } = this.#context;
    runtime.timers.after(times.getDeadlineMs, () => this.#begin());
    this.#assign(this.#wanted, this.#query.since);
  }

  /**
   * Asks for the next step; the previous one must have come.
   * @param callback called exactly once, before this returns or later, but never after `stop`
   */
  next(callback: (step: WatchStep) => void): void {
    assert(this.#callback === undefined, 'one step of a watch is asked for at a time');
    assert(!this.#isOver, 'nothing is asked of a watch that was stopped');
    this.#callback = callback;
    this.#deliver();
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#callback = undefined;
    this.#started = undefined;
    this.#unlisten();
    for (const [name, feed] of this.#feeds) this.#drop(name, feed);
    this.ended();
  }

  #ofInterest(moved: readonly PartitionId[]): readonly PartitionId[] {
    // In a map of another cluster, whose partitions are others.
    if (this.#context.router.map?.digits !== this.#digits) return this.#wanted;
    const { partition } = this.#query;
    return partition === undefined ? moved : moved.filter((each) => each === partition);
  }

  /**
   * Gives each of these to a feed of a member that may answer for it by the map; one that has such a feed keeps it. Not all
   * that are wanted, each time that a map moves a few: there may be thousands of watches.
   */
  #assign(partitions: readonly PartitionId[], since?: WatchPlace): void {
    if (this.#isOver) return;
    const changed = new Set<Feed>();
    for (const partition of partitions) {
      this.#lost.delete(partition);
      const place = this.#placeOf(partition);
      const feed = this.#feedOf.get(partition);
      if (feed !== undefined) {
        if (answersBy(place, feed.incarnation.incarnationId)) continue;
        feed.remove(partition);
        this.#forget(partition);
      }
      const next = this.#feedFor(partition, place);
      // Nobody answers for it by this map: another one will say who does.
      if (next === undefined) continue;
      next.add(partition);
      this.#feedOf.set(partition, next);
      changed.add(next);
    }
    if (since !== undefined) this.#goOn(since);
    for (const feed of changed) feed.ask();
    for (const [name, feed] of this.#feeds) if (feed.isEmpty) this.#drop(name, feed);
  }

  /** Undefined as well where another cluster has taken the place of this one, with another number of partitions. */
  #placeOf(partition: PartitionId): KeyPlace | undefined {
    const { router } = this.#context;
    return router.map?.digits === this.#digits ? router.placeOf(partition) : undefined;
  }

  #feedFor(partition: PartitionId, place: KeyPlace | undefined): Feed | undefined {
    const { map } = this.#context.router;
    const answering = place?.answering ?? [];
    const first = partition + (this.#losses.get(partition) ?? 0);
    const member = answering[first % Math.max(1, answering.length)]?.member;
    const entry =
      map === undefined || member === undefined ? undefined : nodeEntry(map, member.node);
    if (map === undefined || member === undefined || entry === undefined) return undefined;
    const { node, incarnation } = member;
    const name = `${node} ${incarnation}`;
    const known = this.#feeds.get(name);
    if (known !== undefined) return known;
    const followed = { cluster: map.cluster, incarnationId: { node, incarnation }, entry };
    const { runtime, times } = this.#context;
    const feed = new Feed(
      {
        followed,
        channel: this.#channels.acquire(followed),
        digits: this.#digits,
        query: this.#query,
        timers: runtime.timers,
        clock: runtime.clock,
        heldMs: times.mapPollMs,
        retryMs: PAUSES * times.retryMs,
      },
      {
        followed: (partitions) => this.#areFollowed(partitions),
        lost: (each) => this.#isLost(each),
        told: () => this.#deliver(),
      },
    );
    this.#feeds.set(name, feed);
    return feed;
  }

  /** Lets feeds go on where the earlier watch has ended; called once, before any of them asks. */
  #goOn(since: WatchPlace): void {
    const goingOn = new Set([...this.#feeds.values()].filter((feed) => feed.goOn(since)));
    for (const [partition, feed] of this.#feedOf) {
      if (goingOn.has(feed)) this.#resumed.add(partition);
    }
  }

  /** One call for all that one answer is about: together they are one step `missed`. */
  #areFollowed(partitions: readonly PartitionId[]): void {
    const wasKnown = this.#isStarted || this.#query.since !== undefined;
    for (const partition of partitions) {
      if (wasKnown && !this.#resumed.has(partition)) this.#hasMissed = true;
      // Only once: when it is lost later, and followed again, something may have been missed in between.
      this.#resumed.delete(partition);
      this.#followed.add(partition);
    }
    if (this.followed === this.wanted) this.#begin();
    this.#deliver();
  }

  #isLost(partition: PartitionId): void {
    this.#losses.set(partition, (this.#losses.get(partition) ?? 0) + 1);
    this.#forget(partition);
    this.#lost.add(partition);
    this.#retryLater();
  }

  #forget(partition: PartitionId): void {
    this.#feedOf.delete(partition);
    this.#followed.delete(partition);
    this.#resumed.delete(partition);
  }

  #drop(name: string, feed: Feed): void {
    feed.stop();
    this.#feeds.delete(name);
    this.#channels.release(feed.incarnation);
  }

  #retryLater(): void {
    if (this.#isRetrying || this.#isOver) return;
    this.#isRetrying = true;
    const { runtime, times } = this.#context;
    runtime.timers.after(PAUSES * times.retryMs, () => {
      this.#isRetrying = false;
      this.#assign([...this.#lost]);
    });
  }

  #begin(): void {
    const started = this.#started;
    this.#started = undefined;
    this.#isStarted = true;
    started?.();
  }

  #deliver(): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    const step = this.#take();
    if (step === undefined) return;
    this.#callback = undefined;
    callback(step);
  }

  #take(): WatchStep | undefined {
    if (this.#hasMissed && !this.#hasJustMissed) return this.#missed();
    for (const [name, feed] of [...this.#feeds]) {
      const changes = feed.take();
      if (changes === undefined) continue;
      // It is the last one next time: a busy node must not hide the others.
      this.#feeds.delete(name);
      this.#feeds.set(name, feed);
      const changed = [
        ...changes.heads.flatMap((head) => this.#named(recordKey(head), recordVersion(head), head)),
        ...changes.gone.flatMap(({ key, version }) => this.#named(key, version)),
      ];
      if (changed.length > 0) return { kind: 'changes', changed };
    }
    return undefined;
  }

  #missed(): WatchStep {
    const { runtime, times } = this.#context;
    this.#hasMissed = false;
    this.#hasJustMissed = true;
    runtime.timers.after(MISSED_PAUSES * times.retryMs, () => {
      this.#hasJustMissed = false;
      this.#deliver();
    });
    return { kind: 'missed' };
  }

  #named(storedKey: Buffer, version: Version, head?: RecordHead): readonly ChangedKey[] {
    const key = this.#query.nameOf(storedKey);
    return key === undefined ? [] : [{ key, version, head }];
  }
}

function answersBy(place: KeyPlace | undefined, incarnationId: IncarnationId): boolean {
  return place?.answering.some(({ member }) => isSameIncarnation(member, incarnationId)) === true;
}
