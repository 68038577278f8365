// A simulated application that reaches the cluster by the core of the direct client. It takes the requests that the
// clients of a run send to frontends, so that their histories and checkers are the same, and turns them into calls of
// the core.

import { errorReply } from '../cluster/http/errors.ts';
import {
  type HttpReply,
  type HttpRequest,
  pathOf,
  queryOf,
  textReply,
} from '../cluster/http/http.ts';
import { NO_CONDITION } from '../cluster/model/condition.ts';
import { printRecordVersion, recordValue } from '../cluster/model/record.ts';
import { parseVersion, printVersion } from '../cluster/model/version.ts';
import type { RequestTraits, Runtime, Service } from '../cluster/ports.ts';
import { parseQuery } from '../cluster/wire/query.ts';
import { type DirectChange, DirectCore, type DirectOptions } from '../coordinator/direct-core.ts';
import type { ConditionalOutcome } from '../coordinator/operations/conditional/decision.ts';
import type { ReadOutcome } from '../coordinator/operations/get/round.ts';

const EMPTY = Buffer.alloc(0);

export class DirectApplication implements Service {
  readonly core: DirectCore;
  #isReady = false;

  constructor(runtime: Runtime, options: DirectOptions) {
    this.core = new DirectCore(runtime, options);
  }

  /** Whether the core had a map and the time of the cluster when it was started. */
  get isReady(): boolean {
    return this.#isReady;
  }

  start(): void {
    this.core.start((refused) => {
      this.#isReady = refused === undefined;
    });
  }

  traits(): RequestTraits {
    return { changes: false, body: { kind: 'whole' } };
  }

  accept(): { refused: string } {
    return { refused: 'an application takes no streams' };
  }

  drain(_options: unknown, done: () => void): void {
    this.core.close();
    done();
  }

  handle(request: HttpRequest, reply: (reply: HttpReply) => void): void {
    const query = parseQuery(queryOf(request.target));
    const parameters = query.kind === 'query' ? query.parameters : new Map<string, Buffer>();
    const key = parameters.get('key') ?? EMPTY;
    const written = (outcome: ConditionalOutcome) => reply(writtenReply(outcome));
    const write = (change: DirectChange) =>
      this.core.write({ key, condition: NO_CONDITION, change }, written);
    const minVersion = parseVersion(request.header('x-fog-min-version') ?? '');
    switch (pathOf(request.target)) {
      case '/get':
        return this.core.get(key, { isLinearizable: false, minVersion }, (outcome) =>
          reply(readReply(outcome)),
        );
      case '/delete':
        return write({ kind: 'delete' });
      case '/incr':
        return write({ kind: 'incr', by: 1 });
      case '/set': {
        const { body } = request;
        const sent = body.kind === 'bytes' && body.bytes.length > 0 ? body.bytes : undefined;
        const value = sent ?? parameters.get('value') ?? EMPTY;
        const ttl = parameters.get('ttl')?.toString('latin1');
        const ttlSeconds = ttl === undefined ? undefined : Number(ttl);
        return write({ kind: 'put', value, attributes: [], ttlSeconds });
      }
      default:
        throw new Error(`nobody asks an application for ${request.target}`);
    }
  }
}

function readReply(outcome: ReadOutcome): HttpReply {
  switch (outcome.kind) {
    case 'value': {
      const { record } = outcome;
      const headers = { 'x-fog-version': printRecordVersion(record) };
      return { status: 200, headers, body: recordValue(record) };
    }
    case 'absent':
      return textReply(404, 'absent', { 'x-fog-version': printVersion(outcome.version) });
    case 'failed':
      return errorReply(outcome.code, outcome.detail);
  }
}

function writtenReply(outcome: ConditionalOutcome): HttpReply {
  switch (outcome.kind) {
    case 'stored': {
      const headers = { 'x-fog-version': printRecordVersion(outcome.record) };
      return { status: 200, headers, body: recordValue(outcome.record) };
    }
    case 'unmet':
      return errorReply('condition-failed', outcome.why);
    case 'not-stored':
      return errorReply(outcome.code, outcome.detail);
    case 'unknown': {
      const { version } = outcome;
      const headers = version === undefined ? {} : { 'x-fog-version': printVersion(version) };
      return errorReply('outcome-unknown', 'unknown', { headers });
    }
  }
}
