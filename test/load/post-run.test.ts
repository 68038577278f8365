// Posts of files on a clock of the test's own: each is sent once, and what the figures say of them.

import { expect, test } from 'vitest';
import type { Address } from '../../src/cluster/model/identity.ts';
import { type PostResult, PostRun, type PostSettings } from '../../src/load/post-run.ts';
import { answered, type Behaviour, scripted, VirtualTime } from '../helpers/virtual-time.ts';

const FRONTEND = '10.0.0.1:1' as Address;
const REFUSED = { kind: 'broken', why: 'refused' } as const;

function played(behaviour: Behaviour, settings: Partial<PostSettings> = {}, untilMs = 600_000) {
  const time = new VirtualTime();
  const { open, requests } = scripted(time, behaviour);
  let result: PostResult | undefined;
  const all = {
    frontend: FRONTEND,
    requests: 100,
    connections: 4,
    timeoutMs: 1000,
    requestOf: (number: number) => ({ method: 'POST', path: `/${number}` }) as const,
    ...settings,
  };
  new PostRun({ clock: time, timers: time, open }, all, (done) => {
    if (result !== undefined) throw new Error('it ends once');
    result = done;
  }).start();
  time.runTo(untilMs);
  if (result === undefined) throw new Error('it does not end');
  return { result, requests: requests.map(({ request, atMs }) => ({ ...request, atMs })) };
}

test('each is sent once, by so many connections at a time', () => {
  const { result, requests } = played(() => ({ outcome: answered(201), afterMs: 10 }));
  const paths = requests.map(({ path }) => path);
  expect(paths).toEqual(Array.from({ length: 100 }, (_, number) => `/${number}`));
  expect(requests.filter(({ atMs }) => atMs === 0)).toHaveLength(4);
  expect(result).toMatchObject({ stored: 100, errors: {}, seconds: 0.25, perSecond: 400 });
  expect(result.latencyMs?.p50).toBeCloseTo(10, 1);
  expect(result.latencyMs?.p99).toBeCloseTo(10, 1);
  expect(result.refusal).toBeUndefined();
});

test('what is refused is counted by its status and code, and not tried again', () => {
  const refusal = answered(504, { error: 'no-storage', body: Buffer.from('why') });
  const { result, requests } = played(({ path }) => {
    const number = Number(path.slice(1));
    const outcome = number === 7 ? refusal : answered(number < 10 ? 201 : 413);
    return { outcome, afterMs: number === 7 ? 500 : 10 };
  });
  expect(requests).toHaveLength(100);
  expect(result.stored).toBe(9);
  expect(result.errors).toEqual({ 413: 90, '504 no-storage': 1 });
  // Of what was stored alone.
  expect(result.latencyMs?.max).toBeLessThan(11);
  expect(result.refusal?.status).toBe(413);
});

test('what is not answered is given up in time, and those that follow are sent', () => {
  const { result } = played(
    ({ path }) => (path === '/0' ? undefined : { outcome: answered(201), afterMs: 10 }),
    { connections: 1, requests: 3 },
  );
  expect(result).toMatchObject({ stored: 2, errors: { timeout: 1 } });
});

test('where nobody is, it ends before all were tried', () => {
  const { result, requests } = played(() => ({ outcome: REFUSED, afterMs: 1 }), {
    requests: 100_000,
  });
  expect(requests.length).toBeLessThan(60);
  expect(result).toMatchObject({ stored: 0, errors: { refused: 50 }, latencyMs: null });
});

test('one request needs one connection', () => {
  const { requests, result } = played(() => ({ outcome: answered(201), afterMs: 1 }), {
    requests: 1,
    connections: 8,
  });
  expect([requests.length, result.stored]).toEqual([1, 1]);
});
