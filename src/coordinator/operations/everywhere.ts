// Brings a record to all members of its partition, so that nobody reads older than it from then on. Only then may a
// client learn of it: from a linearizable read (H21), or because it decided a condition (H39e).

import { isSameIncarnation, type Member } from '../../cluster/model/cluster-map.ts';
import { recordKey, type StoredRecord } from '../../cluster/model/record.ts';
import type { MemberAnswer } from '../../cluster/peers/storage-channel.ts';
import type { KeyPlace } from '../router.ts';
import { fanOut, type MemberVote } from './fan-out.ts';
import type { OperationContext } from './operation-context.ts';
import { holdsAtLeast, isLiveAt, type Spread, spreadOf } from './settling.ts';

/**
 * @param lacking the members that are not known to hold the record
 * @param done is told how far it got, at the epoch of `place`, and what these members answered to the record. With
 *   `below-floor` some member may be read from, or come to be, which has older, and takes nothing so old.
 * @param each is told of each of these answers when it comes
 */
export function bringEverywhere(
  context: OperationContext,
  place: KeyPlace,
  record: StoredRecord,
  lacking: readonly Member[],
  done: (spread: Spread, votes: readonly MemberVote[]) => void,
  each?: (vote: MemberVote) => void,
): void {
  const { partition, entry } = place;
  const set = { kind: 'set', partition, epoch: entry.epoch, record, follows: true } as const;
  fanOut(
    context,
    lacking,
    set,
    (votes) => {
      const spread = spreadOf(votes);
      if (spread !== 'below-floor') return done(spread, votes);
      const rest = entry.members.filter((member) => !includes(lacking, member));
      // Whether a joiner that is below its floor has the record depends on the floors of all others (`isNowhereOlder`).
      return fanOut(context, votes.some(isJoinerBelowFloor) ? rest : [], set, (others) => {
        if (spreadOf(others) === 'incomplete') return done('incomplete', votes);
        return lookBelowFloors(context, place, record, [...votes, ...others], (spread) =>
          done(spread, votes),
        );
      });
    },
    each,
  );
}

/** A floor says nothing of what is there (H24): the delete of another key may have raised it above the record. */
function lookBelowFloors(
  context: OperationContext,
  { partition, entry }: KeyPlace,
  record: StoredRecord,
  votes: readonly MemberVote[],
  done: (spread: Spread) => void,
): void {
  const below = votes.filter(isBelowFloor).map(({ member }) => member);
  const key = Buffer.from(recordKey(record));
  const peek = { kind: 'peek', partition, epoch: entry.epoch, key } as const;
  fanOut(context, below, peek, (seen) => {
    if (seen.some(({ answer }) => answer.kind !== 'held' && answer.kind !== 'absent')) {
      return done('incomplete');
    }
    const wallMs = context.runtime.clock.wallMs();
    return done(isNowhereOlder(record, votes, seen, wallMs) ? 'everywhere' : 'below-floor');
  });
}

/**
 * Whether no member has older than the record, or may come to have it.
 *
 * A joiner that holds nothing as late gets it, or nothing that is older and lives, with its copy, if no source has the
 * record only since then. During a join a floor does not rise (H26), and nothing at or below it comes to a member that
 * serves, by a set (H24) or a pull (anti-entropy.ts). So if the floors of all who are no joiners are above the record, they
 * have been as they are since before the join.
 *
 * @param votes answers to the record, of all members where a joiner is below its floor
 * @param seen what those hold who answered `floor`
 */
function isNowhereOlder(
  record: StoredRecord,
  votes: readonly MemberVote[],
  seen: readonly MemberVote[],
  wallMs: number,
): boolean {
  const isGone = !isLiveAt(record, wallMs);
  const isOld = votes.every((vote) => vote.member.role === 'joining' || isBelowFloor(vote));
  return seen.every(({ member, answer }) => {
    if (holdsAtLeast(answer, record)) return true;
    if (member.role === 'joining' && !isOld) return false;
    return isGone ? !livesAt(answer, wallMs) : member.role === 'joining';
  });
}

function livesAt(answer: MemberAnswer, wallMs: number): boolean {
  return answer.kind === 'held' && isLiveAt(answer.record, wallMs);
}

function isBelowFloor({ answer }: MemberVote): boolean {
  return answer.kind === 'floor';
}

function isJoinerBelowFloor(vote: MemberVote): boolean {
  return vote.member.role === 'joining' && isBelowFloor(vote);
}

function includes(members: readonly Member[], member: Member): boolean {
  return members.some((other) => isSameIncarnation(other, member));
}
