// Checks the scale of the protocol times (D12): a node or frontend must have the controller's scale, and the
// controller's scale must not be smaller than the cluster's, or it would wait too short a time for earlier leases to
// end.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import type { ClusterMap } from '../../cluster/model/cluster-map.ts';
import { otherTimeScale } from '../../cluster/model/time-scale.ts';
import type { PollRequest } from '../../cluster/wire/control-messages.ts';
import { Refused } from '../../cluster/wire/control-table.ts';

/** @returns the refusal, which names both scales; undefined when the scale is the controller's */
export function refuseTimeScale(
  who: string,
  timeScale: number | undefined,
  own: number,
): Refused | undefined {
  const problem = otherTimeScale({ who, timeScale }, { who: 'the controller', timeScale: own });
  return problem === undefined ? undefined : new Refused('other-time-scale', problem);
}

/** Checks a poll for a map. A poll without scale and frontend is from a person or tool, to whom no times apply. */
export function refusePoll({ frontend, timeScale }: PollRequest, own: number): Refused | undefined {
  if (frontend === undefined && timeScale === undefined) return undefined;
  const who = frontend === undefined ? 'this process' : `frontend ${frontend}`;
  return refuseTimeScale(who, timeScale, own);
}

/**
 * D12: nodes may still use the scale in the map, and hold their leases for longer than a controller with a smaller
 * scale would wait. A controller with a larger scale merely waits longer than it must.
 * @returns the map, with a scale if it had none
 * @throws FatalError when the scale in the map is larger
 */
export function refuseSmallerScale(map: ClusterMap, scale: number): ClusterMap {
  const { timeScale } = map;
  if (timeScale === undefined) return { ...map, timeScale: scale };
  if (timeScale <= scale) return map;
  throw new FatalError(
    EXIT.config,
    `nodes of this cluster were started with --time-scale ${timeScale}, and this controller with ${scale}: leases would last longer than it waits for their end; start it with ${timeScale}, or found another cluster`,
  );
}

/**
 * D12: raises the scale in the map when a node is admitted, so that no controller with a smaller scale can follow.
 * Not earlier: a controller that was started with a wrong scale, and admitted nobody, can still be restarted.
 */
export function withScaleOf(map: ClusterMap, scale: number): ClusterMap {
  return { ...map, timeScale: Math.max(map.timeScale ?? scale, scale) };
}
