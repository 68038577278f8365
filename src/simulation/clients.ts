// The clients of a run, and the history they write: some only read, some set and delete, now and then many sets of one
// key at once. Whether the answers are right is for the checkers in `Watchers`.

import { assert } from '../cluster/assert.ts';
import { ERROR_HEADER } from '../cluster/http/errors.ts';
import { type HttpReply, type HttpRequest, replyHeader } from '../cluster/http/http.ts';
import { printVersion } from '../cluster/model/version.ts';
import { textOfBytes } from '../cluster/wire/key-text.ts';
import type { Answers } from './answers.ts';
import type { Availability } from './availability.ts';
import { type BatchLine, batchRequest, readAnswers } from './batches.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { Expiry } from './expiry.ts';
import type { ClientOperation, History } from './history.ts';
import { isAcknowledged } from './least-version.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import { bytesOf, plainGet, requestOf } from './requests.ts';
import type { RunShape } from './run-shape.ts';
import { nameOf, setRequest, type Value, Values } from './values.ts';
import type { World } from './world.ts';

/** A client goes on without an answer after this; a later answer still counts in the history. */
const PATIENCE_MS = 7000;
/** A burst: several sets of one key at once through one frontend, so that newer sets coalesce older ones (H41). */
const BURST = { chance: 0.04, sets: [2, 6], withinMs: 6 } as const;
/** A batch: several operations of one kind in one request; a key may be in it more than once. */
const BATCH = { chance: 0.06, operations: [2, 9] } as const;
/** How often a client that was told a version reads on from it. */
const MIN_VERSION_CHANCE = 0.1;
/** A spell of sets of the hot key, in ms: its length, the gap between its sets, and the rest until the next spell. */
const SPELL = { lastsMs: [200, 1500], everyMs: [0.3, 12], restMs: [300, 5000] } as const;

/** The lone key, in ms: how long after its expiry it is still read, and how often. */
const ALONE = { afterMs: 1500, readEveryMs: [50, 400] } as const;

const MIX = ['get', 'set', 'set', 'delete'] as const;
const ROOM = ['get', 'delete', 'delete', 'set'] as const;

export interface Watchers {
  readonly history: History;
  readonly answers: Answers;
  readonly availability: Availability;
  readonly oracles: Oracles;
  readonly expiry: Expiry;
}

export class Clients {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #shape: RunShape;
  readonly #watchers: Watchers;
  readonly #values = new Values();
  /** By name: values whose set was begun and not yet sent. */
  readonly #bodies = new Map<string, Value>();
  #makesRoom = false;
  #stopped = false;

  constructor(world: World, cluster: SimulatedCluster, shape: RunShape, watchers: Watchers) {
    this.#world = world;
    this.#cluster = cluster;
    this.#shape = shape;
    this.#watchers = watchers;
  }

  start(): void {
    for (let client = 0; client < this.#shape.clients; client++) this.#client(client);
    const { application } = this.#cluster;
    if (application !== undefined) this.#applicationClient(application);
    if (this.#shape.hasHotKey) this.#spell();
    if (this.#shape.ttl.share > 0) this.#setAlone();
  }

  /** From now on clients of a tight run mostly delete: a full store takes sets again once enough was deleted. */
  makeRoom(): void {
    this.#makesRoom = this.#shape.isTight;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Runs one client: one operation after the other, until the run ends. */
  #client(index: number): void {
    const world = this.#world;
    const { random } = world;
    const isReader = index < this.#shape.readers;
    const thinkMs = this.#shape.thinkMs[isReader ? 0 : 1];
    const { frontends } = this.#cluster;
    const frontend = frontends[index % frontends.length];
    const next = () => world.at(random.between(0, thinkMs), () => this.#client(index));
    if (this.#stopped || frontend === undefined) return;
    if (!frontend.process.alive) return next();
    if (!isReader && random.chance(BURST.chance)) this.#burst(frontend);
    const kind = isReader ? 'get' : random.pick(this.#makesRoom ? ROOM : MIX);
    if (random.chance(BATCH.chance)) return this.#askBatch(frontend, kind, next);
    const operation = this.#begin(kind);
    return this.#ask(frontend, operation, () => this.#readOn(operation, next));
  }

  /**
   * Now and then a client that was told a version reads the key elsewhere, and demands that it or something newer
   * (H21): by another frontend or application, also after a write whose outcome nobody knows.
   */
  #readOn({ key, version, ok }: ClientOperation, done: () => void): void {
    const { random } = this.#world;
    const { frontends, application } = this.#cluster;
    if (version === undefined || !random.chance(MIN_VERSION_CHANCE)) return done();
    const elsewhere = random.pick([
      ...frontends,
      ...(application === undefined ? [] : [application]),
    ]);
    if (this.#stopped || !elsewhere.process.alive) return done();
    const { nowMs } = this.#world;
    const { history } = this.#watchers;
    const read = history.begin('get', key, nowMs, undefined, { minVersion: version });
    this.#world.occur(`read on from a version ${ok ? 'that is there' : 'in doubt'}`);
    return this.#ask(elsewhere, read, done);
  }

  /** Runs an application with the direct client, which gets as often as it writes. */
  #applicationClient(application: SimulatedNode): void {
    const world = this.#world;
    const { random } = world;
    if (this.#stopped) return;
    world.occur('direct client asked');
    const kind = random.chance(0.5) ? 'get' : random.pick(this.#makesRoom ? ROOM : MIX);
    this.#ask(application, this.#begin(kind), () =>
      world.at(random.between(0, this.#shape.thinkMs[1]), () =>
        this.#applicationClient(application),
      ),
    );
  }

  /** Each operation stands in the history as if it had been sent alone. */
  #askBatch(frontend: SimulatedNode, kind: ClientOperation['kind'], done: () => void): void {
    const world = this.#world;
    const count = Math.floor(world.random.between(...BATCH.operations));
    const operations = Array.from({ length: count }, () => this.#begin(kind));
    let left = count;
    let goesOn = false;
    const goOn = () => {
      if (goesOn) return;
      goesOn = true;
      done();
    };
    world.at(PATIENCE_MS, goOn);
    const answers = operations.map((operation) =>
      this.#watchers.answers.expect(frontend, operation, (reply) => {
        this.#end(operation, frontend, reply);
        left--;
        if (left === 0) goOn();
      }),
    );
    world.occur(`batch of ${kind}`);
    const lines = operations.map((operation) => this.#lineFor(operation));
    let next = 0;
    frontend.request(batchRequest(world, kind, lines), (reply) =>
      readAnswers(reply, (answer) => {
        const answered = answers[next++];
        assert(answered !== undefined, 'a batch has no more answers than operations');
        answered(answer);
      }),
    );
  }

  #burst(frontend: SimulatedNode): void {
    const { random } = this.#world;
    const key = random.pick(this.#shape.keys);
    for (let left = Math.floor(random.between(...BURST.sets)); left > 0; left--) {
      this.#world.at(random.between(0, BURST.withinMs), () => this.#setOnce(frontend, key));
    }
  }

  /** Sets one key through one frontend far faster than the sets are answered. */
  #spell(): void {
    const { random } = this.#world;
    if (this.#stopped) return;
    const frontend = random.pick(this.#cluster.frontends);
    const key = random.pick(this.#shape.keys);
    const untilMs = this.#world.nowMs + random.between(...SPELL.lastsMs);
    const everyMs = random.between(...SPELL.everyMs);
    const again = () => {
      if (this.#world.nowMs > untilMs || this.#stopped) return;
      this.#setOnce(frontend, key);
      this.#world.at(random.between(0, 2 * everyMs), again);
    };
    again();
    this.#world.at(random.between(...SPELL.restMs), () => this.#spell());
  }

  /** Sets the lone key and leaves it alone until it expired: a record forgotten or served at the wrong time shows. */
  #setAlone(): void {
    const { random } = this.#world;
    const { loneKey, ttl } = this.#shape;
    const alive = this.#cluster.frontends.filter(({ process }) => process.alive);
    if (this.#stopped) return;
    if (alive.length === 0) return this.#world.at(ALONE.afterMs, () => this.#setAlone());
    const ttlMs = 1000 * (1 + random.below(ttl.secondsMax));
    const operation = this.#begin('set', loneKey, ttlMs);
    this.#ask(random.pick(alive), operation, () => {
      const { version } = operation;
      // A failed set may still be stored later, beside a newer one: from here on nothing is certain about this key.
      if (!operation.ok || version === undefined) return;
      this.#watchers.expiry.acknowledged(loneKey, version);
      this.#readAlone(this.#world.nowMs + ttlMs + ALONE.afterMs);
    });
  }

  #readAlone(untilMs: number): void {
    const { random } = this.#world;
    if (this.#stopped) return;
    if (this.#world.nowMs > untilMs) {
      this.#watchers.expiry.released();
      return this.#setAlone();
    }
    const frontend = random.pick(this.#cluster.frontends);
    const next = () =>
      this.#world.at(random.between(...ALONE.readEveryMs), () => this.#readAlone(untilMs));
    if (!frontend.process.alive) return next();
    return this.#ask(frontend, this.#begin('get', this.#shape.loneKey), next);
  }

  #setOnce(frontend: SimulatedNode, key: string): void {
    if (!frontend.process.alive) return;
    const operation = this.#begin(this.#world.random.pick(['set', 'set', 'set', 'delete']), key);
    this.#ask(frontend, operation, () => undefined);
  }

  #ask(frontend: SimulatedNode, operation: ClientOperation, done: () => void): void {
    let goesOn = false;
    const goOn = () => {
      if (goesOn) return;
      goesOn = true;
      done();
    };
    this.#world.at(PATIENCE_MS, goOn);
    const answered = (reply: HttpReply) => {
      this.#end(operation, frontend, reply);
      goOn();
    };
    frontend.request(
      this.#requestFor(operation),
      this.#watchers.answers.expect(frontend, operation, answered),
    );
  }

  #begin(
    kind: ClientOperation['kind'],
    key = this.#world.random.pick(this.#shape.keys),
    ttlMs = this.#drawTtl(kind),
  ): ClientOperation {
    const { random } = this.#world;
    const { longShare, valueBytes } = this.#shape;
    let name: string | undefined;
    if (kind === 'set') {
      const value =
        valueBytes > 0 ? this.#values.next(valueBytes) : this.#values.draw(random, longShare);
      this.#bodies.set(value.name, value);
      name = value.name;
    }
    return this.#watchers.history.begin(kind, key, this.#world.nowMs, name, { ttlMs });
  }

  #drawTtl(kind: ClientOperation['kind']): number | undefined {
    const { random } = this.#world;
    const { share, secondsMax } = this.#shape.ttl;
    const hasTtl = kind === 'set' && share > 0 && random.chance(share);
    return hasTtl ? 1000 * (1 + random.below(secondsMax)) : undefined;
  }

  #end(operation: ClientOperation, frontend: SimulatedNode, reply: HttpReply): void {
    const { history, oracles, availability } = this.#watchers;
    const version = replyHeader(reply, 'x-fog-version');
    const isGet = operation.kind === 'get';
    if (isGet && reply.status === 200) operation.value = nameOf(bytesOf(reply));
    history.end(operation, this.#world.nowMs, reply.status, version);
    // A write that only given-up members acknowledged counts as lost, as the operator accepted.
    if (operation.ok && !isGet && !oracles.acknowledged(operation)) operation.ok = false;
    const { key, minVersion, startMs } = operation;
    if (minVersion !== undefined && replyHeader(reply, ERROR_HEADER) === 'older-version') {
      this.#world.occur('read answered older-version');
      // A version that not all members have need not be there to be read.
      if (!isAcknowledged(history, key, minVersion, startMs)) return;
    }
    availability.answered(operation, frontend.process.name, reply.status);
  }

  #requestFor(operation: ClientOperation): HttpRequest {
    const { kind, key, value: name = '', startMs, expiresAtMs, minVersion } = operation;
    if (minVersion !== undefined) {
      const headers = { 'x-fog-min-version': printVersion(minVersion) };
      return requestOf('GET', `/${kind}?key=${key}`, undefined, headers);
    }
    if (kind !== 'set') return plainGet(`/${kind}?key=${key}`);
    return setRequest(key, this.#takeBody(name), ttlOf(startMs, expiresAtMs));
  }

  #lineFor({ kind, key, value: name = '', startMs, expiresAtMs }: ClientOperation): BatchLine {
    if (kind !== 'set') return { key };
    const ttl = ttlOf(startMs, expiresAtMs);
    const value = textOfBytes(this.#takeBody(name).body());
    return ttl === undefined ? { key, value } : { key, value, ttl };
  }

  #takeBody(name: string): Value {
    const value = this.#bodies.get(name);
    assert(value !== undefined, 'a set has the value that it was begun with');
    this.#bodies.delete(name);
    return value;
  }
}

/** In whole seconds; undefined for a set without a ttl. */
function ttlOf(startMs: number, expiresAtMs: number | undefined): number | undefined {
  return expiresAtMs === undefined ? undefined : Math.round((expiresAtMs - startMs) / 1000);
}
