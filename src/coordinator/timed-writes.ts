// Says when what is stored with a ttl expires: by the time of the cluster, which a write has to wait for where this
// process does not know it (H31). Shared by the gateways of frontends and the direct client.

import type { ClusterClock } from '../cluster/model/cluster-clock.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { Timers } from '../cluster/ports.ts';
import { lastRoundMs } from './operations/set/round.ts';

const TIME_IN_DOUBT =
  'the machine of this process slept, or its clock was set, and no storage node has told it the time since; nothing was stored';
const TIME_UNKNOWN =
  'no storage node has told this process the time yet, by which a ttl ends; nothing was stored';

export interface TimeContext {
  /** The time of the cluster, by which records expire. */
  readonly clock: ClusterClock;
  readonly times: Times;
  readonly timers: Timers;
  /** Without a map no storage node can be asked for the time. */
  hasMap(): boolean;
}

/**
 * H31: a process that was just started has only its own clock, and when its machine has slept, the time of the
 * cluster is late here. What is stamped before a storage node has told the time may have expired as it is stored,
 * though its client was told that it is. Without a map the write goes on at once, and is refused as any other.
 * @param write is called with the end of the ttl, in milliseconds since 1970, and when the request arrived, by the
 *   monotonic clock; nobody calls it when `refuse` is
 */
export function withExpiry(
  { clock, times, timers, hasMap }: TimeContext,
  ttlSeconds: number,
  write: (expiresAtMs: number, arrivedMs: number) => void,
  refuse: (problem: string) => void,
): void {
  const arrivedMs = clock.monotonicMs();
  const stamp = () => write(clock.wallMs() + ttlSeconds * 1000, arrivedMs);
  const isSure = clock.isKnown && !clock.isInDoubt();
  if (isSure || !hasMap()) return stamp();
  const problem = clock.isKnown ? TIME_IN_DOUBT : TIME_UNKNOWN;
  const cancel = timers.after(lastRoundMs(times), () => {
    leave();
    refuse(problem);
  });
  const leave = clock.onceTold(() => {
    cancel();
    stamp();
  });
  return undefined;
}
