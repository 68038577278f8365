// The phases, and what is verified in them, against frontends that a test scripts: honest, lying, gone.

import { describe, expect, test } from 'vitest';
import type { ExchangeRequest } from '../../src/cluster/http/exchange.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import { Load, type LoadOutcome } from '../../src/load/load.ts';
import type { LoadParameters, LoadResult } from '../../src/load/result.ts';
import { answered, type Behaviour, scripted, VirtualTime } from '../helpers/virtual-time.ts';

const FRONTENDS = ['10.0.0.1:1', '10.0.0.2:1'] as Address[];

const PARAMETERS: LoadParameters = {
  frontends: FRONTENDS,
  workload: 'a',
  chooser: 'zipfian',
  records: 200,
  keyPrefix: 'k',
  valueSize: '100',
  connections: 4,
  ratePerSecond: null,
  arrivals: null,
  warmUpSeconds: 1,
  durationSeconds: 2,
  timeoutSeconds: 5,
  verify: true,
  allowMisses: false,
  seed: 1,
};

/** One store behind all frontends, as the cluster is. */
class Store {
  readonly values = new Map<string, { version: number; body: Buffer }>();
  #version = 0x1000;

  answer({ method, path, body }: ExchangeRequest) {
    if (path === '/livez') return answered(200);
    const key = path.slice(path.indexOf('=') + 1);
    if (method === 'POST') {
      const version = ++this.#version;
      this.values.set(key, { version, body: body ?? Buffer.alloc(0) });
      return answered(200, { version: printed(version) });
    }
    const found = this.values.get(key);
    if (found === undefined) return answered(404);
    return answered(200, { version: printed(found.version), body: found.body });
  }
}

function printed(version: number): string {
  return version.toString(16).padStart(16, '0');
}

function play(
  behaviour: Behaviour,
  parameters: Partial<LoadParameters> = {},
  more: { fill?: boolean; stopAtMs?: number } = {},
) {
  const time = new VirtualTime();
  const { open, requests } = scripted(time, behaviour);
  const warnings: string[] = [];
  let outcome: LoadOutcome | undefined;
  const load = new Load(
    { clock: time, timers: time, open, warn: (text) => warnings.push(text) },
    {
      parameters: { ...PARAMETERS, ...parameters },
      frontends: FRONTENDS,
      sizes: () => 100,
      fill: more.fill ?? true,
    },
    (ended) => {
      expect(outcome, 'it ends once').toBeUndefined();
      outcome = ended;
    },
  );
  load.start();
  if (more.stopAtMs !== undefined) {
    time.runTo(more.stopAtMs);
    load.stop();
  }
  time.runTo(60_000);
  return { outcome, requests, warnings };
}

function resultOf({ outcome }: ReturnType<typeof play>): LoadResult {
  if (outcome?.kind !== 'finished') throw new Error(`it ended as ${JSON.stringify(outcome)}`);
  return outcome.result;
}

const honest = (store = new Store()): Behaviour => {
  return (request) => ({ outcome: store.answer(request), afterMs: 1 });
};

describe('against an honest cluster', () => {
  test('every record is set once before anything else, and nothing is broken', () => {
    const played = play(honest());
    const { fill, all, operations, violations, verifiedReads } = resultOf(played);
    expect(fill).toMatchObject({ stored: 200, errors: {}, problem: null });
    const sets = played.requests.slice(2, 202).map(({ request }) => request.path);
    expect(new Set(sets)).toEqual(new Set(Array.from({ length: 200 }, (_, i) => `/set?key=k${i}`)));
    expect(all.count).toBe(4 * 2000);
    expect(all.misses).toBe(0);
    expect(Object.keys(operations)).toEqual(['read', 'update']);
    expect(violations).toEqual({ corrupt: 0, stale: 0, lost: 0, unversioned: 0 });
    expect(verifiedReads).toBeGreaterThan(4000);
  });

  test('every frontend gets its share', () => {
    const { requests } = play(honest(), { connections: 6 });
    const share = requests.filter(({ address }) => address === FRONTENDS[0]).length;
    expect(share / requests.length).toBeCloseTo(0.5, 2);
  });

  test('the same seed is the same run, another one is another', () => {
    const paths = (seed: number) =>
      play(honest(), { seed }).requests.map(({ request }) => request.path);
    expect(paths(3)).toEqual(paths(3));
    expect(paths(3)).not.toEqual(paths(4));
  });

  test('inserts are new records, which reads then choose', () => {
    const { requests } = play(honest(), { workload: 'd', chooser: 'latest' });
    const keys = requests.map(({ request }) => Number(/k(\d+)$/.exec(request.path)?.[1]));
    const sets = requests.filter(({ request }) => request.method === 'POST').length;
    expect(sets).toBeGreaterThan(400);
    expect(Math.max(...keys.filter(Number.isInteger))).toBe(sets - 1);
    const lateReads = keys.slice(-100).filter((key) => key > 400);
    expect(lateReads.length).toBeGreaterThan(50);
  });

  test('a read-modify-write is a get and a set of one key', () => {
    const { requests, outcome } = play(honest(), { workload: 'f', connections: 2 });
    expect(outcome).toMatchObject({ kind: 'finished' });
    const sets = requests.slice(202).filter(({ request }) => request.method === 'POST');
    const gets = requests.slice(202).filter(({ request }) => request.method === 'GET');
    expect(gets.length).toBeGreaterThan(1.8 * sets.length);
    const after = requests.slice(202).map(({ request }) => request.path.split('=')[1]);
    const isSet = requests.slice(202).map(({ request }) => request.method === 'POST');
    // Of two connections that take turns: the get of the same key is one or two before.
    isSet.forEach((set, at) => {
      if (set && at > 2) expect(after.slice(Math.max(0, at - 3), at)).toContain(after[at]);
    });
  });

  test('without a fill what is not there is missed, not lost', () => {
    const { fill, all, violations } = resultOf(play(honest(), { workload: 'c' }, { fill: false }));
    expect(fill).toBeNull();
    expect(all.misses).toBe(all.count);
    expect(violations.lost).toBe(0);
  });
});

describe('against a cluster that breaks its promise', () => {
  /** Gets of one frontend are changed. */
  const lying = (lie: (request: ExchangeRequest, store: Store) => ReturnType<typeof answered>) => {
    const store = new Store();
    const behaviour: Behaviour = (request, nowMs, address) => {
      const isLie = address === FRONTENDS[1] && request.method === 'GET' && nowMs > 1500;
      const isLivez = request.path === '/livez';
      return {
        outcome: isLie && !isLivez ? lie(request, store) : store.answer(request),
        afterMs: 1,
      };
    };
    return behaviour;
  };
  const found = (behaviour: Behaviour, parameters: Partial<LoadParameters> = {}) =>
    resultOf(play(behaviour, parameters));

  test('a value older than the acknowledged one is stale', () => {
    const old = new Map<string, ReturnType<typeof answered>>();
    const { violations, violationExamples, all } = found(
      lying((request, store) => {
        // The first answer that it ever gave for this key.
        const first = old.get(request.path) ?? store.answer(request);
        old.set(request.path, first);
        return first;
      }),
    );
    expect(violations.stale).toBeGreaterThan(100);
    expect(violations).toMatchObject({ corrupt: 0, lost: 0, unversioned: 0 });
    expect(violationExamples).toHaveLength(10);
    expect(violationExamples[0]).toMatch(
      /^stale: get of k\d+ through 10\.0\.0\.2:1: 200, 100 bytes, version [0-9a-f]{16}; acknowledged before it was sent: [0-9a-f]{16}$/,
    );
    expect(all.errors, 'violations are no errors').toEqual({});
  });

  test("another key's value is corrupt", () => {
    const { violations } = found(
      lying((_request, store) => store.answer({ method: 'GET', path: '/get?key=k0' })),
    );
    expect(violations.corrupt).toBeGreaterThan(100);
    expect(violations.stale + violations.lost).toBe(0);
  });

  test('a 404 of an acknowledged key is a loss, unless misses are allowed', () => {
    const behaviour = () => lying(() => answered(404));
    expect(found(behaviour()).violations.lost).toBeGreaterThan(100);
    expect(found(behaviour(), { allowMisses: true }).violations.lost).toBe(0);
    expect(found(behaviour(), { verify: false }).violations.lost).toBe(0);
  });

  test('a 404 with an error is an error', () => {
    const { violations, all } = found(lying(() => answered(404, { error: 'unknown-path' })));
    expect(violations.lost).toBe(0);
    expect(all.errors['404 unknown-path']).toBeGreaterThan(100);
  });

  test.each([
    ['sets are slow', { get: 3, set: 37 }],
    ['gets are slow', { get: 37, set: 3 }],
  ])('what overlaps may bring either: %s', (_what, afterMs) => {
    // Sets are stored when they are sent, and gets bring what is there when they are sent.
    const store = new Store();
    const behaviour: Behaviour = (request) => ({
      outcome: store.answer(request),
      afterMs: request.method === 'POST' ? afterMs.set : afterMs.get,
    });
    const { violations, all } = found(behaviour, { records: 3 });
    expect(violations).toEqual({ corrupt: 0, stale: 0, lost: 0, unversioned: 0 });
    expect(all.count).toBeGreaterThan(100);
  });

  test('an acknowledgement without a version is one', () => {
    const store = new Store();
    const { violations } = found((request) => {
      const answer = store.answer(request);
      const isSet = request.method === 'POST' && answer.kind === 'answered';
      return { outcome: isSet ? { ...answer, version: undefined } : answer, afterMs: 1 };
    });
    expect(violations.unversioned).toBeGreaterThan(100);
  });
});

describe('the fill', () => {
  test('tries again what failed, elsewhere too', () => {
    const store = new Store();
    let sets = 0;
    const { fill, violations } = resultOf(
      play((request, _nowMs, address) => {
        if (request.method === 'POST' && address === FRONTENDS[1] && sets++ < 50) {
          return { outcome: { kind: 'broken', why: 'refused' }, afterMs: 0 };
        }
        if (request.method === 'POST' && sets++ % 7 === 0) {
          return { outcome: answered(503, { error: 'not-stored' }), afterMs: 1 };
        }
        return { outcome: store.answer(request), afterMs: 1 };
      }, {}),
    );
    expect(fill).toMatchObject({ stored: 200, problem: null });
    expect(fill?.errors.refused).toBeGreaterThan(5);
    expect(fill?.errors['503 not-stored']).toBeGreaterThan(5);
    expect(violations.lost).toBe(0);
  });

  test('ends when nothing is stored for as long as a request may take; nothing is measured then', () => {
    const { fill, all, seconds } = resultOf(
      play((request) => ({
        outcome: request.path === '/livez' ? answered(200) : answered(503, { error: 'not-ready' }),
        afterMs: 1,
      })),
    );
    expect(fill).toMatchObject({ stored: 0, problem: 'no record could be stored for 5 s' });
    expect(fill?.errors['503 not-ready']).toBeGreaterThan(4);
    expect(fill?.errors['503 not-ready']).toBeLessThan(4 * 60);
    expect(all.count).toBe(0);
    expect(seconds).toBe(0);
  });

  test.each([
    ['413 value-too-large', answered(413, { error: 'value-too-large' })],
    ['404', answered(404)],
  ])('ends at once at %s, which will not be better later', (error, outcome) => {
    const played = play((request) => ({
      outcome: request.path === '/livez' ? answered(200) : outcome,
      afterMs: 1,
    }));
    const { fill } = resultOf(played);
    expect(fill?.problem).toBe(`a set was refused: ${error}`);
    expect(played.requests.length).toBeLessThan(20);
  });
});

describe('at the start', () => {
  test('no frontend at all: it says of each why', () => {
    const { outcome, requests } = play((_request, _nowMs, address) =>
      address === FRONTENDS[0]
        ? { outcome: { kind: 'broken', why: 'refused' }, afterMs: 1 }
        : undefined,
    );
    expect(outcome).toEqual({
      kind: 'unreachable',
      detail: '10.0.0.1:1 refuses connections; 10.0.0.2:1 did not answer',
    });
    expect(requests).toHaveLength(2);
  });

  test('one of them: it goes on with the others, and says so', () => {
    const store = new Store();
    const played = play((request, _nowMs, address) =>
      address === FRONTENDS[0]
        ? { outcome: { kind: 'broken', why: 'unreachable' }, afterMs: 1 }
        : { outcome: store.answer(request), afterMs: 1 },
    );
    expect(played.warnings).toEqual(['10.0.0.1:1 cannot be reached: going on with the others']);
    expect(resultOf(played).all.count).toBeGreaterThan(3000);
    expect(resultOf(played).all.errors.unreachable).toBeGreaterThan(2);
  });
});

describe('a signal', () => {
  test.each([
    ['before an answer', 0],
    ['in the fill', 10],
    ['in the warm-up', 500],
    ['in the measured time', 2500],
  ])('%s: what there is so far is the result', (_when, stopAtMs) => {
    const result = resultOf(play(honest(), {}, { stopAtMs }));
    expect(result.interrupted).toBe(true);
    expect(result.seconds).toBeLessThan(2);
    expect(result.all.count > 0).toBe(stopAtMs > 2000);
  });
});
