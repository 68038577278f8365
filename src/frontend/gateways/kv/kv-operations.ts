// Carries out one request of /get, /set or /delete: asks the reader or the writer, and encodes the outcome.

import { errorReply } from '../../../cluster/http/errors.ts';
import { type HttpReply, textReply } from '../../../cluster/http/http.ts';
import type { ReplyCallback } from '../../../cluster/http/routes.ts';
import {
  type Attribute,
  printRecordVersion,
  recordValue,
  type StoredRecord,
} from '../../../cluster/model/record.ts';
import { printVersion, type Version } from '../../../cluster/model/version.ts';
import type { WriteOutcome } from '../../../coordinator/operations/set/decision.ts';
import { withExpiry } from '../../../coordinator/timed-writes.ts';
import type { GatewayContext } from '../gateway.ts';
import type { Usage } from './usage.ts';

const NO_ATTRIBUTES: readonly Attribute[] = [];
const EMPTY = Buffer.alloc(0);
const OK = 'Ok\n';

export class KvOperations {
  readonly #context: GatewayContext;

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  /** @param reply is called exactly once */
  perform(usage: Usage, reply: ReplyCallback): void {
    switch (usage.kind) {
      case 'misuse':
        return reply(errorReply(usage.code, usage.what, { instead: usage.instead }));
      case 'get':
        return this.#get(usage, reply);
      case 'delete':
        return this.#write(usage.key, EMPTY, true, 0, reply);
      case 'set': {
        const { key, value, ttlSeconds } = usage;
        if (ttlSeconds === undefined) return this.#write(key, value, false, 0, reply);
        return withExpiry(
          this.#context,
          ttlSeconds,
          (expiresAtMs, arrivedMs) => this.#write(key, value, false, expiresAtMs, reply, arrivedMs),
          (problem) => reply(errorReply('not-stored', problem)),
        );
      }
    }
  }

  #get({ key, minVersion }: Extract<Usage, { kind: 'get' }>, reply: ReplyCallback): void {
    this.#context.reader.get(
      key,
      (outcome) => {
        switch (outcome.kind) {
          case 'value':
            return reply(valueReply(outcome.record));
          case 'absent':
            return reply(textReply(404, this.#context.absence(), versionHeader(outcome.version)));
          case 'failed':
            return reply(errorReply(outcome.code, outcome.detail));
        }
      },
      minVersion,
    );
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
