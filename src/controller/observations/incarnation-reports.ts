// Handles reports about incarnations: by nodes that leave or stop, by a parent that reaped its child, by frontends
// that could not reach a node. They are proofs or hints (H5); what follows from them is in decisions/decide.ts.

import type { Caller, ControlRoutes } from '../../cluster/http/control-routes.ts';
import {
  type IncarnationId,
  isSameIncarnation,
  nodeEntry,
} from '../../cluster/model/cluster-map.ts';
import type { Logger } from '../../cluster/ports.ts';
import type {
  Accepted,
  DeathRequest,
  GoodbyeRequest,
  ReportRequest,
} from '../../cluster/wire/control-messages.ts';
import { CONTROL, Refused } from '../../cluster/wire/control-table.ts';
import { incarnationsOf, withEntry } from '../decisions/membership.ts';
import type { Administered } from '../routes/admin.ts';
import type { ReachabilityChecks } from './looks.ts';

export function addIncarnationReports(
  control: ControlRoutes,
  controller: Administered,
  looks: ReachabilityChecks,
  logger: Logger,
): void {
  const reports = new IncarnationReports(controller, looks, logger);
  control.on(CONTROL.goodbye, (message, reply) => reply(reports.goodbye(message)));
  control.on(CONTROL.death, (message, reply, caller) => reply(reports.death(message, caller)));
  control.on(CONTROL.report, (message, reply) => reply(reports.unreachable(message)));
}

class IncarnationReports {
  readonly #controller: Administered;
  readonly #looks: ReachabilityChecks;
  readonly #logger: Logger;

  constructor(controller: Administered, looks: ReachabilityChecks, logger: Logger) {
    this.#controller = controller;
    this.#looks = looks;
    this.#logger = logger;
  }

  /** H5b, D4: the node itself leaves, or has stopped serving. */
  goodbye({ state, ...incarnationId }: GoodbyeRequest): Accepted | Refused {
    this.#logger.write('info', 'a storage node says goodbye', { ...incarnationId, state });
    if (state !== 'leaving') return this.#died(incarnationId, state === 'restarting');
    if (!this.#isPresent(incarnationId)) return refusedIncarnations([incarnationId]);
    this.#controller.propose(
      (map) => withEntry(map, incarnationId.node, { draining: true }),
      // No need to report a failure: the node repeats its goodbye until the map has it draining.
      () => undefined,
    );
    return {};
  }

  /** H42: the parent that reaped the process reports its death, from the controller's own machine only. */
  death(
    { returning, ...incarnationId }: DeathRequest,
    { fromLoopback }: Caller,
  ): Accepted | Refused {
    if (!fromLoopback) {
      return new Refused(
        'not-local',
        'a death is vouched for on the machine of the controller only',
      );
    }
    this.#logger.write('info', 'a storage node is dead, says its parent', { ...incarnationId });
    return this.#died(incarnationId, returning);
  }

  /** Checks the present incarnations that a frontend could not reach; refuses others, as its map is old. */
  unreachable({ frontend, unreachable, silent }: ReportRequest): Accepted | Refused {
    const { observations } = this.#controller;
    observations.reachability.reported(frontend, silent, this.#controller.nowMs());
    const present = unreachable.filter((incarnationId) => this.#isPresent(incarnationId));
    for (const incarnationId of present) this.#looks.reported(incarnationId);
    if (present.length === unreachable.length) return {};
    return refusedIncarnations(
      unreachable.filter((incarnationId) => !present.includes(incarnationId)),
    );
  }

  #died(incarnationId: IncarnationId, returning: boolean): Accepted | Refused {
    const map = this.#controller.map();
    const incarnationIds = map === undefined ? [] : incarnationsOf(map, incarnationId.node);
    if (!incarnationIds.some((other) => isSameIncarnation(other, incarnationId)))
      return refusedIncarnations([incarnationId]);
    const { observations } = this.#controller;
    observations.detector.died(incarnationId, this.#controller.nowMs(), returning);
    return {};
  }

  #isPresent({ node, incarnation }: IncarnationId): boolean {
    const map = this.#controller.map();
    return map !== undefined && nodeEntry(map, node)?.incarnation === incarnation;
  }
}

function refusedIncarnations(incarnationIds: readonly IncarnationId[]): Refused {
  const names = incarnationIds.map(({ node, incarnation }) => `${node} as ${incarnation}`);
  return new Refused('other-incarnation', `the map names no such life: ${names.join(', ')}`);
}
