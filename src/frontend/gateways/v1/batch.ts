// The API of batches: /v1/mget, /v1/mset and /v1/mdelete. Chooses the form of a request, starts its run, and counts.

import { errorReply } from '../../../cluster/http/errors.ts';
import {
  type HttpRequest,
  hostHeader,
  queryOf,
  type WholeReply,
} from '../../../cluster/http/http.ts';
import type { Counter, Metrics } from '../../../cluster/http/metrics.ts';
import type { Handler, Routes } from '../../../cluster/http/routes.ts';
import { BUFFERED_BODIES_MIN, BUFFERED_BYTES_MAX } from '../../../cluster/model/limits.ts';
import type { Gateway, GatewayContext } from '../gateway.ts';
import { Timing } from '../timing.ts';
import { BinaryForm } from './batch-binary.ts';
import type { BatchForm } from './batch-form.ts';
import { LineForm, lineBytesMax } from './batch-lines.ts';
import { BatchOperations } from './batch-operations.ts';
import { BatchRoom } from './batch-room.ts';
import { type BatchVerb, BINARY_CONTENT_TYPE, V1_BATCH_ROUTES } from './batch-routes.ts';
import { BatchRun, type SharedByBatches } from './batch-run.ts';
import { UnfinishedItems } from './unfinished-items.ts';

export class BatchGateway implements Gateway {
  readonly #context: GatewayContext;
  readonly #shared: SharedByBatches;

  constructor(context: GatewayContext) {
    this.#context = context;
    const longest = BUFFERED_BODIES_MIN * lineBytesMax(context.valueBytesMax);
    const unfinished = new UnfinishedItems(Math.max(BUFFERED_BYTES_MAX, longest));
    this.#shared = { room: new BatchRoom(), unfinished };
  }

  addTo(routes: Routes, metrics: Metrics): void {
    routes.add(V1_BATCH_ROUTES.mget, this.#handler('mget', metrics));
    routes.add(V1_BATCH_ROUTES.mset, this.#handler('mset', metrics));
    routes.add(V1_BATCH_ROUTES.mdelete, this.#handler('mdelete', metrics));
  }

  #handler(verb: BatchVerb, metrics: Metrics): Handler {
    const { clock, valueBytesMax } = this.#context;
    const durations = metrics.durations(
      'velourfog_request_duration_seconds',
      'From the complete request to its reply.',
      { op: verb },
    );
    const requests = new ByStatus((code) =>
      metrics.counter('velourfog_requests_total', 'Requests by verb and status.', {
        op: verb,
        code,
      }),
    );
    const items = new ByStatus((code) =>
      metrics.counter('velourfog_batch_items_total', 'Items of batches by verb and status.', {
        op: verb,
        code,
      }),
    );
    const inForm = (form: BatchForm) =>
      [form, new Timing(this.#context, (each) => new BatchOperations(verb, each, form))] as const;
    const lines = inForm(new LineForm(verb));
    const binary = inForm(new BinaryForm(verb));
    return (request, reply) => {
      const wrong = wrongUsage(verb, request);
      if (wrong !== undefined) {
        requests.count(wrong.status);
        return reply(wrong);
      }
      const startedMs = clock.monotonicMs();
      const [form, timing] = isBinary(request) ? binary : lines;
      return timing.begin(request, reply, (operations, replied) => {
        const run = new BatchRun(form, { valueBytesMax, ...this.#shared }, operations, {
          replied,
          answered: (status) => items.count(status),
          over: (status) => {
            durations.observeMs(clock.monotonicMs() - startedMs);
            requests.count(status);
          },
        });
        run.start(request.body);
      });
    };
  }
}

/** What would be passed over in silence is refused: `?ttl=60` would store values for ever. */
function wrongUsage(verb: BatchVerb, request: HttpRequest): WholeReply | undefined {
  const named = queryOf(request.target) === '' ? undefined : 'parameters behind the ?';
  const header = OF_SINGLE_REQUESTS.find(
    (name) => request.header(name.toLowerCase()) !== undefined,
  );
  const what = named ?? (header && `the header ${header}`);
  if (what === undefined) return undefined;
  const instead = EXAMPLES[verb].replace('HOST', hostHeader(request));
  return errorReply(
    'bad-parameter',
    `a batch does not take ${what}: each line has what is its own`,
    {
      instead,
    },
  );
}

const OF_SINGLE_REQUESTS = [
  'X-Fog-Ttl',
  'X-Fog-Read',
  'X-Fog-Min-Version',
  'If-Match',
  'If-None-Match',
];

const EXAMPLES: Readonly<Record<BatchVerb, string>> = {
  mget: `curl -d '{"key":"a"}' 'http://HOST/v1/mget'`,
  mset: `curl -d '{"key":"a","value":"1","ttl":60}' 'http://HOST/v1/mset'`,
  mdelete: `curl -d '{"key":"a"}' 'http://HOST/v1/mdelete'`,
};

/** Any other type is taken as lines: `curl -d` calls them a form, and many programs say nothing at all. */
function isBinary(request: HttpRequest): boolean {
  const [type = ''] = (request.header('content-type') ?? '').split(';');
  return type.trim().toLowerCase() === BINARY_CONTENT_TYPE;
}

/** A counter for each status, made when it first occurs. */
class ByStatus {
  readonly #make: (code: string) => Counter;
  readonly #counters = new Map<number, Counter>();

  constructor(make: (code: string) => Counter) {
    this.#make = make;
  }

  count(status: number): void {
    let counter = this.#counters.get(status);
    if (counter === undefined) {
      counter = this.#make(String(status));
      this.#counters.set(status, counter);
    }
    counter.add();
  }
}
