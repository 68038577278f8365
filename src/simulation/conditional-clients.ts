// The clients of a run that write under conditions (H39): some increment a counter, some swap, set and delete a register.
// What they were answered is checked for linearizability (linearizability.ts), and what was stored in the register also
// by the history's checks, as any set.

import { unreachable } from '../cluster/assert.ts';
import { type Body, type HttpReply, replyHeader } from '../cluster/http/http.ts';
import { protocolTimes } from '../cluster/model/limits.ts';
import type { Answers } from './answers.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { ClientOperation, History } from './history.ts';
import {
  type CounterOperation,
  checkCounter,
  checkRegister,
  type RegisterOperation,
} from './linearizability.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import { bytesOf, requestOf } from './requests.ts';
import type { RunShape } from './run-shape.ts';
import { nameOf, Values } from './values.ts';
import type { World } from './world.ts';

const COUNTERS = 3;
const REGISTERS = 3;
/** A client goes on without an answer after this; a later answer still counts. */
const PATIENCE_MS = 7000;
/** What the clients of the register do, each as often as it stands here. */
const MIX = [
  ...['get', 'get', 'get', 'read', 'read', 'swap', 'swap', 'swap', 'swap'],
  ...['create', 'remove', 'getset', 'write', 'write', 'delete'],
] as const;

interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
}

/** What a client read of the register last: it swaps that value for another. */
interface Seen {
  readonly etag: string;
  readonly value: string;
}

export class ConditionalClients {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #shape: RunShape;
  readonly #history: History;
  readonly #answers: Answers;
  readonly #oracles: Oracles;
  readonly #values = new Values();
  readonly #increments: CounterOperation[] = [];
  readonly #register: RegisterOperation[] = [];
  /** Operations that were refused because a member did not answer. */
  readonly #refused: { readonly what: string; readonly startMs: number; readonly code: string }[] =
    [];
  #stopped = false;

  constructor(
    world: World,
    cluster: SimulatedCluster,
    shape: RunShape,
    watchers: {
      readonly history: History;
      readonly answers: Answers;
      readonly oracles: Oracles;
    },
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#shape = shape;
    this.#history = watchers.history;
    this.#answers = watchers.answers;
    this.#oracles = watchers.oracles;
  }

  start(): void {
    const { conditional } = this.#shape;
    if (conditional === undefined) return;
    for (let client = 0; client < COUNTERS; client++) {
      this.#repeat((done) => this.#count(conditional.counter, done));
    }
    for (let client = 0; client < REGISTERS; client++) this.#swapper(conditional.register);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** @returns a line for each broken promise; nothing of a key whose data an operator gave up */
  violations(): readonly string[] {
    const { conditional } = this.#shape;
    if (conditional === undefined) return [];
    const { counter, register } = conditional;
    const problems: string[] = [];
    if (!this.#history.isGivenUp(counter)) problems.push(...checkCounter(this.#increments));
    if (this.#history.isGivenUp(register)) return problems;
    const verdict = checkRegister(this.#register);
    this.#world.occur(`register ${verdict.kind}`);
    if (verdict.kind === 'violated') {
      const { kind, value, startMs, endMs, outcome, expected } = verdict.at;
      const what = JSON.stringify({ kind, value, expected, outcome });
      problems.push(
        `linearizability: no order explains ${what} [${startMs.toFixed(1)}, ${endMs?.toFixed(1)}]`,
      );
    }
    return problems;
  }

  /**
   * @returns problems of the operations that began after this time: one that was refused although every member is there
   * (seed 900006120), and where nothing succeeded among several
   */
  unlively(sinceMs: number): readonly string[] {
    const refused = this.#refused.find(({ startMs }) => startMs > sinceMs);
    const silent = [this.#increments, this.#register].flatMap((operations, index) => {
      const late = operations.filter(({ startMs }) => startMs > sinceMs);
      const isLively = late.length <= 3 || late.some(({ outcome }) => outcome === 'done');
      return isLively ? [] : [`liveness: no ${index === 0 ? 'increment' : 'swap'} after healing`];
    });
    if (refused === undefined) return silent;
    const { what, startMs, code } = refused;
    return [...silent, `liveness: ${what} at ${startMs.toFixed(1)}, after healing, was ${code}`];
  }

  #repeat(step: (done: () => void) => void): void {
    const { random } = this.#world;
    const thinkMs = this.#shape.thinkMs[1];
    this.#world.at(random.between(0, thinkMs), () => {
      if (this.#stopped) return;
      if (this.#frontend() === undefined) return this.#repeat(step);
      step(() => this.#repeat(step));
    });
  }

  #count(key: string, done: () => void): void {
    const isRead = this.#world.random.chance(0.2);
    const operation: CounterOperation = {
      kind: isRead ? 'read' : 'incr',
      startMs: this.#world.nowMs,
      endMs: undefined,
      result: undefined,
      outcome: 'unknown',
    };
    const request = isRead ? readOf(key) : { method: 'POST', target: `/v1/keys/${key}/incr` };
    this.#increments.push(operation);
    this.#ask(key, request, done, (reply) => {
      operation.endMs = this.#world.nowMs;
      this.#world.occur(`${operation.kind} answered ${reply.status}`);
      if (reply.status === 200) {
        operation.outcome = 'done';
        operation.result = Number(bytesOf(reply).toString());
      } else if (isRead && reply.status === 404) {
        operation.outcome = 'done';
        operation.result = 0;
      } else if (isRead || reply.status !== 504) operation.outcome = 'refused';
    });
  }

  /** One client of the register, which remembers what it read last. */
  #swapper(key: string): void {
    let seen: Seen | undefined;
    const saw = (reply: HttpReply) => {
      const etag = replyHeader(reply, 'etag');
      if (reply.status === 200 && etag !== undefined) seen = { etag, value: valueIn(reply) };
      if (reply.status === 404) seen = undefined;
    };
    this.#repeat((done) => {
      const what = this.#world.random.pick(MIX);
      switch (what) {
        case 'get':
          return this.#get(key, done, saw);
        case 'read':
          return this.#read(key, done, saw);
        case 'swap':
        case 'remove':
          if (seen === undefined) return this.#create(key, done);
          return this.#swap(key, what === 'remove', seen, done);
        case 'create':
          return this.#create(key, done);
        case 'getset': {
          const write = this.#begin({ kind: 'getset', value: this.#values.next().name });
          const request = { method: 'POST', target: `/v1/keys/${key}/getset` };
          return this.#write(key, write, request, done, (reply) => {
            write.previous = reply.status === 200 ? valueIn(reply) : undefined;
          });
        }
        case 'write':
        case 'delete': {
          const value = what === 'write' ? this.#values.next().name : undefined;
          const method = what === 'write' ? 'PUT' : 'DELETE';
          const write = this.#begin({ kind: 'write', value });
          return this.#write(key, write, { method, target: `/v1/keys/${key}` }, done);
        }
        default:
          return unreachable(what);
      }
    });
  }

  #swap(key: string, removes: boolean, { etag, value }: Seen, done: () => void): void {
    const name = removes ? undefined : this.#values.next().name;
    const write = this.#begin({ kind: 'swap', value: name, expected: { value } });
    const method = removes ? 'DELETE' : 'PUT';
    const headers = { 'if-match': etag };
    this.#write(key, write, { method, target: `/v1/keys/${key}`, headers }, done);
  }

  #create(key: string, done: () => void): void {
    const value = this.#values.next().name;
    const write = this.#begin({ kind: 'swap', value, expected: 'absent' });
    const headers = { 'if-none-match': '*' };
    this.#write(key, write, { method: 'PUT', target: `/v1/keys/${key}`, headers }, done);
  }

  #begin(operation: Pick<RegisterOperation, 'kind' | 'value' | 'expected'>): RegisterOperation {
    const begun: RegisterOperation = {
      ...operation,
      startMs: this.#world.nowMs,
      endMs: undefined,
      outcome: 'unknown',
    };
    this.#register.push(begun);
    return begun;
  }

  #write(
    key: string,
    write: RegisterOperation,
    request: Request,
    done: () => void,
    answered: (reply: HttpReply) => void = () => undefined,
  ): void {
    const { value } = write;
    const kind = value === undefined ? 'delete' : 'set';
    const body: Body =
      value === undefined ? { kind: 'none' } : { kind: 'bytes', bytes: Buffer.from(value) };
    const noted = this.#history.begin(kind, key, this.#world.nowMs, value);
    this.#ask(key, { ...request, body }, done, (reply) => {
      answered(reply);
      write.endMs = this.#world.nowMs;
      this.#world.occur(`${write.kind} answered ${reply.status}`);
      write.outcome = outcomeOf(reply.status);
      this.#note(noted, write, reply);
    });
  }

  /** A get from any member: the history's checks judge it, as conditions promise nothing of such gets. */
  #get(key: string, done: () => void, saw: (reply: HttpReply) => void): void {
    const noted = this.#history.begin('get', key, this.#world.nowMs);
    this.#ask(key, { method: 'GET', target: `/v1/keys/${key}` }, done, (reply) => {
      if (reply.status === 200) noted.value = valueIn(reply);
      this.#history.end(
        noted,
        this.#world.nowMs,
        reply.status,
        replyHeader(reply, 'x-fog-version'),
      );
      saw(reply);
    });
  }

  #read(key: string, done: () => void, saw: (reply: HttpReply) => void): void {
    const read = this.#begin({ kind: 'read', value: undefined });
    this.#ask(key, readOf(key), done, (reply) => {
      read.endMs = this.#world.nowMs;
      this.#world.occur(`read answered ${reply.status}`);
      const isAnswered = reply.status === 200 || reply.status === 404;
      read.outcome = isAnswered ? 'done' : 'refused';
      if (reply.status === 200) read.value = valueIn(reply);
      saw(reply);
    });
  }

  /** To the history an unmet condition is a set of which nothing was stored. */
  #note(noted: ClientOperation, { outcome }: RegisterOperation, reply: HttpReply): void {
    const { status } = reply;
    const version = replyHeader(reply, 'x-fog-version');
    const isUnmet = outcome === 'unmet';
    const told = outcome === 'done' ? 200 : isUnmet ? 503 : status;
    this.#history.end(noted, this.#world.nowMs, told, isUnmet ? undefined : version);
    if (noted.ok && !this.#oracles.acknowledged(noted)) noted.ok = false;
  }

  #frontend(): SimulatedNode | undefined {
    const alive = this.#cluster.frontends.filter(({ process }) => process.alive);
    return alive.length === 0 ? undefined : this.#world.random.pick(alive);
  }

  #ask(
    key: string,
    { method, target, headers, body }: Request,
    done: () => void,
    answered: (reply: HttpReply) => void,
  ): void {
    const frontend = this.#frontend();
    let goesOn = false;
    const goOn = () => {
      if (goesOn) return;
      goesOn = true;
      done();
    };
    this.#world.at(PATIENCE_MS, goOn);
    if (frontend === undefined) return;
    const { setDeadlineMs } = protocolTimes(1);
    // Of a get only one answer is asked for: versions of conditional records are made by several serialisers.
    const startMs = this.#world.nowMs;
    const asked = new Asked(key, startMs);
    frontend.request(
      requestOf(method, target, body, headers),
      this.#answers.expect(
        frontend,
        asked,
        (reply) => {
          answered(reply);
          const code = replyHeader(reply, 'x-fog-error');
          if (isOfSilence(code)) this.#refused.push({ what: `${method} ${target}`, startMs, code });
          goOn();
        },
        setDeadlineMs,
      ),
    );
  }
}

/** What `Answers` must know of an operation. */
class Asked implements ClientOperation {
  readonly kind = 'get';
  readonly key: string;
  readonly startMs: number;
  endMs = undefined;
  value = undefined;
  ok = false;
  version = undefined;
  refused = false;

  constructor(key: string, startMs: number) {
    this.key = key;
    this.startMs = startMs;
  }
}

function isOfSilence(code: string | undefined): code is 'not-stored' | 'unanswered' {
  return code === 'not-stored' || code === 'unanswered';
}

function readOf(key: string): Request {
  return {
    method: 'GET',
    target: `/v1/keys/${key}`,
    headers: { 'x-fog-read': 'linearizable' },
  };
}

function valueIn(reply: HttpReply): string {
  return nameOf(bytesOf(reply));
}

function outcomeOf(status: number): RegisterOperation['outcome'] {
  if (status === 200 || status === 201 || status === 204) return 'done';
  // A delete with If-Match of what is gone is answered 404.
  if (status === 404 || status === 412) return 'unmet';
  return status === 504 ? 'unknown' : 'refused';
}
