// Asks several members of a partition the same, and waits for all of them: each either answers or counts as failed. What
// the answers mean together is decided by the operation that asked.

import type { Member } from '../../cluster/model/cluster-map.ts';
import type { MemberAnswer } from '../../cluster/peers/storage-channel.ts';
import type { Operation } from '../../cluster/wire/operations.ts';
import { learn } from './learn.ts';
import type { OperationContext } from './operation-context.ts';

export interface MemberVote {
  readonly member: Member;
  readonly answer: MemberAnswer;
}

/**
 * @param done gets a vote for each member, in their order; called once, and at once if there are no members
 * @param each is told of each vote when it comes
 */
export function fanOut(
  context: OperationContext,
  members: readonly Member[],
  operation: Operation,
  done: (votes: readonly MemberVote[]) => void,
  each?: (vote: MemberVote) => void,
): void {
  const answers: (MemberAnswer | undefined)[] = members.map(() => undefined);
  let left = members.length;
  if (left === 0) return done([]);
  for (const [index, member] of members.entries()) {
    context.router.send(member, operation, (answer) => {
      learn(context, member, answer);
      answers[index] = answer;
      each?.({ member, answer });
      left--;
      if (left > 0) return;
      done(
        members.flatMap((asked, at): MemberVote[] => {
          const given = answers[at];
          return given === undefined ? [] : [{ member: asked, answer: given }];
        }),
      );
    });
  }
}
