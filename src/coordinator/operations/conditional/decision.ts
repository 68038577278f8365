// Defines a conditional write, and decides what the answers of its serialiser and of the other members mean (H39).
// Pure: answers in, decision out. Sending and waiting is in round.ts.

import type { ErrorCode } from '../../../cluster/http/errors.ts';
import type { Change, Condition } from '../../../cluster/model/condition.ts';
import type { StoredRecord } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';

export interface ConditionalRequest {
  readonly key: Buffer;
  readonly condition: Condition;
  readonly change: Change;
}

export type ConditionalOutcome =
  | {
      readonly kind: 'stored';
      /** The record that was stored: a tombstone after a delete, the new number after incr. */
      readonly record: StoredRecord;
      /** The live record that it replaced: undefined if there was none; only `getset` fills it in. */
      readonly previous: StoredRecord | undefined;
      /** Whether no live record was there before. */
      readonly created: boolean;
    }
  /** The condition does not hold, or a change that needs a live record or a number found none; nothing was stored. */
  | {
      readonly kind: 'unmet';
      readonly why: 'condition' | 'not-a-number' | 'overflow' | 'too-large';
      /** The live record that decided; undefined when the key is absent. */
      readonly record: StoredRecord | undefined;
    }
  /** Certainly stored on no member. */
  | { readonly kind: 'not-stored'; readonly code: ErrorCode; readonly detail: string }
  /** May or may not take effect; a client must not repeat incr or append (H39g). */
  | { readonly kind: 'unknown'; readonly version: Version | undefined };

export type ConditionalCallback = (outcome: ConditionalOutcome) => void;
