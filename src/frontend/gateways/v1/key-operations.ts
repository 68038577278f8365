// Carries out one request of /v1/keys: asks a reader or a writer, and has the outcome encoded (key-replies.ts).

import { assert } from '../../../cluster/assert.ts';
import { errorReply } from '../../../cluster/http/errors.ts';
import type { Body, HttpRequest } from '../../../cluster/http/http.ts';
import type { ReplyCallback } from '../../../cluster/http/routes.ts';
import { type Change, type ETag, etagOf, NO_CONDITION } from '../../../cluster/model/condition.ts';
import { ATTRIBUTE_CONTENT_TYPE, type Attribute } from '../../../cluster/model/record.ts';
import type { ReadCallback, ReadOutcome } from '../../../coordinator/operations/get/round.ts';
import { withExpiry } from '../../../coordinator/timed-writes.ts';
import type { GatewayContext } from '../gateway.ts';
import {
  absentReply,
  conditionalReply,
  explainedReply,
  readReply,
  unchangedReply,
  writtenReply,
} from './key-replies.ts';
import type { KeyUsage } from './key-usage.ts';
import type { KeyWaits } from './key-waits.ts';
import type { KeyVerb } from './keys-routes.ts';

const EMPTY = Buffer.alloc(0);
const NO_ATTRIBUTES: readonly Attribute[] = [];

export class KeyOperations {
  readonly #context: GatewayContext;
  readonly #waits: KeyWaits;

  /** @param waits of all that carry out requests */
  constructor(context: GatewayContext, waits: KeyWaits) {
    this.#context = context;
    this.#waits = waits;
  }

  /** @param reply is called exactly once */
  perform(
    verb: KeyVerb,
    usage: KeyUsage,
    request: Pick<HttpRequest, 'body' | 'onceLeft'>,
    reply: ReplyCallback,
  ): void {
    const { body } = request;
    switch (verb) {
      case 'get':
        return this.#get(usage, request, reply);
      case 'delete':
        return usage.condition === NO_CONDITION
          ? this.#set('delete', usage, EMPTY, 0, reply)
          : this.#change(verb, usage, { kind: 'delete' }, reply);
      case 'incr': {
        const { by } = usage;
        const isEmpty = body.kind === 'none' || (body.kind === 'bytes' && body.bytes.length === 0);
        // `-d 5` would add 1, and nobody would notice.
        if (!isEmpty) {
          return reply(errorReply('bad-parameter', 'incr takes no body: say ?by=5 to add 5'));
        }
        return this.#change(verb, usage, { kind: 'incr', by }, reply);
      }
      case 'append':
      case 'put':
      case 'getset': {
        if (body.kind === 'too-large') {
          const most = `${body.bytesMax} bytes are the most`;
          const what = `the value is longer than this cluster takes: ${most}`;
          return reply(errorReply('value-too-large', what));
        }
        const value = valueIn(body);
        if (verb === 'append') {
          return this.#change(verb, usage, { kind: 'append', bytes: value }, reply);
        }
        return this.#store(verb, usage, value, reply);
      }
    }
  }

  #get(usage: KeyUsage, request: Pick<HttpRequest, 'onceLeft'>, reply: ReplyCallback): void {
    const { reader, linearizable, explained, clock, watcher, timers } = this.#context;
    const { key, minVersion, wait } = usage;
    if (usage.explains) {
      return explained.explain(
        key,
        (explanation) => reply(explainedReply(explanation)),
        minVersion,
      );
    }
    const asked = usage.isLinearizable ? linearizable : reader;
    const newerThan = wait?.newerThan;
    const answered: ReadCallback = (outcome) => {
      switch (outcome.kind) {
        case 'value': {
          const { record } = outcome;
          if (newerThan !== undefined && !isNewer(etagOf(record), newerThan)) {
            return reply(unchangedReply(record));
          }
          return reply(readReply(record, usage, clock.wallMs()));
        }
        case 'absent':
          return reply(absentReply(this.#context.absence(), outcome.version));
        case 'failed':
          return reply(errorReply(outcome.code, outcome.detail));
      }
    };
    if (wait === undefined || this.#waits.isOver) return asked.get(key, answered, minVersion);
    const isAwaited = (outcome: ReadOutcome) =>
      outcome.kind === 'value'
        ? newerThan === undefined || isNewer(etagOf(outcome.record), newerThan)
        : newerThan !== undefined;
    const awaited = { key, minVersion, waitMs: wait.seconds * 1000, isAwaited };
    const parts = { reader: asked, watcher, timers, clock };
    return this.#waits.begin(parts, awaited, request, answered);
  }

  #store(verb: 'put' | 'getset', usage: KeyUsage, value: Buffer, reply: ReplyCallback): void {
    const write = (expiresAtMs: number, arrivedMs?: number) => {
      if (verb === 'put' && usage.condition === NO_CONDITION) {
        return this.#set('put', usage, value, expiresAtMs, reply, arrivedMs);
      }
      const attributes = attributesOf(usage);
      const change = { kind: verb, value, attributes, expiresAtMs };
      return this.#change(verb, usage, change, reply, arrivedMs);
    };
    const { ttlSeconds } = usage;
    if (ttlSeconds === undefined) return write(0);
    return withExpiry(this.#context, ttlSeconds, write, (problem) =>
      reply(errorReply('not-stored', problem)),
    );
  }

  /** Writes whatever is there. */
  #set(
    verb: 'put' | 'delete',
    usage: KeyUsage,
    value: Buffer,
    expiresAtMs: number,
    reply: ReplyCallback,
    arrivedMs?: number,
  ): void {
    const { key } = usage;
    const attributes = attributesOf(usage);
    const request = { key, value, tombstone: verb === 'delete', expiresAtMs, attributes };
    this.#context.writer.set(
      request,
      (outcome) => reply(writtenReply(verb, request, outcome)),
      arrivedMs,
    );
  }

  /** Writes if the condition holds, or what depends on the present record. */
  #change(
    verb: Exclude<KeyVerb, 'get'>,
    usage: KeyUsage,
    change: Change,
    reply: ReplyCallback,
    arrivedMs?: number,
  ): void {
    const { key, condition } = usage;
    this.#context.conditional.write(
      { key, condition, change },
      (outcome) => reply(conditionalReply(verb, usage, outcome, this.#context.absence())),
      arrivedMs,
    );
  }
}

/** Whether it is of another record that is no older: a set that was not acknowledged may come and go (H21). */
function isNewer(present: ETag, known: ETag): boolean {
  if (present.version !== known.version) return present.version > known.version;
  return present.hash !== known.hash;
}

function attributesOf({ contentType }: KeyUsage): readonly Attribute[] {
  if (contentType === undefined) return NO_ATTRIBUTES;
  return [{ type: ATTRIBUTE_CONTENT_TYPE, bytes: Buffer.from(contentType, 'latin1') }];
}

/** An empty body is the empty value. */
function valueIn(body: Exclude<Body, { kind: 'too-large' }>): Buffer {
  assert(body.kind !== 'stream', 'a value is taken whole');
  switch (body.kind) {
    case 'none':
      return EMPTY;
    case 'bytes':
      return body.bytes;
  }
}
