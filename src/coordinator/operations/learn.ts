// Acts on what any answer of a member implies beside its operation: versions to observe, a map to fetch or push, a
// member to report as unreachable. What each kind implies about the last two is in cluster/wire/answer-kinds.ts.

import type { Member } from '../../cluster/model/cluster-map.ts';
import type { MemberAnswer } from '../../cluster/peers/storage-channel.ts';
import { ANSWER_KINDS } from '../../cluster/wire/answer-kinds.ts';
import type { OperationContext } from './operation-context.ts';

export function learn(
  { refresh, reports, versions }: OperationContext,
  member: Member,
  answer: MemberAnswer,
): void {
  if (answer.kind === 'superseded' || answer.kind === 'floor') versions.observe(answer.version);
  const { map, isSilent } = ANSWER_KINDS[answer.kind];
  if (isSilent) reports.note(member);
  if (map === 'fetch') refresh.fetchFrom(member.node);
  else if (map === 'push') refresh.pushTo(member.node);
}
