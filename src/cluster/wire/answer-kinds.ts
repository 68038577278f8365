// Every kind of answer of a storage node, and what it means wherever no single operation decides that. The table has
// an entry for each kind, so a new kind does not compile without one. What an answer means for a get, a set or a
// versioned write is in the decision.ts of each, which names every kind.

import type { ETag } from '../model/condition.ts';
import type { RecordHead, StoredRecord } from '../model/record.ts';
import type { Version } from '../model/version.ts';
import type { Cursor } from './transfer-parts.ts';

/** Why a storage node refuses an operation whatever the map says. */
export type RefusalReason =
  | 'malformed'
  | 'version-too-far-ahead'
  | 'too-large'
  /**
   * Its disk is full, too many writes wait for the disk, or too many scans for their turn; the node recovers from it
   * without a restart (H35).
   */
  | 'full'
  | 'no-memory'
  /** Its log failed, and stays failed until the node is started again (H35). */
  | 'disk-failed';

/** Why a conditional write was not stored. */
export type UnmetReason = (typeof UNMET_REASONS)[number];
export const UNMET_REASONS = ['condition', 'not-a-number', 'overflow', 'too-large'] as const;

export type Answer =
  /** A live record: neither a tombstone nor expired by the cluster time (H30). */
  | { readonly kind: 'found'; readonly record: StoredRecord }
  /** Proof of absence by a serving member. `version` is that of the tombstone or expired record, else the floor. */
  | { readonly kind: 'absent'; readonly version: Version }
  /** `created`: nothing live was there before, neither expired nor deleted; earlier software does not say so. */
  | { readonly kind: 'applied'; readonly created?: boolean }
  | { readonly kind: 'equal' }
  /** The replica holds a record above the set's; `version` is the version of that record. */
  | {
      readonly kind: 'superseded';
      readonly version: Version;
      /** That record is conditional, and was judged without the set's: the set's effect would be lost (H39d). */
      readonly isOutsideBase?: boolean;
    }
  | { readonly kind: 'floor'; readonly version: Version }
  /** The operation's epoch is older than the node's. */
  | { readonly kind: 'stale' }
  /** The operation's epoch is newer than the node's. */
  | { readonly kind: 'behind' }
  /** The node is not a member, or may not answer this (R1, R2); 421 in terms of HTTP. */
  | { readonly kind: 'not-serving' }
  | {
      readonly kind: 'refused';
      readonly reason: RefusalReason;
      /** Never sent: the node goes on making room for the operation, and answers it then (H40). */
      readonly isMakingRoom?: true;
    }
  /** Answers copy, pull and a scan for values, and fetch with as many of the requested records as had room, and without `next`. */
  | {
      readonly kind: 'records';
      readonly floor: Version;
      /** The buckets that the records belong to; nothing was to be sent of the others. */
      readonly differing: ReadonlySet<number>;
      readonly records: readonly StoredRecord[];
      /** Where the next request goes on; undefined after the last records. */
      readonly next: Cursor | undefined;
    }
  /** The cluster time that the node goes by, in milliseconds since 1970. */
  | { readonly kind: 'time'; readonly wallMs: number }
  /** Answers judge: the condition held, and this record is stored now (H39a). */
  | {
      readonly kind: 'judged';
      readonly record: StoredRecord;
      /** The live record that it took the place of; only `getset` asks for it. */
      readonly previous: StoredRecord | undefined;
      /** Whether no live record was there before. */
      readonly created: boolean;
      /** The record of the key that it took the place of, live or not; undefined when there was none. */
      readonly predecessor: ETag | undefined;
    }
  /** Answers judge: nothing was stored. */
  | {
      readonly kind: 'unmet';
      readonly why: UnmetReason;
      /** Whether `record` is live by the clock of the serialiser. */
      readonly isLive: boolean;
      /** The record that decided, a tombstone or an expired one too; undefined when there is none. */
      readonly record: StoredRecord | undefined;
    }
  /** Answers judge: the key must be settled first (H39b); nothing was stored. */
  | { readonly kind: 'unsettled' }
  /**
   * Answers peek: the record of the key, live or not. It waits for the log: a linearizable read, or the end of a write,
   * rests on it, and a crash must not take the record away again.
   */
  | { readonly kind: 'held'; readonly record: StoredRecord }
  /** Answers gets, each of its keys in its order. */
  | { readonly kind: 'many'; readonly each: readonly OneOfMany[] }
  /** Answers list, and a scan for keys alone. */
  | {
      readonly kind: 'heads';
      readonly floor: Version;
      readonly heads: readonly RecordHead[];
      /** Where the next request goes on; undefined after the last heads. */
      readonly next: Cursor | undefined;
    };

/** The answer to one of many gets; `left-out`: the answer was long enough without its record. */
export type OneOfMany =
  | Extract<Answer, { kind: 'found' | 'absent' | 'not-serving' }>
  | { readonly kind: 'left-out' };

/** Why a member gave no answer (peers/storage-channel.ts). */
type NoAnswer = 'unreachable' | 'unanswered' | 'overloaded';

export interface AnswerKind {
  /** Whether the member holds the record of the answered set; `perhaps`: it may hold it now, later or never (D9). */
  readonly holds: 'yes' | 'no' | 'perhaps';
  /** Whether the answer vouches for a record, so that it must wait until the record is in the log (R2, I14). */
  readonly waitsForLog: boolean;
  /**
   * What the asker does about maps: fetches the member's, which may be newer, or pushes its own to a member with an
   * older one.
   */
  readonly map: 'fetch' | 'push' | 'as-it-is';
  /** Whether nothing was heard from the member, which may be gone. */
  readonly isSilent: boolean;
}

/** Implies nothing about maps, and does not show that the member has the record of a set. */
const PLAIN = { holds: 'no', waitsForLog: false, map: 'as-it-is', isSilent: false } as const;
/** The member may live on as another incarnation, which only a newer map names. */
const SILENT = { holds: 'no', waitsForLog: false, map: 'fetch', isSilent: true } as const;

/** `code` is the number of the kind on the wire. */
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
  judged: { code: 13, ...PLAIN, holds: 'yes', waitsForLog: true },
  unmet: { code: 14, ...PLAIN, waitsForLog: true },
  unsettled: { code: 15, ...PLAIN },
  held: { code: 16, ...PLAIN, waitsForLog: true },
  many: { code: 17, ...PLAIN },
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
