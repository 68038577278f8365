// The API of keys: /get, /set and /delete. Parses (usage.ts), calls the reader and the writer, encodes.

import { errorReply } from '../../../cluster/http/errors.ts';
import { type HttpReply, textReply } from '../../../cluster/http/http.ts';
import type { Counter, DurationHistogram, Metrics } from '../../../cluster/http/metrics.ts';
import type { Handler, ReplyCallback, Routes } from '../../../cluster/http/routes.ts';
import {
  type Attribute,
  printRecordVersion,
  recordValue,
  type StoredRecord,
} from '../../../cluster/model/record.ts';
import { printVersion, type Version } from '../../../cluster/model/version.ts';
import type { Clock } from '../../../cluster/ports.ts';
import type { WriteOutcome } from '../../../coordinator/operations/set/decision.ts';
import { lastRoundMs } from '../../../coordinator/operations/set/round.ts';
import type { Gateway, GatewayContext } from '../gateway.ts';
import { KV_ROUTES } from './kv-routes.ts';
import { readUsage, type Usage, type Verb } from './usage.ts';

const NO_ATTRIBUTES: readonly Attribute[] = [];
const EMPTY = Buffer.alloc(0);
const OK = 'Ok\n';
const TIME_IN_DOUBT =
  'the machine of this frontend slept, or its clock was set, and no storage node has told it the time since; nothing was stored';
const TIME_UNKNOWN =
  'no storage node has told this frontend the time yet, by which a ttl ends; nothing was stored';

export class KvGateway implements Gateway {
  readonly #context: GatewayContext;

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  addTo(routes: Routes, metrics: Metrics): void {
    const verb = (name: Verb): Handler => {
      const measure = new Measure(name, metrics, this.#context.clock);
      return (request, reply) => this.#run(readUsage(name, request), measure.begin(reply));
    };
    // The cheat sheet has this order, in which its line for get finds what its line for set has stored.
    routes.add(KV_ROUTES.set, verb('set'));
    routes.add(KV_ROUTES.get, verb('get'));
    routes.add(KV_ROUTES.delete, verb('delete'));
  }

  #run(usage: Usage, reply: ReplyCallback): void {
    switch (usage.kind) {
      case 'misuse':
        return reply(errorReply(usage.code, usage.what, { instead: usage.instead }));
      case 'get':
        return this.#get(usage.key, reply);
      case 'delete':
        return this.#write(usage.key, EMPTY, true, 0, reply);
      case 'set': {
        const { key, value, ttlSeconds } = usage;
        return ttlSeconds === undefined
          ? this.#write(key, value, false, 0, reply)
          : this.#writeWithTtl(key, value, ttlSeconds, reply);
      }
    }
  }

  #get(key: Buffer, reply: ReplyCallback): void {
    this.#context.reader.get(key, (outcome) => {
      switch (outcome.kind) {
        case 'value':
          return reply(valueReply(outcome.record));
        case 'absent':
          return reply(textReply(404, this.#context.absence(), versionHeader(outcome.version)));
        case 'failed':
          return reply(errorReply(outcome.code, outcome.detail));
      }
    });
  }

  /**
   * H31: a frontend that was just started has only its own clock, and when its machine has slept, the time of the
   * cluster is late here. What is stamped before a storage node has told the time may have expired as it is stored,
   * though its client was told that it is. Without a map the set is refused at once, as any other.
   */
  #writeWithTtl(key: Buffer, value: Buffer, ttlSeconds: number, reply: ReplyCallback): void {
    const { clock, times, timers } = this.#context;
    const arrivedMs = clock.monotonicMs();
    const write = () => {
      const expiresAtMs = clock.wallMs() + ttlSeconds * 1000;
      this.#write(key, value, false, expiresAtMs, reply, arrivedMs);
    };
    const isSure = clock.isKnown && !clock.isInDoubt();
    if (isSure || !this.#context.hasMap()) return write();
    const problem = clock.isKnown ? TIME_IN_DOUBT : TIME_UNKNOWN;
    const cancel = timers.after(lastRoundMs(times), () => {
      leave();
      reply(errorReply('not-stored', problem));
    });
    const leave = clock.onceTold(() => {
      cancel();
      write();
    });
  }

  #write(
    key: Buffer,
    value: Buffer,
    tombstone: boolean,
    expiresAtMs: number,
    reply: ReplyCallback,
    arrivedMs?: number,
  ): void {
    const request = { key, value, tombstone, expiresAtMs, attributes: NO_ATTRIBUTES };
    this.#context.writer.set(request, (outcome) => reply(writeReply(outcome)), arrivedMs);
  }
}

function valueReply(record: StoredRecord): HttpReply {
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'cache-control': 'no-cache',
      'x-fog-version': printRecordVersion(record),
    },
    body: recordValue(record),
  };
}

/** Every answer about a key has it, also where nothing is known of it: a 404 of a server that is no frontend has not. */
function versionHeader(version: Version): Readonly<Record<string, string>> {
  return { 'x-fog-version': printVersion(version) };
}

function writeReply(outcome: WriteOutcome): HttpReply {
  switch (outcome.kind) {
    case 'stored':
      return {
        status: 200,
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          'cache-control': 'no-store',
          'x-fog-version': printVersion(outcome.version),
        },
        body: OK,
      };
    case 'not-stored':
      return errorReply(outcome.code, `${outcome.detail}; nothing was stored`);
    case 'unknown':
      return errorReply(
        'outcome-unknown',
        'not every storage node confirmed in time: the set may or may not take effect; set it again to be sure',
        { headers: versionHeader(outcome.version) },
      );
  }
}

/** Counts and times the requests of one verb. */
class Measure {
  readonly #verb: Verb;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #durations: DurationHistogram;
  readonly #ok: Counter;
  readonly #byStatus = new Map<number, Counter>();

  constructor(verb: Verb, metrics: Metrics, clock: Clock) {
    this.#verb = verb;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#durations = metrics.durations(
      'velourfog_request_duration_seconds',
      'From the complete request to its reply.',
      { op: verb },
    );
    this.#ok = this.#counter(200);
  }

  begin(reply: ReplyCallback): ReplyCallback {
    const startedMs = this.#clock.monotonicMs();
    return (answer) => {
      this.#durations.observeMs(this.#clock.monotonicMs() - startedMs);
      (answer.status === 200 ? this.#ok : this.#counter(answer.status)).add();
      reply(answer);
    };
  }

  #counter(status: number): Counter {
    let counter = this.#byStatus.get(status);
    if (counter === undefined) {
      counter = this.#metrics.counter('velourfog_requests_total', 'Requests by verb and status.', {
        op: this.#verb,
        code: String(status),
      });
      this.#byStatus.set(status, counter);
    }
    return counter;
  }
}
