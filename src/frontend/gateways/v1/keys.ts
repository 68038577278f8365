// The API of keys for programs: /v1/keys. Parses (key-usage.ts), has the request carried out (key-operations.ts), and
// counts.

import { assert } from '../../../cluster/assert.ts';
import type { PathParameters } from '../../../cluster/http/client-route.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import type { WholeReply } from '../../../cluster/http/http.ts';
import { Measure } from '../../../cluster/http/measure.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import type { WrongHead } from '../../../cluster/http/preconditions.ts';
import type { Handler, HeadJudge, Routes } from '../../../cluster/http/routes.ts';
import type { Gateway, GatewayContext } from '../gateway.ts';
import { Timing } from '../timing.ts';
import { KeyOperations } from './key-operations.ts';
import { readKeyUsage } from './key-usage.ts';
import { KeyWaits } from './key-waits.ts';
import { type KeyVerb, V1_KEYS_ROUTES } from './keys-routes.ts';

export class V1KeysGateway implements Gateway {
  readonly #context: GatewayContext;
  readonly #timing: Timing<KeyOperations>;
  readonly #waits = new KeyWaits();

  constructor(context: GatewayContext) {
    this.#context = context;
    this.#timing = new Timing(context, (each) => new KeyOperations(each, this.#waits));
  }

  addTo(routes: Routes, metrics: Metrics): void {
    const answering = (verb: KeyVerb): readonly [Handler, HeadJudge] => {
      const measure = new Measure(`v1-${verb}`, metrics, this.#context.clock);
      const handler: Handler = (request, reply, parameters) => {
        const counted = measure.begin(reply);
        return this.#timing.begin(request, counted, (operations, timed) => {
          const read = readKeyUsage(verb, request, keyIn(parameters));
          if ('fault' in read) return timed(misuseReply(read.fault));
          return operations.perform(verb, read.usage, request, timed);
        });
      };
      const judge: HeadJudge = (request, parameters) => {
        const read = readKeyUsage(verb, request, keyIn(parameters));
        if ('usage' in read) return undefined;
        const refusal = misuseReply(read.fault);
        measure.begin(() => undefined)(refusal);
        return refusal;
      };
      return [handler, judge];
    };
    routes.add(V1_KEYS_ROUTES.put, ...answering('put'));
    routes.add(V1_KEYS_ROUTES.get, ...answering('get'));
    routes.add(V1_KEYS_ROUTES.delete, ...answering('delete'));
    routes.add(V1_KEYS_ROUTES.incr, ...answering('incr'));
    routes.add(V1_KEYS_ROUTES.append, ...answering('append'));
    routes.add(V1_KEYS_ROUTES.getset, ...answering('getset'));
  }

  drain(): void {
    this.#waits.end();
  }
}

function keyIn(parameters: PathParameters): Buffer {
  const key = parameters.get('key');
  assert(key !== undefined, 'every path of keys has one');
  return key;
}

function misuseReply({ what, instead }: WrongHead): WholeReply {
  return errorReply('bad-parameter', what, { instead });
}
