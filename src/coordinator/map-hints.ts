// How a frontend gets a map while the controller is away: from its own file and from storage nodes whose addresses it
// was given. Such a map is a hint, which is safe: a storage node answers gets by its own lease and sets by its own
// epoch, whatever map the frontend has (H2, R2). A map from the controller takes precedence later (router.ts).

import { encodeMapVersion } from '../cluster/model/cluster-map.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Times } from '../cluster/model/limits.ts';
import type { ControlCaller } from '../cluster/peers/control-client.ts';
import type { Runtime } from '../cluster/ports.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';
import type { CachedMap } from './cached-map.ts';
import type { Router, RouterAdoption } from './router.ts';

export interface MapHintOptions {
  readonly times: Times;
  readonly storages: readonly Address[];
  readonly cache: CachedMap | undefined;
  /** True while the controller does not answer. */
  readonly isControllerAway: () => boolean;
}

export class MapHints {
  readonly #runtime: Runtime;
  readonly #client: ControlCaller;
  readonly #router: Router;
  readonly #options: MapHintOptions;
  readonly #asked = new Set<Address>();
  /** Addresses whose nodes belong to another cluster; each is logged once. */
  readonly #strangers = new Set<Address>();

  constructor(runtime: Runtime, client: ControlCaller, router: Router, options: MapHintOptions) {
    this.#runtime = runtime;
    this.#client = client;
    this.#router = router;
    this.#options = options;
  }

  start(): void {
    const { cache, storages, times } = this.#options;
    cache?.read((map) => this.#router.adopt(map, 'file'));
    // Wait one heartbeat first: a controller that is up answers sooner than that.
    if (storages.length > 0) this.#runtime.timers.after(times.heartbeatMs, () => this.#round());
  }

  /** Asks often without a map, seldom with one: operations discover newer maps by themselves (R4). */
  #round(): void {
    const { times, storages, isControllerAway } = this.#options;
    const hasMap = this.#router.map !== undefined;
    const waitMs = hasMap ? times.mapPollMs : times.heartbeatMs;
    this.#runtime.timers.after(waitMs, () => this.#round());
    if (!hasMap || isControllerAway()) for (const address of storages) this.#ask(address);
  }

  /** Asks one of the storage nodes, independently of the others: the newest of their maps wins (I1). */
  #ask(address: Address): void {
    if (this.#asked.has(address)) return;
    this.#asked.add(address);
    const since = encodeMapVersion(this.#router.sinceFor('storage'));
    const timeoutMs = this.#options.times.controlCallMs;
    this.#client.call(CONTROL.fetchMap, address, { since }, { timeoutMs }, (reply) => {
      this.#asked.delete(address);
      if (reply.kind !== 'message' || reply.message.map === undefined) return;
      this.#judge(address, this.#router.adopt(reply.message.map, 'storage'));
    });
  }

  #judge(address: Address, adoption: RouterAdoption): void {
    if (adoption !== 'other-cluster' || this.#strangers.has(address)) return;
    this.#strangers.add(address);
    this.#runtime.logger.write('warn', 'a storage node is of another cluster', { address });
  }
}
