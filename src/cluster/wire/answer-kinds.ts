// What a storage node may answer, and what each kind of answer means wherever that is not the decision of one
// operation alone. The table has an entry for every kind, so a new kind does not compile without one. What an answer
// decides for a get, a set or a record that keeps its version is in the decision.ts of each, which names every kind.

import type { RecordHead, StoredRecord } from '../model/record.ts';
import type { Version } from '../model/version.ts';
import type { Cursor } from './transfer-parts.ts';

/** Why a storage node that could be reached will not do it, whatever the map says. */
export type RefusalReason =
  | 'malformed'
  | 'version-too-far-ahead'
  | 'too-large'
  /** Its disk is full, or too much waits for it: it goes on by itself (H35). */
  | 'full'
  | 'no-memory'
  /** Its log has failed, until it is started again (H35). */
  | 'disk-failed';

export type Answer =
  /** A live record: neither a tombstone nor expired by the node's clock (H30). */
  | { readonly kind: 'found'; readonly record: StoredRecord }
  /** Proof of absence by a serving member; `version` is of the tombstone or expired record, or the floor. */
  | { readonly kind: 'absent'; readonly version: Version }
  | { readonly kind: 'applied' }
  | { readonly kind: 'equal' }
  /** `version` is what the replica holds. */
  | { readonly kind: 'superseded'; readonly version: Version }
  | { readonly kind: 'floor'; readonly version: Version }
  /** The operation's epoch is older than the node's. */
  | { readonly kind: 'stale' }
  /** The operation's epoch is newer than the node's. */
  | { readonly kind: 'behind' }
  /** HTTP's 421: not a member, or one that may not answer (R1, R2). */
  | { readonly kind: 'not-serving' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason }
  /** To copy and pull; to fetch, without a place to go on, as many of those asked for as there was room for. */
  | {
      readonly kind: 'records';
      readonly floor: Version;
      /** The buckets that the records are of; of all others there was nothing to tell. */
      readonly differing: ReadonlySet<number>;
      readonly records: readonly StoredRecord[];
      /** Where to go on; undefined when that was all. */
      readonly next: Cursor | undefined;
    }
  /** Milliseconds since 1970, by the node's clock. */
  | { readonly kind: 'time'; readonly wallMs: number }
  /** To list. */
  | {
      readonly kind: 'heads';
      readonly floor: Version;
      readonly heads: readonly RecordHead[];
      /** Where to go on; undefined when that was all. */
      readonly next: Cursor | undefined;
    };

/** Why there is no answer of a member (peers/storage-channel.ts). */
type NoAnswer = 'unreachable' | 'unanswered' | 'overloaded';

export interface AnswerKind {
  /** Whether the member has the very record of the set that was answered; `perhaps`: now, later or never (D9). */
  readonly holds: 'yes' | 'no' | 'perhaps';
  /** Whether it vouches for a record, so that it may go only when the log has that record (R2, I14). */
  readonly waitsForLog: boolean;
  /**
   * What whoever asked does about the map: it fetches the member's, which may be newer than its own, or pushes its own
   * to the member, which has an older one.
   */
  readonly map: 'fetch' | 'push' | 'as-it-is';
  /** Whether nothing was heard of the member, which may be gone. */
  readonly isSilent: boolean;
}

/** An answer that says nothing of maps, and of records nothing that anybody could count on. */
const PLAIN = { holds: 'no', waitsForLog: false, map: 'as-it-is', isSilent: false } as const;
/** Perhaps the member lives on as another life, which only a newer map names. */
const SILENT = { holds: 'no', waitsForLog: false, map: 'fetch', isSilent: true } as const;

/** `code` is the kind's number on the wire. */
const ANSWERS: { readonly [Kind in Answer['kind']]: AnswerKind & { readonly code: number } } = {
  found: { code: 0, ...PLAIN },
  absent: { code: 1, ...PLAIN },
  applied: { code: 2, ...PLAIN, holds: 'yes', waitsForLog: true },
  equal: { code: 3, ...PLAIN, holds: 'yes', waitsForLog: true },
  superseded: { code: 4, ...PLAIN, waitsForLog: true },
  floor: { code: 5, ...PLAIN },
  stale: { code: 6, ...PLAIN, map: 'fetch' },
  behind: { code: 7, ...PLAIN, map: 'push' },
  'not-serving': { code: 8, ...PLAIN, map: 'fetch' },
  refused: { code: 9, ...PLAIN },
  records: { code: 10, ...PLAIN },
  time: { code: 11, ...PLAIN },
  heads: { code: 12, ...PLAIN },
};

const NO_ANSWERS: { readonly [Kind in NoAnswer]: AnswerKind } = {
  unreachable: SILENT,
  unanswered: { ...SILENT, holds: 'perhaps' },
  overloaded: PLAIN,
};

export const ANSWER_KINDS = { ...ANSWERS, ...NO_ANSWERS } as const;

export const KINDS_BY_CODE: readonly Answer['kind'][] = (
  Object.keys(ANSWERS) as Answer['kind'][]
).toSorted((one, other) => ANSWERS[one].code - ANSWERS[other].code);
