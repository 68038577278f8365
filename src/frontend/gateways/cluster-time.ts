// When a gateway may stamp the end of a ttl (H31): only once the time of the cluster is known.

import { lastRoundMs } from '../../coordinator/operations/set/round.ts';
import type { GatewayContext } from './gateway.ts';

const TIME_IN_DOUBT =
  'the machine of this frontend slept, or its clock was set, and no storage node has told it the time since; nothing was stored';
const TIME_UNKNOWN =
  'no storage node has told this frontend the time yet, by which a ttl ends; nothing was stored';

/**
 * H31: a frontend that was just started has only its own clock, and when its machine has slept, the time of the cluster
 * is late here. What is stamped before a storage node has told the time may have expired as it is stored, though its
 * client was told that it is. Without a map nothing is waited for: a set is refused at once then.
 * @param stamp called with the end of the ttl, in milliseconds since 1970, now or once the time is known
 * @param refuse called in its place, with the reason, when that takes all the time of a set
 */
export function whenTimeIsKnown(
  { clock, times, timers, hasMap }: Pick<GatewayContext, 'clock' | 'times' | 'timers' | 'hasMap'>,
  ttlSeconds: number,
  stamp: (expiresAtMs: number) => void,
  refuse: (problem: string) => void,
): void {
  const go = () => stamp(clock.wallMs() + ttlSeconds * 1000);
  const isSure = clock.isKnown && !clock.isInDoubt();
  if (isSure || !hasMap()) return go();
  const problem = clock.isKnown ? TIME_IN_DOUBT : TIME_UNKNOWN;
  const cancel = timers.after(lastRoundMs(times), () => {
    leave();
    refuse(problem);
  });
  const leave = clock.onceTold(() => {
    cancel();
    go();
  });
  return undefined;
}
