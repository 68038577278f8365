// Answers what concerns one record: reads it, compares and applies a new one, has a conditional one judged. Whether this
// node may answer at all, by its map, epoch and lease, was decided in replica.ts.

import { unreachable } from '../../cluster/assert.ts';
import type { IncarnationId } from '../../cluster/model/cluster-map.ts';
import { relationTo } from '../../cluster/model/conditional-mark.ts';
import { CHUNK_RECORD_BYTES, VERSION_AHEAD_MS_MAX } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import {
  isExpired,
  isTombstone,
  recordKey,
  recordValue,
  recordVersion,
  type StoredRecord,
} from '../../cluster/model/record.ts';
import { type Version, versionMilliseconds } from '../../cluster/model/version.ts';
import type { Clock } from '../../cluster/ports.ts';
import type { OneOfMany } from '../../cluster/wire/answer-kinds.ts';
import type { Judgement } from '../../cluster/wire/judge-parts.ts';
import type { KeyOfMany } from '../../cluster/wire/many-parts.ts';
import type { Answer } from '../../cluster/wire/operations.ts';
import type { LoggedStore } from '../logged-store.ts';
import { type JudgementPlace, Serialiser } from './serialiser.ts';

const APPLIED: Answer = { kind: 'applied' };
const CREATED: Answer = { kind: 'applied', created: true };
const NOT_SERVING: OneOfMany = { kind: 'not-serving' };
const LEFT_OUT: OneOfMany = { kind: 'left-out' };
/** The bytes of records that one answer to many gets may have, so that it is one short message. */
const MANY_BYTES = CHUNK_RECORD_BYTES;
const NO_MEMORY: Answer = { kind: 'refused', reason: 'no-memory' };

export class RecordAnswers {
  readonly #store: LoggedStore;
  readonly #clock: Clock;
  readonly #valueBytesMax: number;
  readonly #serialiser: Serialiser;

  /** @param clock the time of the cluster, by which records expire and versions are too far ahead (H31) */
  constructor(
    store: LoggedStore,
    clock: Clock,
    options: { readonly incarnationId: IncarnationId; readonly valueBytesMax: number },
  ) {
    const { incarnationId, valueBytesMax } = options;
    this.#store = store;
    this.#clock = clock;
    this.#valueBytesMax = valueBytesMax;
    this.#serialiser = new Serialiser(store, clock, incarnationId.incarnation, valueBytesMax);
  }

  read(partition: PartitionId, key: Buffer): Extract<Answer, { kind: 'found' | 'absent' }> {
    const { reader } = this.#store;
    const record = reader.get(partition, key);
    if (record === undefined) return { kind: 'absent', version: reader.floor(partition) };
    if (isTombstone(record) || isExpired(record, this.#clock.wallMs())) {
      return { kind: 'absent', version: recordVersion(record) };
    }
    return { kind: 'found', record };
  }

  /** @param mayRead whether gets of the partition may be answered */
  readMany(keys: readonly KeyOfMany[], mayRead: (partition: PartitionId) => boolean): Answer {
    let bytes = 0;
    const each = keys.map(({ partition, key }): OneOfMany => {
      if (!mayRead(partition)) return NOT_SERVING;
      if (bytes >= MANY_BYTES) return LEFT_OUT;
      const answer = this.read(partition, key);
      if (answer.kind === 'absent') return answer;
      // A long record goes alone, without being copied for its answer.
      if (bytes + answer.record.length > MANY_BYTES) return LEFT_OUT;
      bytes += answer.record.length;
      return answer;
    });
    return { kind: 'many', each };
  }

  /** H39b: what is here of the key, live or not; a joiner answers as well, as a record may be with it alone. */
  peek(partition: PartitionId, key: Buffer): Answer {
    const { reader } = this.#store;
    const record = reader.peek(partition, key);
    if (record === undefined) return { kind: 'absent', version: reader.floor(partition) };
    return { kind: 'held', record };
  }

  /** H39a: judges a condition, and applies the new record if it holds. */
  judge(place: JudgementPlace, judgement: Judgement): Answer {
    const reason = this.#store.durability.refusal;
    if (reason !== undefined) return { kind: 'refused', reason };
    return this.#serialiser.judge(place, judgement);
  }

  /** R2: compares and applies. @param follows as in the operation `set` */
  write(partition: PartitionId, record: StoredRecord, follows: boolean): Answer {
    if (recordValue(record).length > this.#valueBytesMax) {
      return { kind: 'refused', reason: 'too-large' };
    }
    // H31: a version that follows another was not made by one clock alone. This member may lack the record it
    // follows.
    const nowMs = this.#clock.wallMs();
    const aheadMs = versionMilliseconds(recordVersion(record)) - nowMs;
    if (aheadMs > VERSION_AHEAD_MS_MAX && !follows) {
      return { kind: 'refused', reason: 'version-too-far-ahead' };
    }
    const reason = this.#store.durability.refusal;
    if (reason !== undefined) return { kind: 'refused', reason };
    const outcome = this.#store.put(partition, record);
    switch (outcome.kind) {
      case 'applied':
        return outcome.replacedUntilMs > nowMs ? APPLIED : CREATED;
      case 'no-memory':
        return { ...outcome, ...NO_MEMORY };
      case 'superseded':
        return this.#superseded(partition, record, outcome.version);
      case 'equal':
      case 'floor':
        return outcome;
      default:
        return unreachable(outcome);
    }
  }

  /** H39d: says whether the greater record was judged on this one, which then has had its effect, or without it. */
  #superseded(partition: PartitionId, record: StoredRecord, version: Version): Answer {
    const present = this.#store.reader.peek(partition, recordKey(record));
    const relation = present === undefined ? 'older' : relationTo(present, record);
    switch (relation) {
      case 'in-base':
        return { kind: 'equal' };
      case 'outside-base':
        return { kind: 'superseded', version, isOutsideBase: true };
      case 'older':
        return { kind: 'superseded', version };
      default:
        return unreachable(relation);
    }
  }
}
