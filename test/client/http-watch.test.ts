// A watch over HTTP, with frontends that behave as a test says, and a clock that it turns: where it goes on, when it gives
// up, and who is held back. What it tells is in the contract suite (test/contracts/clients.ts).

import { describe, expect, test } from 'vitest';
import { KnownFrontends } from '../../src/client/frontends.ts';
import { HttpWatch } from '../../src/client/http-watch.ts';
import type { VelourError, WatchEvent } from '../../src/client/index.ts';
import type { HttpPool, PoolEvents } from '../../src/cluster/http/http-pool.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const TIMEOUT_MS = 10_000;
const OPENING = ': following 16 partitions\nretry: 1000\nid: AQ\n\n';
const EVENTS_TYPE = 'text/event-stream';
const set = (key: string, id = 'Ag') =>
  `event: set\ndata: {"key":"${key}","etag":"\\"0196c6f1f2c40000-00000001\\""}\nid: ${id}\n\n`;

/** One request of a watch, and what its frontend does with it. */
class Asked {
  readonly host: string;
  readonly path: string;
  readonly atMs: number;
  readonly #events: PoolEvents;
  #take: ((piece: Buffer) => void) | undefined;
  isCancelled = false;
  isPaused = false;

  constructor(host: string, path: string, atMs: number, events: PoolEvents) {
    this.host = host;
    this.path = path;
    this.atMs = atMs;
    this.#events = events;
  }

  begin(type = EVENTS_TYPE, status = 200): this {
    const header = (name: string) => (name === 'content-type' ? type : undefined);
    const flow = {
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
      },
    };
    this.#take = this.#events.answering?.({ status, header }, flow);
    return this;
  }

  say(text: string): this {
    this.#take?.(Buffer.from(text));
    return this;
  }

  end(type = EVENTS_TYPE): void {
    const header = (name: string) => (name === 'content-type' ? type : undefined);
    this.#events.ended({ kind: 'answered', status: 200, header, body: Buffer.alloc(0) });
  }

  refuse(code: string, status = 503): void {
    const header = (name: string) => (name === 'x-fog-error' ? code : undefined);
    this.#events.ended({ kind: 'answered', status, header, body: Buffer.from(code) });
  }

  breakOff(): void {
    this.#events.ended({ kind: 'broken', error: new Error('ECONNRESET') });
  }
}

class Stage {
  readonly time = new VirtualTime();
  /** The watches that were asked for, the latest last. */
  readonly asked: Asked[] = [];
  readonly watch: HttpWatch;
  /** What becomes of each further request. */
  reaction: ((asked: Asked) => void) | undefined;

  constructor(hosts: readonly string[] = ['a', 'b'], since?: string) {
    const open = (origin: string) => this.#pool(new URL(origin).hostname);
    const world = { open, clock: this.time, timers: this.time };
    const frontends = new KnownFrontends(
      hosts.map((host) => `${host}:80`),
      world,
    );
    this.watch = new HttpWatch(
      { prefix: Buffer.from('p'), values: false, since },
      { frontends, timers: this.time, timeoutMs: TIMEOUT_MS },
    );
  }

  #pool(host: string): HttpPool {
    return {
      send: ({ path }, events) => {
        if (path === '/livez') return () => undefined;
        const asked = new Asked(host, path, this.time.monotonicMs(), events);
        this.asked.push(asked);
        const { reaction } = this;
        if (reaction !== undefined) this.time.after(1, () => asked.isCancelled || reaction(asked));
        return () => {
          asked.isCancelled = true;
        };
      },
      close: () => undefined,
    };
  }

  get latest(): Asked {
    const latest = this.asked.at(-1);
    if (latest === undefined) throw new Error('nobody was asked');
    return latest;
  }

  /** What the next call of `next` comes to, as far as anything has come of it by the time that this is read. */
  next(): { events?: readonly WatchEvent[]; error?: VelourError } {
    const told: { events?: readonly WatchEvent[]; error?: VelourError } = {};
    this.watch.next({
      done: (placed) => {
        told.events = placed.map(({ event }) => event);
      },
      failed: (error) => {
        told.error = error;
      },
    });
    return told;
  }

  /** Lets so much time pass. */
  wait(milliseconds: number): void {
    this.time.runTo(this.time.monotonicMs() + milliseconds);
  }
}

describe('a watch', () => {
  test('goes on elsewhere where its frontend breaks off, from where it was', () => {
    const stage = new Stage();
    const first = stage.next();
    stage.latest.begin().say(OPENING);
    expect(first.events).toEqual([{ kind: 'begun' }]);
    const second = stage.next();
    stage.latest.say(set('k'));
    expect(second.events).toMatchObject([{ kind: 'set' }]);
    stage.latest.breakOff();
    expect(stage.asked.map(({ host }) => host)).toEqual(['a', 'b']);
    expect(stage.latest.path).toBe('/v1/watch?prefix=p&since=Ag');
    // The second opening begins nothing anew.
    const third = stage.next();
    stage.latest.begin().say(OPENING).say(set('l'));
    expect(third.events).toMatchObject([{ kind: 'set' }]);
  });

  test('leaves a frontend that accepts and says nothing, and one that falls silent', () => {
    const stage = new Stage();
    stage.next();
    stage.wait(5000);
    expect(stage.asked.map(({ host, isCancelled }) => [host, isCancelled])).toEqual([
      ['a', true],
      ['b', false],
    ]);
    stage.latest.begin().say(OPENING);
    for (let round = 0; round < 10; round++) {
      stage.wait(10_000);
      stage.latest.say(': nothing new\n\n');
    }
    expect(stage.asked).toHaveLength(2);
    stage.wait(25_000);
    expect(stage.asked[1]?.isCancelled).toBe(true);
    stage.wait(500);
    expect(stage.asked).toHaveLength(3);
  });

  test('pauses where all frontends end at once, and is not given up while they tell something', () => {
    const stage = new Stage();
    stage.reaction = (asked) => asked.begin().say(OPENING).end();
    expect(stage.next().events).toBeUndefined();
    stage.latest.begin().say(OPENING).end();
    const told = stage.next();
    stage.wait(60_000);
    // Two at a time, and half a second between.
    expect(stage.asked.length).toBeGreaterThan(200);
    expect(stage.asked.length).toBeLessThan(250);
    expect(told.error).toBeUndefined();
  });

  test.each([
    ['refused', (stage: Stage) => stage.latest.refuse('unanswered')],
    ['broken off', (stage: Stage) => stage.latest.breakOff()],
    ['ended without a word', (stage: Stage) => stage.latest.begin().end()],
    ['answered with garbage', (stage: Stage) => stage.latest.begin().say('event: x\n\n')],
    ['answered with comments', (stage: Stage) => stage.latest.begin().say(': x\n\n').end()],
    ['answered with a page', (stage: Stage) => stage.latest.begin('text/html').end('text/html')],
  ])('fails when it was %s for as long as nobody may answer', (_, react) => {
    const stage = new Stage();
    const told = stage.next();
    for (let atMs = 0; atMs < 9900; atMs += 100) {
      react(stage);
      stage.wait(100);
    }
    expect(told.error).toBeUndefined();
    stage.wait(200);
    expect(told.error).toBeDefined();
    const { length } = stage.asked;
    stage.wait(60_000);
    expect(stage.asked).toHaveLength(length);
  });

  test.each([
    ['breaks off', (asked: Asked) => asked.breakOff()],
    ['ends', (asked: Asked) => asked.end()],
    ['falls silent', () => undefined],
  ])('that was told something fails as well when that %s, and nobody else answers', (_, react) => {
    const stage = new Stage();
    stage.next();
    stage.latest.begin().say(OPENING);
    const told = stage.next();
    stage.wait(20_000);
    expect(told.error).toBeUndefined();
    stage.reaction = (asked) => asked.breakOff();
    react(stage.latest);
    stage.wait(25_000 + TIMEOUT_MS + 1000);
    expect(told.error?.code).toBe('unreachable');
  });

  test('whose caller was busy when it failed tells him afterwards, behind what came before', () => {
    const stage = new Stage(['a']);
    stage.latest.begin().say(OPENING);
    stage.reaction = (asked) => asked.breakOff();
    stage.latest.breakOff();
    stage.wait(TIMEOUT_MS + 1000);
    expect(stage.next().events).toEqual([{ kind: 'begun' }]);
    expect(stage.next().error?.code).toBe('unreachable');
  });

  test('passes over what is no frontend, and fails at once where nothing else is named', () => {
    const stage = new Stage(['controller', 'b']);
    const told = stage.next();
    stage.latest.refuse('unknown-path', 404);
    stage.latest.begin().say(OPENING);
    expect(stage.asked.map(({ host }) => host)).toEqual(['controller', 'b']);
    expect(told.events).toEqual([{ kind: 'begun' }]);
    const strange = new Stage(['controller', 'storage']);
    const failed = strange.next();
    strange.latest.refuse('unknown-path', 404);
    strange.latest.refuse('unknown-path', 404);
    expect(failed.error?.code).toBe('not-a-frontend');
    expect(strange.asked).toHaveLength(2);
  });

  test('that a frontend refuses for good fails at once', () => {
    const stage = new Stage(['a', 'b'], 'nonsense');
    const told = stage.next();
    stage.latest.refuse('bad-cursor', 400);
    expect(told.error?.code).toBe('bad-cursor');
    expect(stage.asked).toHaveLength(1);
  });

  test('that was stopped asks nobody, and nothing of it is left', () => {
    const stage = new Stage();
    const told = stage.next();
    stage.latest.begin().say(OPENING);
    stage.watch.stop();
    expect(stage.latest.isCancelled).toBe(true);
    stage.wait(100_000);
    expect(stage.asked).toHaveLength(1);
    expect(told.error).toBeUndefined();
  });

  test('takes the events of a proxy that names their encoding', () => {
    const stage = new Stage();
    const told = stage.next();
    stage.latest.begin('text/event-stream; charset=utf-8').say(OPENING);
    expect(told.events).toEqual([{ kind: 'begun' }]);
  });
});

describe('a caller who is slower than the events', () => {
  const flooded = () => {
    const stage = new Stage();
    stage.latest.begin().say(OPENING);
    for (let each = 0; each < 2000; each++) stage.latest.say(set(`k${each}`));
    return stage;
  };

  test('holds their frontend back, which is not silent for that', () => {
    const stage = flooded();
    expect(stage.latest.isPaused).toBe(true);
    stage.wait(100_000);
    expect(stage.asked).toHaveLength(1);
    expect(stage.next().events).toHaveLength(2001);
    expect(stage.latest.isPaused).toBe(false);
    // From now on it may be.
    stage.wait(25_000);
    expect(stage.asked[0]?.isCancelled).toBe(true);
  });

  test('holds back the next frontend as well', () => {
    const stage = flooded();
    stage.latest.breakOff();
    expect(stage.latest.host).toBe('b');
    stage.latest.begin();
    expect(stage.latest.isPaused).toBe(true);
    expect(stage.next().events).toHaveLength(2001);
    expect(stage.latest.isPaused).toBe(false);
  });

  test('gives the next frontend its time to tell something once it is listened to', () => {
    const stage = flooded();
    stage.latest.breakOff();
    stage.latest.begin();
    stage.wait(100_000);
    expect(stage.next().events).toHaveLength(2001);
    const told = stage.next();
    stage.wait(TIMEOUT_MS - 1000);
    expect(told.error).toBeUndefined();
    stage.latest.say(set('l'));
    expect(told.events).toMatchObject([{ kind: 'set' }]);
    expect(stage.asked).toHaveLength(2);
  });

  test('hears of it when the next frontend then tells nothing', () => {
    const stage = flooded();
    stage.latest.breakOff();
    stage.latest.begin();
    expect(stage.next().events).toHaveLength(2001);
    const told = stage.next();
    stage.wait(TIMEOUT_MS - 1000);
    stage.latest.say(': x\n\n');
    expect(told.error).toBeUndefined();
    stage.wait(1000);
    expect(told.error?.code).toBe('unreachable');
  });

  test('goes on at a frontend that has nothing new to tell after all that it told', () => {
    const stage = flooded();
    expect(stage.next().events).toHaveLength(2001);
    const told = stage.next();
    for (let round = 0; round < 3; round++) {
      stage.wait(TIMEOUT_MS);
      stage.latest.say(': nothing new\n\n');
    }
    expect(told.error).toBeUndefined();
    expect(stage.asked).toHaveLength(1);
  });
});

test('few events of many bytes are held back as well', () => {
  const stage = new Stage();
  const value = 'v'.repeat(1024 * 1024);
  const long = (id: number) =>
    `event: set\ndata: {"key":"k${id}","etag":"\\"0196c6f1f2c40000-00000001\\"","value":"${value}"}\nid: A${id}\n\n`;
  stage.latest.begin().say(OPENING);
  for (let id = 0; id < 4; id++) stage.latest.say(long(id));
  expect(stage.latest.isPaused).toBe(true);
  expect(stage.next().events).toHaveLength(5);
  expect(stage.latest.isPaused).toBe(false);
});
