// The operator's commands to the controller: to declare a node dead, to accept a loss, and to predict what a change
// would move; to drain and remove nodes is in removal.ts. `forget` and `accept-loss` put the operator's word in place
// of a proof.

import type { ControlRoutes } from '../../cluster/http/control-routes.ts';
import {
  answeringMembers,
  type ClusterMap,
  type IncarnationId,
  isGranted,
  isSameIncarnation,
  type MapVersion,
  type Member,
  nodeEntry,
  type PartitionEntry,
  partitionEntry,
  presentIncarnations,
} from '../../cluster/model/cluster-map.ts';
import type { NodeId } from '../../cluster/model/identity.ts';
import { STORAGE_NODES_MAX } from '../../cluster/model/limits.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { Runtime } from '../../cluster/ports.ts';
import type {
  AcceptLossReply,
  ForgetReply,
  NodeRequest,
  PlanReply,
  PlanRequest,
} from '../../cluster/wire/control-messages.ts';
import { CONTROL, Refused } from '../../cluster/wire/control-table.ts';
import { hasEpochLeft } from '../decisions/epochs.ts';
import { type Choice, holdersOf, mostComplete, thoseWhoSaid } from '../decisions/holders.ts';
import { incarnationsOf, withMembers } from '../decisions/membership.ts';
import { planChange, planFileServerDrain } from '../decisions/plan.ts';
import type { MapRecovery } from '../map/recovery.ts';
import type { Observations } from '../observations/observations.ts';
import { some } from './frozen.ts';
import { notReady, refuseOtherThanStorage, refuseUnknown } from './refusals.ts';

/** Must be below ten seconds, for which the operator's command waits whatever the scale of the protocol times. */
const ANSWERED_WITHIN_MS = 8000;

export interface Administered {
  readonly observations: Observations;
  nowMs(): number;
  map(): ClusterMap | undefined;
  recovery(): MapRecovery | undefined;
  /** Publishes the changed map; `done` gets the reason when it could not be stored. Call only once there is a map. */
  propose(
    change: (map: ClusterMap) => ClusterMap,
    done: (failure: string | undefined) => void,
  ): void;
}

export function addAdminRoutes(
  control: ControlRoutes,
  controller: Administered,
  runtime: Pick<Runtime, 'timers' | 'logger'>,
): void {
  const admin = new Admin(controller, runtime);
  control.on(CONTROL.forget, (message, reply) => reply(admin.forget(message)));
  control.on(CONTROL.acceptLoss, ({ partitions }, reply) =>
    admin.acceptLoss(partitions as readonly PartitionId[] | undefined, reply),
  );
  control.on(CONTROL.plan, (message, reply) => reply(admin.plan(message)));
}

const NOTHING_FROZEN = { frozen: undefined, advice: undefined };

type AdminReply<Answer> = (answer: Answer | Refused) => void;

class Admin {
  readonly #controller: Administered;
  readonly #runtime: Pick<Runtime, 'timers' | 'logger'>;

  constructor(controller: Administered, runtime: Pick<Runtime, 'timers' | 'logger'>) {
    this.#controller = controller;
    this.#runtime = runtime;
  }

  /** H5c: declares incarnations of a node dead on the operator's word; the present one only if it is not heard of. */
  forget({ node }: NodeRequest): ForgetReply | Refused {
    const published = this.#controller.map();
    const recovery = this.#controller.recovery();
    const map = published ?? recovery?.known;
    if (map === undefined) return notReady();
    const missing = refuseOtherThanStorage(map, node);
    if (missing !== undefined) return missing;
    const { observations } = this.#controller;
    const now = this.#controller.nowMs();
    // Without a published map only a promise shows that a node is alive.
    const mayLive =
      published === undefined
        ? () => recovery?.hasPromised(node) === true
        : (incarnationId: IncarnationId) =>
            nodeEntry(map, node)?.incarnation === incarnationId.incarnation &&
            observations.detector.mayBeAlive(incarnationId, now);
    const forgotten = incarnationsOf(map, node).filter((incarnationId) => !mayLive(incarnationId));
    for (const incarnationId of forgotten) observations.detector.died(incarnationId, now, false);
    if (forgotten.length > 0) recovery?.forget(node);
    if (published !== undefined) {
      return { forgotten, ...this.#stillFrozen(published, node, forgotten) };
    }
    const advice = `there is no map yet (${recovery?.waitingFor}); once there is, the controller's /status says what stays frozen, and what helps`;
    return { forgotten, frozen: undefined, advice };
  }

  /**
   * H32: after a `forget`, partitions that were frozen for the node go on where a surviving member is known to have
   * everything. For the others, tells the operator what `accept-loss` would keep.
   */
  #stillFrozen(
    map: ClusterMap,
    node: NodeId,
    forgotten: readonly IncarnationId[],
  ): Pick<ForgetReply, 'frozen' | 'advice'> {
    const recovery = this.#controller.recovery();
    if (recovery === undefined || forgotten.length === 0) return NOTHING_FROZEN;
    const frozen = recovery.frozenForGood(map).get(node) ?? [];
    if (frozen.length === 0) return NOTHING_FROZEN;
    const living = this.#living(map);
    const outcomes = frozen.map((partition) => {
      const { chosen, epoch } = this.#choose(map, partition, living);
      const { members } = partitionEntry(map, partition);
      const holders = chosen.filter(
        (incarnationId) =>
          epoch > 0 || members.some((member) => member.node === incarnationId.node),
      );
      const alive = holders
        .map((incarnationId) => incarnationId.node)
        .filter((own) => own !== node);
      return `${partition} ${alive.length > 0 ? `with what ${alive.join(' and ')} has` : 'empty'}`;
    });
    const advice = `no surviving member is known to have all of what is frozen for ${node}; velour accept-loss would let go on: ${some(outcomes)}`;
    return { frozen, advice };
  }

  /** Makes offline partitions serve again, with the most complete copies that are left (H29). */
  acceptLoss(
    partitions: readonly PartitionId[] | undefined,
    reply: AdminReply<AcceptLossReply>,
  ): void {
    const asked = this.#controller.map();
    if (asked === undefined) return reply(notReady());
    const missing = partitions?.find((partition) => partition >= asked.partitions.length);
    if (missing !== undefined) {
      const last = asked.partitions.length - 1;
      const detail = `there is no partition ${missing}; they are 0 to ${last}`;
      return reply(new Refused('malformed-message', detail));
    }
    const spent = partitionsWithoutEpoch(asked, partitions);
    if (spent.length > 0) {
      return reply(
        new Refused(
          'epochs-spent',
          `partitions ${some(spent)} have no epoch left to open: back up what the cluster has, and restore it into a new one`,
        ),
      );
    }
    // Partitions that go offline meanwhile are left out: their holders have not reported yet.
    const offline = (map: ClusterMap, partition: number) =>
      answeringMembers(map, partitionEntry(map, partition as PartitionId)).length === 0;
    const wanted = asked.partitions
      .map((_, partition) => partition as PartitionId)
      .filter(
        (partition) => partitions?.includes(partition) !== false && offline(asked, partition),
      );
    return this.#whenAllSaid(asked.version, wanted, (silent, answering) => {
      if (silent.length > 0) return reply(new Refused('not-ready', cannotSay(silent)));
      if (answering.length > 0) return reply(new Refused('not-ready', mayAnswer(answering)));
      const accepted: AcceptLossReply['partitions'][number][] = [];
      const left: IncarnationId[] = [];
      this.#controller.propose(
        (map) => {
          const incarnationIds = this.#nodesThatReported(map, asked.version);
          const entries = [...map.partitions];
          for (const partition of wanted) {
            if (!offline(map, partition)) continue;
            // Another map may have been published in between, with members that were not waited for.
            const answering = this.#answering(map, asked.version, [partition]);
            left.push(...answering);
            if (answering.length > 0) continue;
            const entry = partitionEntry(map, partition);
            const choice = this.#choose(map, partition, incarnationIds);
            entries[partition] = revived(entry, choice.chosen);
            accepted.push({ partition, ...choice });
          }
          const revivedOnes = accepted.filter(({ chosen }) => chosen.length > 0);
          if (revivedOnes.length === 0) return map;
          const losses = revivedOnes.map(({ partition }) => [partition, map.version] as const);
          const acceptedLosses = { ...map.acceptedLosses, ...Object.fromEntries(losses) };
          return { ...map, partitions: entries, acceptedLosses };
        },
        (failure) => {
          if (failure !== undefined) return reply(new Refused('not-durable', failure));
          this.#logAccepted(accepted);
          if (accepted.length === 0 && left.length > 0) {
            return reply(new Refused('not-ready', mayAnswer(left)));
          }
          return reply({ partitions: accepted });
        },
      );
    });
  }

  /**
   * Waits until every node that may be alive has reported what it holds under this map, at most `suspicionMs`. That
   * includes nodes that a restarted controller has not heard yet, as one may have the best copy. Also waits until the
   * leases of the present members have lapsed, which takes longer where witnesses must hear of fences first.
   * @param done gets the nodes that have not reported, and the members that may still answer gets. A node with a full
   *   disk cannot store the map it would report under, and may have the only copy (seed 6019 of the long runs)
   */
  #whenAllSaid(
    version: MapVersion,
    wanted: readonly PartitionId[],
    done: (silent: readonly IncarnationId[], answering: readonly IncarnationId[]) => void,
  ): void {
    const { decideMs, suspicionMs, fenceWaitMs } = this.#controller.observations.times;
    const begunMs = this.#controller.nowMs();
    const look = () => {
      const map = this.#controller.map();
      const silent = map === undefined ? [] : this.#silent(map, version);
      const answering = map === undefined ? [] : this.#answering(map, version, wanted);
      // A fence may be new, and the witnesses must hear of it before its wait begins.
      const leasesMs = answering.length > 0 ? fenceWaitMs + suspicionMs : 0;
      const waitMs = Math.min(suspicionMs + leasesMs, ANSWERED_WITHIN_MS);
      const isOver = silent.length === 0 && answering.length === 0;
      if (isOver || this.#controller.nowMs() - begunMs >= waitMs) done(silent, answering);
      else this.#runtime.timers.after(decideMs, look);
    };
    look();
  }

  /**
   * I7: the members that may still answer gets while others take their place. Behind a network cut, a majority of the
   * witnesses may renew their leases without the controller hearing of it (seed 71000225 of the long runs).
   */
  #answering(
    map: ClusterMap,
    version: MapVersion,
    partitions: readonly PartitionId[],
  ): readonly IncarnationId[] {
    const view = this.#controller.observations.at(this.#controller.nowMs());
    const members = partitions.flatMap((partition) => partitionEntry(map, partition).members);
    return members.filter(
      (member) =>
        member.role !== 'joining' &&
        view.lapsedSinceMs(member) === undefined &&
        !view.obeys(member, version),
    );
  }

  /** Nodes that have not reported though they may be alive; fenced ones count, as one that is heard is unfenced. */
  #silent(map: ClusterMap, version: MapVersion): readonly IncarnationId[] {
    const { detector } = this.#controller.observations;
    const now = this.#controller.nowMs();
    const said = this.#nodesThatReported(map, version);
    return presentIncarnations(map).filter(
      (incarnationId) =>
        !said.some((other) => isSameIncarnation(other, incarnationId)) &&
        detector.mayBeAlive(incarnationId, now),
    );
  }

  #living(map: ClusterMap): readonly IncarnationId[] {
    const view = this.#controller.observations.at(this.#controller.nowMs());
    return presentIncarnations(map).filter(
      (incarnationId) => isGranted(map, incarnationId) && view.isAlive(incarnationId),
    );
  }

  #nodesThatReported(map: ClusterMap, version: MapVersion): readonly IncarnationId[] {
    return thoseWhoSaid(this.#living(map), this.#controller.observations.heartbeats, version);
  }

  /** The holders of the most complete copy; if no copy is left, the partition's live nodes, else any `redundancy`. */
  #choose(
    map: ClusterMap,
    partition: PartitionId,
    incarnationIds: readonly IncarnationId[],
  ): Choice {
    const holders = holdersOf(partition, incarnationIds, this.#controller.observations.heartbeats);
    const { members } = partitionEntry(map, partition);
    const own = incarnationIds.filter((incarnationId) =>
      members.some((member) => member.node === incarnationId.node),
    );
    const chosen = own.length > 0 ? own : incarnationIds.slice(0, map.redundancy);
    return mostComplete(holders) ?? { chosen, epoch: 0, items: 0 };
  }

  #logAccepted(accepted: AcceptLossReply['partitions']): void {
    for (const { partition, chosen, epoch, items } of accepted) {
      const names = chosen.map(({ node, incarnation }) => `${node} as ${incarnation}`).join(', ');
      const fields = { partition, chosen: names, epoch, items };
      this.#runtime.logger.write('warn', 'loss accepted', fields);
    }
  }

  plan({ add = 0, drain }: PlanRequest): PlanReply | Refused {
    const map = this.#controller.map();
    if (map === undefined) return notReady();
    const missing = drain === undefined ? undefined : refuseUnknown(map, drain);
    if (missing !== undefined) return missing;
    if (add === 0 && drain === undefined) {
      return new Refused('malformed-message', 'a plan needs add=N or drain=NODE');
    }
    if (add > STORAGE_NODES_MAX) {
      return new Refused('malformed-message', `a cluster has at most ${STORAGE_NODES_MAX} nodes`);
    }
    if (drain !== undefined && nodeEntry(map, drain) === undefined) {
      return planFileServerDrain(map, drain);
    }
    return planChange(map, this.#controller.observations, { add, drain });
  }
}

function cannotSay(silent: readonly IncarnationId[]): string {
  const nodes = some(silent.map(({ node }) => node));
  return `${nodes} may live, and cannot say what it has of what is to be given up: a node says so under the present map, and cannot store that while its disk is full. Nothing was given up; make room there, or stop the node, and say this again`;
}

function mayAnswer(answering: readonly IncarnationId[]): string {
  const nodes = [...new Set(answering.map(({ node }) => node))].sort();
  const forget = nodes.map((node) => `velour forget ${node}`).join(', ');
  return `${some(nodes)} may still answer gets of what is to be given up: too few of the witnesses have said that they renew no lease there. Nothing was given up. Mend the way to them; or, if you know that they run no more, say so first (${forget}), and then this again`;
}

/** Partitions to revive that have no epoch left; at their present one others may have acknowledged a set. */
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

/** Makes these incarnations the serving members; what they hold counts as complete from now on. */
function revived(entry: PartitionEntry, incarnationIds: readonly IncarnationId[]): PartitionEntry {
  if (incarnationIds.length === 0) return entry;
  const members = incarnationIds.map((id): Member => ({ ...id, role: 'serving' }));
  return withMembers(entry, members);
}
