// Judges conditional writes for the partitions of which this node is the serialiser (H39a): in one synchronous step it
// checks the condition against its own record, and applies the new one. Whether it may, by map and epoch, is decided in
// replica.ts; what the coordinator makes of the answer is in coordinator/operations/conditional.

import { assert } from '../../cluster/assert.ts';
import { type Condition, etagOf } from '../../cluster/model/condition.ts';
import { type ConditionalMark, encodeMark, markOf } from '../../cluster/model/conditional-mark.ts';
import type { Epoch, Incarnation } from '../../cluster/model/identity.ts';
import { ATTRIBUTES_BYTES_MAX, MARK_BYTES_MAX } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import {
  attributesBytes,
  encodeRecord,
  isExpired,
  isTombstone,
  recordVersion,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { COUNTERS, HybridClock, type Version } from '../../cluster/model/version.ts';
import type { Clock } from '../../cluster/ports.ts';
import type { Answer } from '../../cluster/wire/answer-kinds.ts';
import type { Judgement } from '../../cluster/wire/judge-parts.ts';
import type { LoggedStore } from '../logged-store.ts';
import { type Successor, successorOf } from './judgement.ts';

const UNSETTLED: Answer = { kind: 'unsettled' };
const TOO_LARGE: Answer = { kind: 'refused', reason: 'too-large' };
const NO_MEMORY: Answer = { kind: 'refused', reason: 'no-memory' };

/** The partition and epoch at which an operation found this node to be the serialiser. */
export interface JudgementPlace {
  readonly partition: PartitionId;
  readonly epoch: Epoch;
}

export class Serialiser {
  readonly #store: LoggedStore;
  readonly #clock: Clock;
  readonly #versions: HybridClock;
  readonly #incarnation: Incarnation;
  readonly #valueBytesMax: number;

  /** @param clock the time of the cluster */
  constructor(store: LoggedStore, clock: Clock, incarnation: Incarnation, valueBytesMax: number) {
    this.#store = store;
    this.#clock = clock;
    this.#incarnation = incarnation;
    this.#valueBytesMax = valueBytesMax;
    this.#versions = new HybridClock(clock, incarnation % COUNTERS);
  }

  judge({ partition, epoch }: JudgementPlace, judgement: Judgement): Answer {
    const { reader } = this.#store;
    const { key, condition, change } = judgement;
    // A view that is valid until the put: whoever sends it later copies what must last.
    const own = reader.get(partition, key);
    if (!this.#isSettled(own, epoch, judgement)) return UNSETTLED;
    const isLive = own !== undefined && !isTombstone(own) && !isExpired(own, this.#clock.wallMs());
    const live = isLive ? own : undefined;
    const successor = successorOf(live, condition, change);
    if (typeof successor === 'string') {
      return { kind: 'unmet', why: successor, isLive, record: own };
    }
    if (successor.value.length > this.#valueBytesMax) {
      return change.kind === 'append'
        ? { kind: 'unmet', why: 'too-large', isLive, record: own }
        : TOO_LARGE;
    }
    // Kept attributes may have come another way than through a gateway, and leave no room for the mark.
    if (attributesBytes(successor.attributes) > ATTRIBUTES_BYTES_MAX - MARK_BYTES_MAX) {
      return TOO_LARGE;
    }
    const record = this.#recordOf({ partition, epoch }, judgement, own, successor);
    const predecessor = own === undefined ? undefined : etagOf(own);
    const isAskedFor = change.kind === 'getset' && live !== undefined;
    const previous = isAskedFor ? (Buffer.from(live) as StoredRecord) : undefined;
    const outcome = this.#store.put(partition, record);
    if (outcome.kind === 'no-memory') return { ...outcome, ...NO_MEMORY };
    assert(outcome.kind === 'applied', 'a judged record is above its base and the floor (H39a)');
    return { kind: 'judged', record, previous, created: !isLive, predecessor };
  }

  /**
   * H39b: whether no record that was judged elsewhere, at an earlier epoch, can turn up at another member. That is so
   * when the coordinator has asked all members at this epoch, or when the present record was judged here at this epoch,
   * for then one did so before. A condition that names a version above the present one's was read at a member that has
   * more. In a cache a record may be evicted anywhere at any time, so there conditions are judged against what is here.
   */
  #isSettled(
    own: StoredRecord | undefined,
    epoch: Epoch,
    { settled, condition }: Judgement,
  ): boolean {
    if (settled || this.#store.reader.whenFull === 'evict') return true;
    const mark = own === undefined ? undefined : markOf(own);
    if (own === undefined || mark === undefined) return false;
    const isOwn = mark.epoch === epoch && mark.incarnation === this.#incarnation;
    return isOwn && highestIn(condition) <= recordVersion(own);
  }

  /** The version is above the present record, the floor, all that the coordinator has seen, and the wall clock. */
  #recordOf(
    { partition, epoch }: JudgementPlace,
    { key, above }: Judgement,
    own: StoredRecord | undefined,
    { attributes, ...rest }: Successor,
  ): StoredRecord {
    const versions = [above, this.#store.reader.floor(partition)];
    if (own !== undefined) versions.push(recordVersion(own));
    const highest = versions.reduce((a, b) => (a > b ? a : b));
    const mark: ConditionalMark = { epoch, incarnation: this.#incarnation, base: baseOf(own) };
    return encodeRecord({
      key,
      version: this.#versions.next(highest),
      attributes: [...attributes, encodeMark(mark)],
      ...rest,
    });
  }
}

/** The last unconditional record that led to this one. */
function baseOf(own: StoredRecord | undefined): ConditionalMark['base'] {
  if (own === undefined) return undefined;
  const mark = markOf(own);
  return mark === undefined ? etagOf(own) : mark.base;
}

function highestIn({ ifMatch, ifNoneMatch }: Condition): Version {
  let highest = 0n as Version;
  for (const tags of [ifMatch, ifNoneMatch]) {
    if (tags === undefined || tags === 'any') continue;
    for (const { version } of tags) if (version > highest) highest = version;
  }
  return highest;
}
