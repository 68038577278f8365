// Reports storage nodes that could not be reached to the controller, so that it suspects them sooner (R6). A report is
// a hint, never a proof of death: what follows from it is decided in the controller.

import { type IncarnationId, isSameIncarnation } from '../cluster/model/cluster-map.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import type { Runtime } from '../cluster/ports.ts';
import type { ReportRequest } from '../cluster/wire/control-messages.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';

export interface FailureReportOptions {
  readonly controller: Address;
  readonly address: Address;
  readonly times: Times;
}

export class FailureReports {
  readonly #runtime: Runtime;
  readonly #client: ControlCaller;
  readonly #options: FailureReportOptions;
  #unreachable: IncarnationId[] = [];
  #silent: readonly IncarnationId[] = [];
  /** Whether there is something to report that was not sent yet. */
  #due = false;
  #scheduled = false;

  constructor(runtime: Runtime, client: ControlCaller, options: FailureReportOptions) {
    this.#runtime = runtime;
    this.#client = client;
    this.#options = options;
  }

  /** Reports a node after a failed operation. Operations fail together, so at most one report leaves per heartbeat. */
  note({ node, incarnation }: IncarnationId): void {
    if (
      this.#unreachable.some((incarnationId) =>
        isSameIncarnation(incarnationId, { node, incarnation }),
      )
    )
      return;
    this.#unreachable.push({ node, incarnation });
    this.#soon();
  }

  /** Reports the nodes that have not answered for `unreachableMs` (H11); repeated with each probe round meanwhile. */
  silent(incarnationIds: readonly IncarnationId[]): void {
    this.#silent = incarnationIds;
    if (incarnationIds.length > 0) this.#soon();
  }

  #soon(): void {
    this.#due = true;
    if (!this.#scheduled) this.#send();
  }

  #send(): void {
    const { controller, address, times } = this.#options;
    const message: ReportRequest = {
      frontend: address,
      unreachable: this.#unreachable,
      silent: this.#silent,
    };
    const timeoutMs = times.controlCallMs;
    this.#client.call(CONTROL.report, controller, message, { timeoutMs }, () => undefined);
    this.#unreachable = [];
    this.#due = false;
    this.#scheduled = true;
    this.#runtime.timers.after(times.heartbeatMs, () => {
      this.#scheduled = false;
      if (this.#due) this.#send();
    });
  }
}
