// Whose scale of the protocol times fits the cluster's (D12): that of whoever registers or polls must be the
// controller's, and the controller's must be none that makes it wait too short for leases of before.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import type { ClusterMap } from '../../cluster/model/cluster-map.ts';
import { otherTimeScale } from '../../cluster/model/time-scale.ts';
import type { PollRequest } from '../../cluster/wire/control-messages.ts';
import { Refused } from '../../cluster/wire/control-table.ts';

/** @returns the refusal, naming both; undefined when the scale is the own one */
export function refuseTimeScale(
  who: string,
  timeScale: number | undefined,
  own: number,
): Refused | undefined {
  const problem = otherTimeScale({ who, timeScale }, { who: 'the controller', timeScale: own });
  return problem === undefined ? undefined : new Refused('other-time-scale', problem);
}

/** Of a poll for a map. Who names neither a scale nor a frontend is a person, or a tool, that keeps to no times. */
export function refusePoll({ frontend, timeScale }: PollRequest, own: number): Refused | undefined {
  if (frontend === undefined && timeScale === undefined) return undefined;
  const who = frontend === undefined ? 'this process' : `frontend ${frontend}`;
  return refuseTimeScale(who, timeScale, own);
}

/**
 * D12: lives of the cluster may still go by the scale that the map has, and hold their leases for longer than a
 * controller with a smaller one would wait. One with a larger scale only waits longer than it must.
 * @returns the map, which has a scale from now on
 * @throws FatalError when the scale of the map is larger
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
 * D12: a life with this scale is admitted, so no smaller one will do any more. Not before: a controller that was
 * started with another scale by mistake, and admitted nobody, can be started with the right one again.
 */
export function withScaleOf(map: ClusterMap, scale: number): ClusterMap {
  return { ...map, timeScale: Math.max(map.timeScale ?? scale, scale) };
}
