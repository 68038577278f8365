// The API that follows changes. Parsing is watch-usage.ts's, the form of the events events.ts's, and what is told when the
// coordinator's.

import { errorReply } from '../../../../cluster/http/errors.ts';
import type { HttpRequest } from '../../../../cluster/http/http.ts';
import type { Metrics } from '../../../../cluster/http/metrics.ts';
import type { ReplyCallback, Routes } from '../../../../cluster/http/routes.ts';
import type { Gateway, GatewayContext } from '../../gateway.ts';
import { misuseReply } from '../scan-usage.ts';
import { printStep } from './events.ts';
import { EVENTS_TYPE, V1_WATCH_ROUTES } from './watch-routes.ts';
import { WatchStream } from './watch-stream.ts';
import { readWatch } from './watch-usage.ts';

const STOPPING = 'this frontend is stopping';
const NOBODY = 'no storage node that could tell changes has answered in time';

export class WatchGateway implements Gateway {
  readonly #context: GatewayContext;
  readonly #streams = new Set<WatchStream>();
  #isDraining = false;

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  addTo(routes: Routes, metrics: Metrics): void {
    routes.add(V1_WATCH_ROUTES.watch, (request, reply) => this.#watch(request, reply));
    metrics.gauge(
      'velourfog_watches',
      'Clients that follow changes, those that wait for one key included.',
      () => this.#context.watcher.underWay,
      {},
      'sum',
    );
  }

  drain(): void {
    this.#isDraining = true;
    for (const stream of this.#streams) stream.end();
  }

  #watch(request: HttpRequest, reply: ReplyCallback): void {
    const { watcher, timers, clock } = this.#context;
    const usage = readWatch(request);
    if (usage.kind === 'misuse') return reply(misuseReply(request, usage));
    const { digits } = watcher;
    if (digits === undefined) return reply(errorReply('not-ready', 'no cluster map yet'));
    if (this.#isDraining) return reply(errorReply('not-ready', STOPPING));
    if (watcher.isBusy) {
      return reply(errorReply('overloaded', 'too many watches are under way at this frontend'));
    }
    const { prefix, values, since, forSeconds } = usage;
    const watch = watcher.watch({ keys: { kind: 'prefix', bytes: prefix }, values, since }, digits);
    return watch.start(() => {
      if (this.#isDraining || watch.followed === 0) {
        watch.stop();
        if (this.#isDraining) return reply(errorReply('not-ready', STOPPING));
        return reply(errorReply('unanswered', NOBODY));
      }
      const stream = new WatchStream(watch, timers, (step, place) =>
        printStep(step, place, { values, prefix, wallMs: clock.wallMs() }),
      );
      this.#streams.add(stream);
      const cancel =
        forSeconds === undefined ? undefined : timers.after(forSeconds * 1000, () => stream.end());
      const forget = request.onceLeft(() => stream.left());
      stream.ended = () => {
        cancel?.();
        forget();
        this.#streams.delete(stream);
      };
      return reply({
        status: 200,
        headers: {
          'content-type': EVENTS_TYPE,
          'cache-control': 'no-store',
          // nginx would keep the events until its buffer is full.
          'x-accel-buffering': 'no',
        },
        body: stream,
      });
    });
  }
}
