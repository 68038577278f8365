// The API of keys: /get, /set and /delete. Parses (usage.ts), has the request carried out (kv-operations.ts), and counts.

import { Measure } from '../../../cluster/http/measure.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import type { Handler, Routes } from '../../../cluster/http/routes.ts';
import type { Gateway, GatewayContext } from '../gateway.ts';
import { Timing } from '../timing.ts';
import { KvOperations } from './kv-operations.ts';
import { KV_ROUTES } from './kv-routes.ts';
import { readUsage, type Verb } from './usage.ts';

export class KvGateway implements Gateway {
  readonly #context: GatewayContext;
  readonly #timing: Timing<KvOperations>;

  constructor(context: GatewayContext) {
    this.#context = context;
    this.#timing = new Timing(context, (each) => new KvOperations(each));
  }

  addTo(routes: Routes, metrics: Metrics): void {
    const verb = (name: Verb): Handler => {
      const measure = new Measure(name, metrics, this.#context.clock);
      return (request, reply) =>
        this.#timing.begin(request, measure.begin(reply), (operations, timed) =>
          operations.perform(readUsage(name, request), timed),
        );
    };
    // The cheat sheet has this order, in which its line for get finds what its line for set has stored.
    routes.add(KV_ROUTES.set, verb('set'));
    routes.add(KV_ROUTES.get, verb('get'));
    routes.add(KV_ROUTES.delete, verb('delete'));
  }
}
