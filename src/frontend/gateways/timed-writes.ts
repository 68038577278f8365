// Says when what is stored with a ttl expires: by the time of the cluster, which a write has to wait for where this
// frontend does not know it (H31). Shared by the gateways.

import { lastRoundMs } from '../../coordinator/operations/set/round.ts';
import type { GatewayContext } from './gateway.ts';

const TIME_IN_DOUBT =
  'the machine of this frontend slept, or its clock was set, and no storage node has told it the time since; nothing was stored';
const TIME_UNKNOWN =
  'no storage node has told this frontend the time yet, by which a ttl ends; nothing was stored';

/**
 * H31: a frontend that was just started has only its own clock, and when its machine has slept, the time of the
 * cluster is late here. What is stamped before a storage node has told the time may have expired as it is stored,
 * though its client was told that it is. Without a map the write goes on at once, and is refused as any other.
 * @param write is called with the end of the ttl, in milliseconds since 1970, and when the request arrived, by the
 *   monotonic clock; nobody calls it when `refuse` is
 * @param refuse is called with the reason when the time is not known before a set would be too late
 */
export function withExpiry(
  context: Pick<GatewayContext, 'clock' | 'times' | 'timers' | 'hasMap'>,
  ttlSeconds: number,
  write: (expiresAtMs: number, arrivedMs: number) => void,
  refuse: (problem: string) => void,
): void {
  const { clock, times, timers } = context;
  const arrivedMs = clock.monotonicMs();
  const stamp = () => write(clock.wallMs() + ttlSeconds * 1000, arrivedMs);
  const isSure = clock.isKnown && !clock.isInDoubt();
  if (isSure || !context.hasMap()) return stamp();
  const problem = clock.isKnown ? TIME_IN_DOUBT : TIME_UNKNOWN;
  const cancel = timers.after(lastRoundMs(times), () => {
    leave();
    refuse(problem);
  });
  const leave = clock.onceTold(() => {
    cancel();
    stamp();
  });
}
