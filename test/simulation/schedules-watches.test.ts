// Scripted schedules about watches (H46): members change and fail in mid-watch, readers are slow, frontends go, and a client
// that scans whenever it is told `missed` has in the end what a scan lists.

import { describe, expect, test } from 'vitest';
import { Writer } from '../../src/coordinator/operations/set/writer.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { requestOf } from '../../src/simulation/requests.ts';
import { ReadReply } from '../helpers/read-reply.ts';
import { listedValues, WatchedCopy } from '../helpers/watched-copy.ts';
import { openClusterClient } from './cluster-client.ts';
import { SEEDS, Stage } from './founded.ts';

const KEYS = Array.from({ length: 40 }, (_, index) => `key${index}`);
const SHAPE: ClusterShape = {
  storages: 3,
  spares: 1,
  frontends: 3,
  redundancy: 2,
  fsync: 'interval',
};

/** A client that follows all keys with a copy of them, and comes back when its connection ends. */
class Copier {
  readonly copy = new WatchedCopy();
  /** Reads nothing while this is set. */
  isSlow = false;
  readonly #stage: Stage;
  #reply: ReadReply | undefined;
  #taken = 0;
  #goOn: (() => void) | undefined;

  constructor(stage: Stage, frontend = stage.frontend(0)) {
    this.#stage = stage;
    this.follow(frontend);
    this.scan();
  }

  get missed(): number {
    return this.copy.missed;
  }

  /** Begins, or goes on where it was. */
  follow(frontend: SimulatedNode): void {
    const { place } = this.copy;
    const since = place === undefined ? '' : `&since=${place}`;
    const request = requestOf('GET', `/v1/watch?values=1${since}`);
    const reply = new ReadReply(frontend, request, (goOn) => this.#between(goOn));
    this.#reply = reply;
    this.#taken = 0;
    this.#stage.until('the watch begins', () => reply.status !== undefined);
    expect(reply.status, reply.text).toBe(200);
    this.#stage.pass(1);
  }

  /** Its connection is gone, and what was read of it is kept. */
  leave(): void {
    this.#take();
    this.#reply?.discard();
    this.#reply = undefined;
    this.copy.cut();
  }

  readOn(): void {
    this.isSlow = false;
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  scan(): void {
    const before = new Map(this.copy.keys);
    const listed = listedBy(this.#stage);
    this.#take();
    this.copy.scanned(listed, before);
  }

  /** Takes what was told, and scans as often as it says. */
  catchUp(): void {
    for (let scans = this.missed; ; scans = this.missed) {
      this.#take();
      if (this.missed === scans) return;
      this.scan();
    }
  }

  #between(goOn: () => void): void {
    if (this.isSlow) this.#goOn = goOn;
    else goOn();
  }

  #take(): void {
    const { text = '' } = this.#reply ?? {};
    this.copy.take(text.slice(this.#taken));
    this.#taken = text.length;
  }
}

/** @returns the lines of a whole scan, at whoever is there */
function listedBy(stage: Stage): ReadReply['json'] {
  const ask = () => {
    const alive = stage.cluster.frontends.findLast(({ process }) => process.alive);
    if (alive === undefined) throw new Error('there is no frontend');
    return new ReadReply(alive, requestOf('GET', '/v1/scan?values=1&limit=100000'));
  };
  let reply = ask();
  const isWhole = () => {
    if (reply.isOver && reply.status !== 200) reply = ask();
    return reply.isOver && reply.status === 200;
  };
  stage.until('a whole scan', isWhole, 60_000, 20);
  return reply.json;
}

function expectCopied(stage: Stage, copier: Copier): void {
  // Whatever is still to be told is told within this time.
  stage.pass(8000);
  copier.catchUp();
  expect(copier.copy.values).toEqual(listedValues(listedBy(stage)));
  stage.expectKept();
}

function filled(seed: number, shape: Partial<ClusterShape> = {}) {
  const stage = new Stage(seed, { ...SHAPE, ...shape });
  for (const key of KEYS) stage.expectStatus(stage.set(stage.frontend(2), key), 200);
  return stage;
}

/** Sets and deletes keys through that frontend, one every 20 ms, for so many rounds. */
function change(
  stage: Stage,
  frontend: SimulatedNode,
  rounds: number,
  between = (_: number) => {},
) {
  for (let round = 0; round < rounds; round++) {
    const key = KEYS[(round * 7) % KEYS.length] ?? '';
    if (round % 3 === 0) stage.delete(frontend, key);
    else stage.set(frontend, key);
    between(round);
    stage.pass(20);
  }
}

function killedAndReplaced(stage: Stage): void {
  const gone = stage.storage(0);
  gone.crash(false);
  const isMember = () => KEYS.some((key) => stage.roleOf(gone, key) !== undefined);
  stage.until('it is replaced', () => !isMember(), 60_000);
}

describe('a watcher', () => {
  test.each(SEEDS)(
    'H46: of a cluster in order is told everything, and misses nothing, seed %i',
    (seed) => {
      const stage = filled(seed);
      const copier = new Copier(stage);
      change(stage, stage.frontend(2), 200);
      expectCopied(stage, copier);
      expect(copier.missed).toBe(0);
      expect(copier.copy.events.filter((event) => event === 'delete').length).toBeGreaterThan(50);
    },
  );

  test.each(SEEDS)('H46: a member is killed in mid-watch, seed %i', (seed) => {
    const stage = filled(seed);
    const copier = new Copier(stage);
    change(stage, stage.frontend(2), 400, (round) => {
      if (round === 30) stage.storage(seed % 3).crash(false);
      if (round === 300) stage.storage(seed % 3).start();
    });
    expectCopied(stage, copier);
    expect(copier.missed).toBeGreaterThan(0);
  });

  test.each(SEEDS)('H46: a node comes and another one goes in mid-watch, seed %i', (seed) => {
    const stage = filled(seed);
    const copier = new Copier(stage);
    change(stage, stage.frontend(2), 400, (round) => {
      if (round === 20) stage.cluster.spares[0]?.start();
      if (round === 150) stage.drain(stage.storage(0));
    });
    expectCopied(stage, copier);
    expect(copier.missed).toBeGreaterThan(0);
  });

  test.each(SEEDS)(
    'H46: a member is cut off together with the frontend that follows it, seed %i',
    (seed) => {
      const stage = filled(seed, { spares: 0 });
      const [stale, near, far] = [stage.storage(0), stage.frontend(0), stage.frontend(2)];
      const copier = new Copier(stage, near);
      stage.cut([stale, near], stage.allBut(stale, near));
      const isMember = () => KEYS.some((key) => stage.roleOf(stale, key) !== undefined);
      stage.until('it is replaced', () => !isMember(), 60_000);
      // Its members elsewhere acknowledge what it will never apply.
      change(stage, far, 60);
      stage.heal([stale, near], stage.allBut(stale, near));
      stage.pass(10_000);
      expectCopied(stage, copier);
      expect(copier.missed).toBeGreaterThan(0);
    },
  );

  test.each(SEEDS)(
    'H46: a node comes back with keys whose deletes were forgotten, seed %i',
    (seed) => {
      const stage = filled(seed, {
        spares: 0,
        times: { antiEntropyMs: 600, tombstoneGraceMs: 300 },
      });
      const away = stage.storage(0);
      const copier = new Copier(stage);
      const others = stage.allBut(away);
      stage.cut([away], others);
      const isMember = () => KEYS.some((key) => stage.roleOf(away, key) !== undefined);
      stage.until('it is replaced', () => !isMember(), 60_000);
      const deleted = KEYS.slice(0, 20);
      for (const key of deleted) stage.expectStatus(stage.delete(stage.frontend(2), key), 200);
      const holders = stage.cluster.storages.filter((node) => node !== away);
      stage.until(
        'the deletes are forgotten',
        () =>
          deleted.every((key) => holders.every((node) => stage.heldBy(node, key) === undefined)),
        60_000,
        100,
      );
      // Its own records are set aside while it copies, or its deletes would be undone in the copy of who follows it.
      stage.heal([away], others);
      stage.until('it is back', isMember, 60_000);
      stage.pass(5000);
      change(stage, stage.frontend(2), 30);
      expectCopied(stage, copier);
    },
  );

  test.each(SEEDS)(
    'H46: goes on at another frontend where it was, and misses nothing, seed %i',
    (seed) => {
      const stage = filled(seed);
      const copier = new Copier(stage);
      const far = stage.frontend(2);
      for (let time = 0; time < 4; time++) {
        change(stage, far, 10);
        copier.leave();
        if (time === 2) stage.frontend(0).crash(false);
        // Nobody follows now.
        change(stage, far, 30);
        copier.follow(stage.frontend(1));
      }
      expectCopied(stage, copier);
      expect(copier.missed).toBe(0);
    },
  );

  test.each(SEEDS)(
    'H46: comes back after two minutes, and is told that it has missed something, seed %i',
    (seed) => {
      const stage = filled(seed);
      const copier = new Copier(stage);
      const far = stage.frontend(2);
      change(stage, far, 10);
      stage.pass(1000);
      copier.leave();
      stage.pass(130_000);
      change(stage, far, 10);
      stage.pass(1000);
      copier.follow(stage.frontend(1));
      stage.pass(1000);
      copier.catchUp();
      expect(copier.missed).toBe(1);
      expectCopied(stage, copier);
    },
  );

  test.each(SEEDS)(
    'H46: who did not follow up to a change of members is told when it comes back, seed %i',
    (seed) => {
      const stage = filled(seed);
      const copier = new Copier(stage);
      const far = stage.frontend(2);
      change(stage, far, 10);
      stage.pass(1000);
      copier.leave();
      stage.storage(1).crash(false);
      change(stage, far, 300);
      copier.follow(stage.frontend(1));
      stage.pass(1000);
      copier.catchUp();
      expect(copier.missed).toBeGreaterThan(0);
      expectCopied(stage, copier);
    },
  );

  test.each(SEEDS.slice(0, 2))(
    'H46: reads so slowly that changes are forgotten, seed %i',
    (seed) => {
      const stage = filled(seed);
      const copier = new Copier(stage);
      const far = stage.frontend(2);
      copier.isSlow = true;
      // One step is read, and the next ones wait.
      change(stage, far, 20);
      const long = 'k'.repeat(1000);
      for (let index = 0; index < 2000; index += 50) {
        const sets = Array.from({ length: 50 }, (_, each) =>
          stage.set(far, `${long}${index + each}`),
        );
        for (const set of sets) stage.expectStatus(set, 200);
      }
      stage.pass(20_000);
      expect(copier.missed).toBe(0);
      copier.readOn();
      stage.pass(10_000);
      copier.catchUp();
      expect(copier.missed).toBeGreaterThan(0);
      expectCopied(stage, copier);
    },
  );

  test.each(SEEDS)(
    'H46: that leaves before it has read `missed` is told so when it is back, seed %i',
    (seed) => {
      const stage = filled(seed);
      const copier = new Copier(stage);
      const far = stage.frontend(2);
      change(stage, far, 20);
      stage.pass(1000);
      copier.leave();
      killedAndReplaced(stage);
      change(stage, far, 20);
      // Until the members stay as they are, so that who comes back twice meets the same ones.
      stage.pass(10_000);
      // It reads that it is connected, with the id of that moment, and nothing else.
      copier.isSlow = true;
      copier.follow(stage.frontend(1));
      stage.pass(1000);
      copier.leave();
      copier.isSlow = false;
      expect(copier.missed).toBe(0);
      copier.follow(stage.frontend(1));
      stage.pass(1000);
      copier.catchUp();
      expect(copier.missed).toBeGreaterThan(0);
      expectCopied(stage, copier);
    },
  );
});

describe('GET /v1/watch', () => {
  const ask = (stage: Stage, target: string) =>
    new ReadReply(stage.frontend(0), requestOf('GET', target));

  test('tells keys with the prefix, and lasts as long as it is asked to', () => {
    const stage = filled(1);
    const reply = ask(stage, '/v1/watch?prefix=key1&for=2');
    stage.pass(500);
    for (const key of ['key1', 'key2', 'key10']) stage.set(stage.frontend(2), key);
    stage.pass(1000);
    expect(reply.isOver).toBe(false);
    stage.pass(1000);
    expect(reply).toMatchObject({ status: 200, end: 'end', contentType: 'text/event-stream' });
    expect([...reply.text.matchAll(/"key":"(\w+)"/g)].map(([, key]) => key).toSorted()).toEqual([
      'key1',
      'key10',
    ]);
  });

  test('never tells of the own keys of the cluster, and tells keys that begin with 0xFF by their names', () => {
    const stage = filled(1);
    const reply = ask(stage, '/v1/watch?for=3');
    stage.pass(500);
    const outcomes: string[] = [];
    new Writer(openClusterClient(stage)).set(
      {
        key: Buffer.from('\xfff s', 'latin1'),
        value: Buffer.from('own'),
        tombstone: false,
        expiresAtMs: 0,
        attributes: [],
      },
      ({ kind }) => outcomes.push(kind),
    );
    stage.set(stage.frontend(2), '%FFx');
    stage.pass(3000);
    expect(outcomes).toEqual(['stored']);
    expect([...reply.text.matchAll(/"key":({[^}]*})/g)].map(([, key]) => key)).toEqual([
      '{"base64":"/3g="}',
    ]);
  });

  test('is 503 where nobody could tell changes', () => {
    const stage = filled(1);
    for (const node of stage.cluster.storages) node.process.pause();
    const reply = ask(stage, '/v1/watch');
    stage.until('an answer', () => reply.isOver, 20_000);
    expect(reply).toMatchObject({ status: 503, error: 'unanswered' });
  });

  test('ends whole when the frontend drains, also if it begins only then, and so do long polls', () => {
    const stage = filled(1);
    const [frontend] = stage.cluster.frontends;
    const begun = ask(stage, '/v1/watch');
    const waiting = ask(stage, '/v1/keys/nothing?wait=50');
    stage.pass(1000);
    expect([begun.isOver, waiting.isOver]).toEqual([false, false]);
    const beginning = ask(stage, '/v1/watch');
    frontend?.stop(5000);
    stage.pass(1000);
    expect(begun).toMatchObject({ status: 200, end: 'end' });
    expect(waiting).toMatchObject({ status: 404, end: 'end' });
    expect(beginning).toMatchObject({ status: 503, end: 'end' });
  });
});
