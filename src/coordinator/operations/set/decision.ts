// Defines a set, and decides what the members' answers to one round of it mean (R4, H18, H25). Pure: votes in, decision
// out. Sending and waiting is in round.ts.

import { unreachable } from '../../../cluster/assert.ts';
import type { ErrorCode } from '../../../cluster/http/errors.ts';
import type { NodeId } from '../../../cluster/model/identity.ts';
import type { Attribute } from '../../../cluster/model/record.ts';
import type { Version } from '../../../cluster/model/version.ts';
import type { RefusalReason } from '../../../cluster/wire/answer-kinds.ts';
import { tallyOf, type WriteVote } from '../write-votes.ts';

/** A set, or a delete, which is the set of a tombstone. */
export interface WriteRequest {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly tombstone: boolean;
  /** Milliseconds since 1970; 0 means never. */
  readonly expiresAtMs: number;
  readonly attributes: readonly Attribute[];
}

export type WriteOutcome =
  /** `hash` makes the ETag together with the version. */
  | { readonly kind: 'stored'; readonly version: Version; readonly hash: number }
  /** Certainly stored on no member. */
  | { readonly kind: 'not-stored'; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'unknown'; readonly version: Version };

export type WriteCallback = (outcome: WriteOutcome) => void;

export type WriteDecision =
  | { readonly kind: 'pending' }
  | { readonly kind: 'acknowledged' }
  /** Send the same version again, at whatever epoch then holds (H19); `unwritable` has a failed or full disk. */
  | { readonly kind: 'again'; readonly unwritable?: NodeId | undefined }
  /** This version takes no effect (H18), or not on all members (H25): the set needs a higher one. */
  | { readonly kind: 'again-newer' }
  | { readonly kind: 'refused'; readonly reason: RefusalReason | 'overloaded' };

/** @param votes of all members of the partition at the epoch of the round, each sent the same record */
export function judgeWrite(votes: readonly WriteVote[]): WriteDecision {
  const tally = tallyOf(votes);
  switch (tally.kind) {
    case 'pending':
      return tally;
    case 'refused':
      return tally;
    case 'overloaded':
      return { kind: 'refused', reason: 'overloaded' };
    case 'incomplete':
      return { kind: 'again', unwritable: tally.unwritable };
    case 'compared':
      // H25: a replica that answers `floor` took nothing, so `applied` from others does not help. H18: if all serving
      // members answer `superseded`, nobody could ever read this set; one `applied` proves the two sets concurrent.
      return { kind: tally.isBelowFloor || !tally.isServed ? 'again-newer' : 'acknowledged' };
    default:
      return unreachable(tally);
  }
}
