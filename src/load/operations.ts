// Operations as requests to a frontend: what is sent, and what the answer means. Whether the answer keeps the cluster's
// promise is verification.ts's.

import type { ExchangeAnswer } from '../cluster/http/exchange.ts';
import type { Version } from '../cluster/model/version.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { Chooser } from './choosers.ts';
import type { ConnectionOutcome, LoadConnection } from './load-connection.ts';
import type { Ending } from './recorder.ts';
import type { LoadRecords } from './records.ts';
import type { ValueSizes } from './value-sizes.ts';
import { makeValue } from './values.ts';
import { judge, VIOLATION_KINDS, type ViolationKind, versionOf } from './verification.ts';
import type { OperationKind } from './workload.ts';

const EXAMPLES_MAX = 10;
const DONE: Ending = { kind: 'done', missed: false };
const MISSED: Ending = { kind: 'done', missed: true };
const TIMED_OUT: Ending = { kind: 'failed', error: 'timeout', waited: true };

export interface OperationOptions {
  readonly records: LoadRecords;
  readonly choose: Chooser;
  readonly sizes: ValueSizes;
  readonly random: SeededRandom;
  readonly verify: boolean;
  readonly allowMisses: boolean;
}

export class Operations {
  readonly #options: OperationOptions;
  readonly violations = Object.fromEntries(VIOLATION_KINDS.map((kind) => [kind, 0])) as Record<
    ViolationKind,
    number
  >;
  readonly violationExamples: string[] = [];
  verifiedReads = 0;
  #sequence = 0;

  constructor(options: OperationOptions) {
    this.#options = options;
  }

  perform(kind: OperationKind, connection: LoadConnection, done: (ending: Ending) => void): void {
    const { records, choose } = this.#options;
    const record = kind === 'insert' ? records.insert() : undefined;
    if (record !== undefined) {
      this.set(connection, record, (ending) => {
        records.settle(record);
        done(ending);
      });
      return;
    }
    const chosen = choose(records.count);
    switch (kind) {
      case 'read':
        return this.#get(connection, chosen, done);
      case 'insert':
      case 'update':
        return this.set(connection, chosen, done);
      case 'read-modify-write':
        return this.#get(connection, chosen, (ending) =>
          ending.kind === 'failed' ? done(ending) : this.set(connection, chosen, done),
        );
    }
  }

  set(connection: LoadConnection, record: number, done: (ending: Ending) => void): void {
    const { records, sizes, random } = this.#options;
    const key = records.keyOf(record);
    const body = makeValue(key, { sequence: ++this.#sequence, bytes: sizes(random) });
    const path = `/set?key=${encodeURIComponent(key)}`;
    connection.send({ method: 'POST', path, body }, (outcome) => {
      if (outcome.kind !== 'answered' || outcome.status !== 200) return done(failure(outcome));
      const version = versionOf(outcome);
      if (version !== undefined) records.acknowledge(record, version);
      else if (this.#options.verify) {
        this.#violated(
          'unversioned',
          `set of ${key} through ${connection.address}: 200 without a version`,
        );
      }
      done(DONE);
    });
  }

  #get(connection: LoadConnection, record: number, done: (ending: Ending) => void): void {
    const { records } = this.#options;
    const key = records.keyOf(record);
    // Take the floor before the get is sent: the answer need not include sets that are acknowledged during it.
    const floor = records.acknowledged(record);
    const path = `/get?key=${encodeURIComponent(key)}`;
    connection.send({ method: 'GET', path }, (outcome) => {
      if (outcome.kind !== 'answered' || !isOfKey(outcome)) return done(failure(outcome));
      if (this.#options.verify) this.#verify(outcome, { key, floor, connection });
      done(outcome.status === 404 ? MISSED : DONE);
    });
  }

  #verify(
    answer: ExchangeAnswer,
    of: { key: string; floor: Version; connection: LoadConnection },
  ): void {
    const { key, floor, connection } = of;
    this.verifiedReads++;
    const kind = judge(answer, { key, floor, mustBeThere: !this.#options.allowMisses });
    if (kind === undefined) return;
    const { status, version = 'none', body } = answer;
    const floorText = floor === 0n ? 'none' : floor.toString(16).padStart(16, '0');
    this.#violated(
      kind,
      `get of ${key} through ${connection.address}: ${status}, ${body.length} bytes, version ${version}; acknowledged before it was sent: ${floorText}`,
    );
  }

  #violated(kind: ViolationKind, example: string): void {
    this.violations[kind]++;
    if (this.violationExamples.length < EXAMPLES_MAX) {
      this.violationExamples.push(`${kind}: ${example}`);
    }
  }
}

/** Whether the answer is about the key: a value, or the key's absence. A 404 of an unknown path has an X-Fog-Error. */
function isOfKey({ status, error }: ExchangeAnswer): boolean {
  return status === 200 || (status === 404 && error === undefined);
}

/** The form of X-Fog-Error codes; any other text is not repeated to the user. */
const CODE = /^[a-z-]{1,40}$/;

function failure(outcome: ConnectionOutcome): Ending {
  switch (outcome.kind) {
    case 'timeout':
      return TIMED_OUT;
    case 'broken':
      return { kind: 'failed', error: outcome.why, waited: false };
    case 'answered': {
      const { status, error = '' } = outcome;
      const name = CODE.test(error) ? `${status} ${error}` : `${status}`;
      return { kind: 'failed', error: name, waited: false };
    }
  }
}
