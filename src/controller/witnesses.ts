// Who the witnesses are (D2), and how they change (H13): through a map in which a renewal needs a
// majority of the old ones and of the new ones, until nobody acts under a map of before.

import {
  type ClusterMap,
  isGranted,
  isSameLife,
  type Life,
  nodeEntry,
} from '../cluster/cluster-map.ts';
import { type Address, hostOf, type NodeId } from '../cluster/identity.ts';
import { WITNESSES_MAX } from '../cluster/limits.ts';
import type { View } from './view.ts';

export type Candidate = Life & { readonly address: Address };

/**
 * One witness for one node, two for two, else three; on distinct hosts where there are enough.
 * @param present those that stay if they are candidates; a change costs a joint step
 */
export function chooseWitnesses(
  candidates: readonly Candidate[],
  present: readonly Life[],
): readonly Life[] {
  const wanted = Math.min(WITNESSES_MAX, candidates.length);
  const hosts = new Set<string>();
  const chosen: Candidate[] = [];
  const stays = (candidate: Candidate) => present.some((life) => isSameLife(life, candidate));
  const byPreference = [...candidates].sort((a, b) => Number(stays(b)) - Number(stays(a)));
  const newHost = ({ address }: Candidate) => !hosts.has(hostOf(address));
  while (chosen.length < wanted) {
    const left = byPreference.filter((candidate) => !chosen.includes(candidate));
    const next = left.find(stays) ?? left.find(newHost) ?? left[0];
    if (next === undefined) break;
    chosen.push(next);
    hosts.add(hostOf(next.address));
  }
  return chosen.map(({ node, incarnation }) => ({ node, incarnation }));
}

/** One step, if one is due: begin a change, or complete it. */
export function changeWitnesses(map: ClusterMap, view: View): ClusterMap {
  if (map.nextWitnesses !== undefined) {
    if (!isJointStepOver(map, view)) return map;
    const { nextWitnesses, ...rest } = map;
    return { ...rest, witnesses: nextWitnesses };
  }
  const wanted = chooseWitnesses(candidates(map, view), map.witnesses.filter(mayStay(map, view)));
  const replaceable = map.witnesses.filter((witness) => !mayStay(map, view)(witness));
  const grows = wanted.length > map.witnesses.length;
  // A silent witness is no reason: it may be alive, and renew leases that nobody knows of.
  if (wanted.length === 0 || (replaceable.length === 0 && !grows)) return map;
  return { ...map, nextWitnesses: wanted };
}

/** The ones that can take the office, and those that have it and are merely silent. */
function candidates(map: ClusterMap, view: View): readonly Candidate[] {
  return Object.entries(map.nodes)
    .map(([node, entry]) => ({
      node: node as NodeId,
      incarnation: entry.incarnation,
      address: entry.address,
      draining: entry.draining,
    }))
    .filter((candidate) => {
      if (map.witnesses.some((witness) => isSameLife(witness, candidate))) {
        return mayStay(map, view)(candidate);
      }
      return isGranted(map, candidate) && !candidate.draining && view.isAlive(candidate);
    });
}

/** D2: replaced when its death is proven, when it came back without its state, or when it leaves. */
function mayStay(map: ClusterMap, view: View): (witness: Life) => boolean {
  return (witness) => {
    const entry = nodeEntry(map, witness.node);
    if (entry?.incarnation !== witness.incarnation) return false;
    if (entry.draining) return false;
    return !view.isDead(witness) || view.mayReturn(witness);
  };
}

/** H13: nobody can act under a map that knows only the old witnesses. */
function isJointStepOver(map: ClusterMap, view: View): boolean {
  const since = view.witnessesChangingSince(map);
  if (since === undefined) return false;
  if (![...view.barred()].every((life) => view.lapsedSinceMs(life) !== undefined)) return false;
  return Object.entries(map.nodes).every(([node, { incarnation }]) => {
    const life = { node: node as NodeId, incarnation };
    return !isGranted(map, life) || view.hasAdopted(life, since.version);
  });
}
