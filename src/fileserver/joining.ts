// How a file server gets its place in the map: it asks the controller at its start, until it is in; and again when a map
// that was found again, after the controller had lost it, does not have it any more. Who was removed by an operator asks
// only when it is started again.

import { unreachable } from '../cluster/assert.ts';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { type ClusterMap, compareGenerations } from '../cluster/model/cluster-map.ts';
import { fileServerEntry } from '../cluster/model/file-server.ts';
import type { Address, ClusterId, NodeId, StoreId } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import { ControllerContact } from '../cluster/peers/controller-contact.ts';
import type { Runtime } from '../cluster/ports.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';

export interface JoiningOptions {
  readonly controller: Address;
  readonly id: NodeId;
  readonly address: Address;
  readonly store: StoreId;
  readonly host: string;
  readonly weight: number;
  /** The cluster whose blobs are in the directory; undefined while it is new. */
  readonly cluster: () => ClusterId | undefined;
  readonly times: Times;
}

export class Joining {
  readonly #runtime: Runtime;
  readonly #client: ControlCaller;
  readonly #options: JoiningOptions;
  readonly #joined: (cluster: ClusterId) => void;
  readonly #contact: ControllerContact;
  #isAsking = false;
  #problem: string | undefined = 'not in the map yet';
  /** The last map that had this file server. */
  #known: ClusterMap | undefined;

  /** @param joined called each time the controller has taken this file server in */
  constructor(
    runtime: Runtime,
    client: ControlCaller,
    options: JoiningOptions,
    joined: (cluster: ClusterId) => void,
  ) {
    this.#runtime = runtime;
    this.#client = client;
    this.#options = options;
    this.#joined = joined;
    this.#contact = new ControllerContact(runtime, {
      warning: 'not taken in by the controller',
      timeScale: options.times.scale,
    });
  }

  /** Why this file server is not in the map as it should be, as text for people; undefined when it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Asks the controller until it is taken in; further calls meanwhile do nothing. */
  join(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#ask();
  }

  /** Called with each map of the cluster. */
  adopted(map: ClusterMap): void {
    if (this.#isAsking) return;
    const { id, address } = this.#options;
    const entry = fileServerEntry(map, id);
    if (entry !== undefined) {
      this.#known = map;
      const other = entry.address === address ? undefined : entry.address;
      this.#report(other && `the map has file server ${id} at ${other}: stop one of the two`);
      return;
    }
    // The map that has this file server for the first time is on its way.
    if (this.#known === undefined) return;
    if (wasFoundAgain(map, this.#known)) this.join();
    else this.#report('removed from the map; it joins again when it is started again');
  }

  #ask(): void {
    const { controller, id, address, store, host, weight, cluster, times } = this.#options;
    const message = { id, address, store, host, weight, cluster: cluster() };
    const again = (problem: string) => {
      this.#report(problem);
      this.#runtime.timers.after(times.heartbeatMs, () => this.#ask());
    };
    const timeoutMs = times.controlCallMs;
    this.#client.call(CONTROL.joinFileServer, controller, message, { timeoutMs }, (reply) => {
      if (reply.kind !== 'message') return again(`controller ${controller}: ${reply.detail}`);
      const answer = reply.message;
      switch (answer.kind) {
        case 'waiting':
          return again(`controller waits: ${answer.why}`);
        case 'refused':
          throw new FatalError(EXIT.config, `controller ${controller}: ${answer.why}`);
        case 'joined':
          this.#isAsking = false;
          this.#report(undefined);
          return this.#joined(answer.cluster);
        default:
          return unreachable(answer);
      }
    });
  }

  #report(problem: string | undefined): void {
    this.#problem = problem;
    if (this.#contact.report(problem)) {
      this.#runtime.logger.write('info', 'in the map', { id: this.#options.id });
    }
  }
}

/** Whether the map comes from a recovery (H32) that the other one does not know of. */
function wasFoundAgain({ recoveredAs }: ClusterMap, known: ClusterMap): boolean {
  return recoveredAs !== undefined && compareGenerations(recoveredAs, known.version) > 0;
}
