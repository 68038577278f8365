// What an operator may ask of the controller: drain a node or undo it, remove it, declare it dead, give up
// what is lost, and what a change would move. `forget` and `accept-loss` put the operator's word in the
// place of a proof.

import {
  answeringMembers,
  type ClusterMap,
  isGranted,
  type Life,
  type Member,
  nodeEntry,
  type PartitionEntry,
  partitionEntry,
  presentLives,
} from '../cluster/cluster-map.ts';
import { type HttpReply, jsonReply, queryOf } from '../cluster/http.ts';
import type { NodeId } from '../cluster/identity.ts';
import {
  acceptLossRequest,
  type ForgetReply,
  type NodeRequest,
  nodeRequest,
  PATHS,
  type PlanReply,
} from '../cluster/messages.ts';
import type { PartitionId } from '../cluster/partition.ts';
import { parseQuery } from '../cluster/query.ts';
import { type ReplyCallback, type Routes, refusalReply } from '../cluster/routes.ts';
import { hasEpochLeft } from './epochs.ts';
import { some } from './frozen.ts';
import type { Knowledge } from './knowledge.ts';
import { livesOf, withEntry, withMembers } from './membership.ts';
import { whyNeeded, withoutNode } from './node-removal.ts';
import { planChange } from './plan.ts';
import type { Recovery } from './recovery.ts';
import type { View } from './view.ts';

export interface Administered {
  readonly knowledge: Knowledge;
  nowMs(): number;
  map(): ClusterMap | undefined;
  recovery(): Recovery | undefined;
  /** Publishes the map if it changed; the text says why it could not be. Only once there is a map. */
  propose(
    change: (map: ClusterMap) => ClusterMap,
    done: (failure: string | undefined) => void,
  ): void;
}

export function addAdminRoutes(routes: Routes, controller: Administered): void {
  const admin = new Admin(controller);
  routes.addControl(PATHS.drain, nodeRequest, (message, reply) =>
    admin.setDraining(message, true, reply),
  );
  routes.addControl(PATHS.undrain, nodeRequest, (message, reply) =>
    admin.setDraining(message, false, reply),
  );
  routes.addControl(PATHS.remove, nodeRequest, (message, reply) => admin.remove(message, reply));
  routes.addControl(PATHS.forget, nodeRequest, (message, reply) => reply(admin.forget(message)));
  routes.addControl(PATHS.acceptLoss, acceptLossRequest, ({ partitions }, reply) =>
    admin.acceptLoss(partitions as readonly PartitionId[] | undefined, reply),
  );
  routes.add(['GET'], PATHS.plan, (request, reply) => {
    const query = parseQuery(queryOf(request.target));
    const parameters = query.kind === 'query' ? query.parameters : new Map<string, Buffer>();
    reply(admin.plan(parameters));
  });
}

class Admin {
  readonly #controller: Administered;

  constructor(controller: Administered) {
    this.#controller = controller;
  }

  setDraining({ node }: NodeRequest, draining: boolean, reply: ReplyCallback): void {
    const missing = this.#refuseUnknown(node);
    if (missing !== undefined) return reply(missing);
    return this.#change((map) => withEntry(map, node, { draining }), reply);
  }

  /** Takes a node off the list that holds nothing and lives no more. */
  remove({ node }: NodeRequest, reply: ReplyCallback): void {
    const missing = this.#refuseUnknown(node);
    if (missing !== undefined) return reply(missing);
    const map = this.#controller.map();
    const needed = map === undefined ? undefined : whyNeeded(map, node);
    if (needed !== undefined) return reply(refusalReply('node-needed', needed));
    return this.#change((current) => withoutNode(current, node), reply);
  }

  /** H5c: the operator knows that these lives are over; if the present one is heard of, the earlier ones. */
  forget({ node }: NodeRequest): HttpReply {
    const map = this.#controller.map();
    const missing = this.#refuseUnknown(node);
    if (missing !== undefined || map === undefined) return missing ?? notReady();
    const { knowledge } = this.#controller;
    const now = this.#controller.nowMs();
    const forgotten = livesOf(map, node).filter(
      (life) => !knowledge.detector.isAliveSince(life, Number.NEGATIVE_INFINITY, now),
    );
    for (const life of forgotten) knowledge.detector.died(life, now, false);
    return jsonReply(200, { forgotten, ...this.#stillFrozen(map, node, forgotten) });
  }

  /**
   * H32: what is frozen for a node that is gone for good goes on where a surviving member is known to have
   * everything. For the rest the operator is told what he would be left with.
   */
  #stillFrozen(map: ClusterMap, node: NodeId, forgotten: readonly Life[]): Partial<ForgetReply> {
    const recovery = this.#controller.recovery();
    if (recovery === undefined || forgotten.length === 0) return {};
    recovery.forget(node);
    const frozen = recovery.frozenForGood(map).get(node) ?? [];
    if (frozen.length === 0) return {};
    const view = this.#controller.knowledge.at(this.#controller.nowMs());
    const outcomes = frozen.map((partition) => {
      const entry = partitionEntry(map, partition);
      const left = revived(map, entry, view).members.map((member) => member.node);
      const kept = entry.members.map((member) => member.node).filter((own) => left.includes(own));
      const alive = kept.filter((own) => own !== node);
      return `${partition} ${alive.length > 0 ? `with what ${alive.join(' and ')} has` : 'empty'}`;
    });
    const advice = `no surviving member is known to have all of what is frozen for ${node}; velour accept-loss would let go on: ${some(outcomes)}`;
    return { frozen, advice };
  }

  /** Partitions that are offline serve again, with what the nodes they were on still have. */
  acceptLoss(partitions: readonly PartitionId[] | undefined, reply: ReplyCallback): void {
    const { knowledge } = this.#controller;
    const spent = partitionsWithoutEpoch(this.#controller.map(), partitions);
    if (spent.length > 0) {
      return reply(
        refusalReply(
          'epochs-spent',
          `partitions ${some(spent)} have no epoch left to open: back up what the cluster has, and restore it into a new one`,
        ),
      );
    }
    return this.#change((map) => {
      const view = knowledge.at(this.#controller.nowMs());
      return {
        ...map,
        partitions: map.partitions.map((entry, partition) =>
          partitions?.includes(partition as PartitionId) === false ||
          answeringMembers(map, entry).length > 0
            ? entry
            : revived(map, entry, view),
        ),
      };
    }, reply);
  }

  plan(parameters: ReadonlyMap<string, Buffer>): HttpReply {
    const map = this.#controller.map();
    if (map === undefined) return notReady();
    const drain = parameters.get('drain')?.toString() as NodeId | undefined;
    const add = Number(parameters.get('add')?.toString() ?? 0);
    const missing = drain === undefined ? undefined : this.#refuseUnknown(drain);
    if (missing !== undefined) return missing;
    if (!Number.isInteger(add) || add < 0 || (add === 0 && drain === undefined)) {
      return refusalReply('malformed-message', 'a plan needs add=N or drain=NODE');
    }
    const plan: PlanReply = planChange(map, this.#controller.knowledge, { add, drain });
    return jsonReply(200, plan);
  }

  #change(change: (map: ClusterMap) => ClusterMap, reply: ReplyCallback): void {
    if (this.#controller.map() === undefined) return reply(notReady());
    return this.#controller.propose(change, (failure) =>
      reply(failure === undefined ? jsonReply(200, {}) : refusalReply('not-durable', failure)),
    );
  }

  #refuseUnknown(node: NodeId): HttpReply | undefined {
    const map = this.#controller.map();
    if (map === undefined) return notReady();
    if (nodeEntry(map, node) !== undefined) return undefined;
    return refusalReply(
      'unknown-node',
      `there is no node ${node}; there are ${Object.keys(map.nodes).join(', ')}`,
    );
  }
}

function notReady(): HttpReply {
  return refusalReply('not-ready', 'the controller has no map yet');
}

/** Of those that are to serve again: at their epoch a set may have been acknowledged by other members. */
function partitionsWithoutEpoch(
  map: ClusterMap | undefined,
  partitions: readonly PartitionId[] | undefined,
): readonly number[] {
  const offline = [...(map?.partitions ?? []).entries()].filter(
    ([partition, entry]) =>
      partitions?.includes(partition as PartitionId) !== false &&
      map !== undefined &&
      answeringMembers(map, entry).length === 0,
  );
  return offline.filter(([, entry]) => !hasEpochLeft(entry)).map(([partition]) => partition);
}

/** Those of its nodes that live, whatever they still have; without any, as many others as there should be. */
function revived(map: ClusterMap, entry: PartitionEntry, view: View): PartitionEntry {
  const living = presentLives(map).filter((life) => isGranted(map, life) && view.isAlive(life));
  const own = living.filter((life) => entry.members.some((member) => member.node === life.node));
  const chosen = own.length > 0 ? own : living.slice(0, map.redundancy);
  if (chosen.length === 0) return entry;
  const members = chosen.map((life): Member => ({ ...life, role: 'serving' }));
  return withMembers(entry, members);
}
