// The broker at its own port, as an interface of the frontend: its routes, and the parts that carry them out.

import { type HttpReply, type HttpRequest, ROLE_HEADER } from '../../../cluster/http/http.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import { type ReplyCallback, Routes } from '../../../cluster/http/routes.ts';
import type { WorkerGroup } from '../../../cluster/http/worker-group.ts';
import { type Address, parseAddress } from '../../../cluster/model/identity.ts';
import type {
  FurtherInterface,
  HttpService,
  RequestTraits,
  Runtime,
} from '../../../cluster/ports.ts';
import type { DavGateway } from '../dav/dav.ts';
import type { DavParts } from '../dav/resources.ts';
import { BrokerGateway } from './broker.ts';
import type { BrokerRules } from './config/active-config.ts';
import type { BrokerConfigFile } from './config/config-file.ts';
import { DavAccess } from './dav-access.ts';
import { BrokerRest } from './rest/rest.ts';

export interface BrokerOptions {
  /** Where clients reach it. */
  readonly address: Address;
  /** Undefined where every host is the domain `default`. */
  readonly configFile: BrokerConfigFile | undefined;
}

/** What it has of its frontend. */
export interface BrokerContext {
  readonly rules: BrokerRules;
  readonly davParts: DavParts;
  readonly dav: Pick<DavGateway, 'serve' | 'judge'>;
  /** Those at the frontend's own port. */
  readonly routes: Routes;
  readonly metrics: Metrics;
  readonly workerGroup: WorkerGroup | undefined;
}

export class BrokerInterface implements HttpService, FurtherInterface {
  readonly port: number;
  readonly #routes: Routes;

  constructor(runtime: Runtime, context: BrokerContext, options: BrokerOptions) {
    const { rules, davParts, dav, metrics, routes: beside, workerGroup } = context;
    const { address } = options;
    this.port = parseAddress(address)?.port ?? 0;
    this.#routes = new Routes('broker', runtime, metrics, { address, workerGroup, beside });
    this.#routes.addWarning('rules', () => rules.problem ?? rules.fileProblem);
    metrics.gauge(
      'velourfog_broker_config_wrong',
      'Whether the file of the configuration is wrong or away, so that the rules stay as they were.',
      () => (rules.fileProblem === undefined ? 0 : 1),
    );
    new BrokerRest({ davParts, rules }).addTo(this.#routes);
    new DavAccess({ dav, rules }).addTo(this.#routes);
    const { clock } = runtime;
    new BrokerGateway({ dav, davParts, clock, rules }).addTo(this.#routes, metrics);
  }

  get service(): HttpService {
    return this;
  }

  traits(request: Pick<HttpRequest, 'method' | 'target'>): RequestTraits {
    return this.#routes.traits(request);
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    return this.#routes.handle(request, (answer) => reply(ofBroker(answer)));
  }

  accept(): { refused: string } {
    return { refused: 'a frontend takes no streams' };
  }
}

/** With what tells an application that was given another port of the cluster, or of something else, from one that has a broker. */
function ofBroker(answer: HttpReply): HttpReply {
  return { ...answer, headers: { ...answer.headers, [ROLE_HEADER]: 'broker' } };
}
