// Handles reports about incarnations: by nodes that leave or stop, by a parent that reaped its child, by frontends
// that could not reach a node. They are proofs or hints (H5); what follows from them is in decisions/decide.ts.

import type { Caller, ControlRoutes } from '../../cluster/http/control-routes.ts';
import { isSameLife, type Life, nodeEntry } from '../../cluster/model/cluster-map.ts';
import type { Logger } from '../../cluster/ports.ts';
import type {
  Accepted,
  DeathRequest,
  GoodbyeRequest,
  ReportRequest,
} from '../../cluster/wire/control-messages.ts';
import { CONTROL, Refused } from '../../cluster/wire/control-table.ts';
import { livesOf, withEntry } from '../decisions/membership.ts';
import type { Administered } from '../routes/admin.ts';
import type { Looks } from './looks.ts';

export function addLifeReports(
  control: ControlRoutes,
  controller: Administered,
  looks: Looks,
  logger: Logger,
): void {
  const reports = new LifeReports(controller, looks, logger);
  control.on(CONTROL.goodbye, (message, reply) => reply(reports.goodbye(message)));
  control.on(CONTROL.death, (message, reply, caller) => reply(reports.death(message, caller)));
  control.on(CONTROL.report, (message, reply) => reply(reports.unreachable(message)));
}

class LifeReports {
  readonly #controller: Administered;
  readonly #looks: Looks;
  readonly #logger: Logger;

  constructor(controller: Administered, looks: Looks, logger: Logger) {
    this.#controller = controller;
    this.#looks = looks;
    this.#logger = logger;
  }

  /** H5b, D4: the node itself leaves, or has stopped serving. */
  goodbye({ state, ...life }: GoodbyeRequest): Accepted | Refused {
    this.#logger.write('info', 'a storage node says goodbye', { ...life, state });
    if (state !== 'leaving') return this.#died(life, state === 'restarting');
    if (!this.#isPresent(life)) return refusedLives([life]);
    this.#controller.propose(
      (map) => withEntry(map, life.node, { draining: true }),
      // No need to report a failure: the node repeats its goodbye until the map has it draining.
      () => undefined,
    );
    return {};
  }

  /** H42: the parent that reaped the process reports its death, from the controller's own machine only. */
  death({ returning, ...life }: DeathRequest, { fromLoopback }: Caller): Accepted | Refused {
    if (!fromLoopback) {
      return new Refused(
        'not-local',
        'a death is vouched for on the machine of the controller only',
      );
    }
    this.#logger.write('info', 'a storage node is dead, says its parent', { ...life });
    return this.#died(life, returning);
  }

  /** Checks the present incarnations that a frontend could not reach; refuses others, as its map is old. */
  unreachable({ frontend, unreachable, silent }: ReportRequest): Accepted | Refused {
    const { observations } = this.#controller;
    observations.reachability.reported(frontend, silent, this.#controller.nowMs());
    const present = unreachable.filter((life) => this.#isPresent(life));
    for (const life of present) this.#looks.reported(life);
    if (present.length === unreachable.length) return {};
    return refusedLives(unreachable.filter((life) => !present.includes(life)));
  }

  #died(life: Life, returning: boolean): Accepted | Refused {
    const map = this.#controller.map();
    const lives = map === undefined ? [] : livesOf(map, life.node);
    if (!lives.some((other) => isSameLife(other, life))) return refusedLives([life]);
    const { observations } = this.#controller;
    observations.detector.died(life, this.#controller.nowMs(), returning);
    return {};
  }

  #isPresent({ node, incarnation }: Life): boolean {
    const map = this.#controller.map();
    return map !== undefined && nodeEntry(map, node)?.incarnation === incarnation;
  }
}

function refusedLives(lives: readonly Life[]): Refused {
  const names = lives.map(({ node, incarnation }) => `${node} as ${incarnation}`);
  return new Refused('other-incarnation', `the map names no such life: ${names.join(', ')}`);
}
