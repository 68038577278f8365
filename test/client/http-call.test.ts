// How long the client over HTTP waits for whom, and what it sends where: with frontends that behave as a test says, and
// a clock that it turns.

import { describe, expect, test } from 'vitest';
import { type SetOptions, VelourClient, VelourError } from '../../src/client/index.ts';
import type {
  HttpPool,
  PoolAnswer,
  PoolEvents,
  PoolOutcome,
  PoolRequest,
} from '../../src/cluster/http/http-pool.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

interface Reaction {
  /** Without one there is never an answer. */
  readonly outcome?: PoolOutcome;
  /** Until the answer; by default 1. */
  readonly afterMs?: number;
  /** Until the request is written to a connection; by default 0. */
  readonly sentAfterMs?: number;
  /** When its head comes, and pieces of its body, after it was written. */
  readonly headAfterMs?: number;
  readonly pieceAfterMs?: readonly number[];
}

type Behaviour = (request: PoolRequest) => Reaction;

const VERSION = '0196c6f1f2c40000';
const LIVE = answer(200, {}, 'ok\n');
const HANGS: Reaction = { sentAfterMs: Number.POSITIVE_INFINITY };

function answer(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): PoolAnswer {
  return {
    kind: 'answered',
    status,
    header: (name) => headers[name],
    body: Buffer.from(body),
  };
}

const stored = answer(204, { 'x-fog-version': VERSION, etag: `"${VERSION}-00000001"` });
const refused = (code: string, status = 503) => answer(status, { 'x-fog-error': code }, code);
const valued = (value: string) => answer(200, { 'x-fog-version': VERSION }, value);
const broken: PoolOutcome = { kind: 'broken', error: new Error('ECONNRESET') };

const NO_FLOW = { pause: () => undefined, resume: () => undefined };

class Stage {
  readonly time = new VirtualTime();
  readonly client: VelourClient;
  /** What each frontend was sent, probes included, with the time. */
  readonly sent: string[] = [];
  /** Whether all connections of the client to each frontend have requests. */
  isFull = false;

  constructor(behaviours: Readonly<Record<string, Behaviour>>) {
    const hosts = Object.keys(behaviours);
    this.client = new VelourClient(
      { frontends: hosts.map((host) => `${host}:80`) },
      {
        clock: this.time,
        timers: this.time,
        afterTurn: (callback) => this.time.after(0, callback),
        open: (origin) => {
          const host = new URL(origin).hostname;
          return this.#pool(host, behaviours[host] ?? (() => HANGS));
        },
      },
    );
  }

  #pool(host: string, behaviour: Behaviour): HttpPool {
    const isFull = () => this.isFull;
    return {
      get isFull() {
        return isFull();
      },
      send: (request, events: PoolEvents) => {
        const reaction = behaviour(request);
        const { outcome, afterMs = 1, sentAfterMs = 0 } = reaction;
        const cancels: (() => void)[] = [];
        const { headAfterMs, pieceAfterMs = [] } = reaction;
        if (headAfterMs !== undefined) {
          const head = { status: 200, header: () => undefined };
          cancels.push(this.time.after(headAfterMs, () => events.answering?.(head, NO_FLOW)));
        }
        for (const ms of pieceAfterMs) {
          cancels.push(this.time.after(ms, () => events.received?.()));
        }
        const written = () => {
          const what = request.path === '/livez' ? 'probe' : request.method;
          this.sent.push(`${this.time.monotonicMs()} ${host} ${what}`);
          events.sent?.();
        };
        if (sentAfterMs === 0) written();
        else if (Number.isFinite(sentAfterMs)) cancels.push(this.time.after(sentAfterMs, written));
        if (outcome !== undefined) {
          cancels.push(
            this.time.after(sentAfterMs + afterMs, () => {
              if (outcome.kind === 'answered') events.answering?.(outcome, NO_FLOW);
              events.ended(outcome);
            }),
          );
        }
        return () => {
          for (const cancel of cancels) cancel();
        };
      },
      close: () => undefined,
    };
  }

  /** Plays the call to its end. @returns its value, or its error, and the virtual time that it took */
  async play<T>(call: (client: VelourClient) => Promise<T>) {
    const startedMs = this.time.monotonicMs();
    let tookMs: number | undefined;
    const end = <V>(value: V) => {
      tookMs = this.time.monotonicMs() - startedMs;
      return value;
    };
    const outcome = call(this.client).then(end, end);
    for (let turn = 0; tookMs === undefined && turn < 100_000; turn++) {
      // Promises first, then a little time.
      await new Promise((resolve) => setImmediate(resolve));
      if (tookMs === undefined) this.time.runTo(this.time.monotonicMs() + 50);
    }
    return { outcome: await outcome, tookMs: tookMs ?? Number.NaN };
  }
}

const well: Behaviour = ({ method, path }) => ({
  outcome: path === '/livez' ? LIVE : method === 'GET' ? valued('1') : stored,
});
/** Takes requests, and says nothing. */
const mute: Behaviour = () => ({});
/** Its packets are dropped, so that there is never a connection. */
const dropped: Behaviour = () => HANGS;

describe('an explanation', () => {
  const explained = (status: number, headers = {}) =>
    answer(
      status,
      { 'content-type': 'application/json', ...headers },
      JSON.stringify({ status, members: [] }),
    );
  const failed = explained(503, { 'x-fog-error': 'unanswered' });

  test.each([
    ['a value', explained(200, { 'x-fog-version': VERSION })],
    ['an absence', explained(404, { 'x-fog-version': VERSION })],
    ['a read that failed', failed],
  ])('of %s is that of the first frontend that has one', async (_what, outcome) => {
    const stage = new Stage({ first: () => ({ outcome }), second: well });
    const played = await stage.play((client) => client.explain('a', { minVersion: VERSION }));
    expect(played.outcome).toEqual({ status: outcome.status, members: [] });
    expect(stage.sent.filter((line) => line.endsWith('GET'))).toEqual(['0 first GET']);
  });

  test('is not what something else says, and another frontend is asked', async () => {
    const page = answer(200, { 'content-type': 'application/json' }, '{}');
    const busy = refused('overloaded');
    for (const outcome of [page, busy]) {
      const stage = new Stage({ first: () => ({ outcome }), second: () => ({ outcome: failed }) });
      const played = await stage.play((client) => client.explain('a'));
      expect(played.outcome).toEqual({ status: 503, members: [] });
    }
  });

  test('that is no JSON is an error', async () => {
    const headers = { 'content-type': 'application/json', 'x-fog-version': VERSION };
    const stage = new Stage({ only: () => ({ outcome: answer(200, headers, '{"status":200') }) });
    const { outcome } = await stage.play((client) => client.explain('a'));
    expect(outcome).toMatchObject({ code: 'not-a-frontend' });
  });

  test('that a frontend of before refuses is an error', async () => {
    const stage = new Stage({ only: () => ({ outcome: refused('bad-parameter', 400) }) });
    const { outcome } = await stage.play((client) => client.explain('a'));
    expect(outcome).toBeInstanceOf(VelourError);
    expect(outcome).toMatchObject({ code: 'bad-parameter' });
  });
});

describe('a read', () => {
  test.each([
    ['says nothing', mute],
    ['drops all packets', dropped],
  ])('is sent to another frontend after a second where the first one %s', async (_what, bad) => {
    const stage = new Stage({ bad, good: well });
    const { outcome, tookMs } = await stage.play((client) => client.getText('a'));
    expect(outcome).toBe('1');
    expect(tookMs).toBeLessThanOrEqual(1050);
    // From then on it is left alone, and costs nothing.
    expect((await stage.play((client) => client.getText('a'))).tookMs).toBeLessThanOrEqual(50);
  });

  test('is sent to another one as well where the first one falls silent in the midst of its answer', async () => {
    const dying: Behaviour = () => ({ headAfterMs: 10, pieceAfterMs: [20] });
    const { outcome, tookMs } = await new Stage({ dying, good: well }).play((client) =>
      client.getText('a'),
    );
    expect(outcome).toBe('1');
    expect(tookMs).toBeLessThanOrEqual(2050);
  });

  test('is waited for as long as pieces of its answer come', async () => {
    const slow: Behaviour = () => ({
      outcome: valued('slow'),
      afterMs: 5000,
      pieceAfterMs: [900, 1800, 2700, 3600, 4500],
    });
    const stage = new Stage({ slow, good: well });
    expect((await stage.play((client) => client.getText('a'))).outcome).toBe('slow');
  });

  test('that waits for others of its client blames no frontend, and is sent once', async () => {
    const queued: Behaviour = () => ({ outcome: valued('queued'), sentAfterMs: 4000 });
    const stage = new Stage({ queued, good: well });
    stage.isFull = true;
    expect((await stage.play((client) => client.getText('a'))).outcome).toBe('queued');
    expect(stage.sent.filter((line) => line.endsWith('GET'))).toEqual(['4000 queued GET']);
  });

  test('counts the first answer, also of the frontend that was slow', async () => {
    const slow: Behaviour = () => ({ outcome: valued('slow'), afterMs: 1500 });
    const slower: Behaviour = () => ({ outcome: valued('slower'), afterMs: 1500 });
    const { outcome } = await new Stage({ slow, slower }).play((client) => client.getText('a'));
    expect(outcome).toBe('slow');
  });

  test('goes on at once where a frontend refuses', async () => {
    const busy: Behaviour = () => ({ outcome: refused('unanswered') });
    const { outcome, tookMs } = await new Stage({ busy, good: well }).play((client) =>
      client.getText('a'),
    );
    expect(outcome).toBe('1');
    expect(tookMs).toBeLessThanOrEqual(50);
    const alone = await new Stage({ busy }).play((client) => client.getText('a'));
    expect(alone.outcome).toMatchObject({ code: 'unanswered', status: 503, retryable: true });
  });

  test('that only one frontend refuses, which others are not there for, says its word', async () => {
    const busy: Behaviour = () => ({ outcome: refused('partition-offline') });
    const gone: Behaviour = () => ({ outcome: broken });
    const { outcome } = await new Stage({ busy, gone }).play((client) => client.getText('a'));
    expect(outcome).toMatchObject({ code: 'partition-offline' });
  });

  test('ends at its deadline', async () => {
    const { outcome, tookMs } = await new Stage({ mute }).play((client) => client.get('a'));
    expect(outcome).toMatchObject({ code: 'timeout', retryable: true });
    expect((outcome as Error).message).toBe('there is no answer of http://mute after 10000 ms');
    expect(tookMs).toBeLessThanOrEqual(10_050);
  });

  test('of what may be anything is no absence without the headers of a frontend', async () => {
    for (const status of [200, 204, 302, 404, 500, 503]) {
      const other: Behaviour = () => ({ outcome: answer(status, { etag: '"x"' }, 'hello') });
      const { outcome } = await new Stage({ other }).play((client) => client.get('a'));
      expect(outcome).toMatchObject({ code: 'not-a-frontend', status });
    }
    const broker: Behaviour = () => ({ outcome: answer(404, { 'x-fog-role': 'broker' }, '') });
    const asked = await new Stage({ broker }).play((client) => client.get('a'));
    expect(asked.outcome).toMatchObject({
      code: 'not-a-frontend',
      message: expect.stringMatching(/ is a broker, and no frontend$/),
    });
    const elsewhere: Behaviour = () => ({ outcome: refused('unknown-path', 404) });
    const { outcome } = await new Stage({ elsewhere }).play((client) => client.get('a'));
    expect(outcome).toBeInstanceOf(VelourError);
    expect(outcome).toMatchObject({ code: 'not-a-frontend', status: 404 });
  });

  test('goes on behind a node that is no frontend', async () => {
    const controller: Behaviour = () => ({ outcome: refused('unknown-path', 404) });
    const stage = new Stage({ controller, good: well });
    const { outcome } = await stage.play((client) => client.getText('a'));
    expect(outcome).toBe('1');
  });
});

describe('a write', () => {
  const set = (client: VelourClient, options: SetOptions = {}) => client.set('a', '1', options);

  test('goes on behind a node that is no frontend', async () => {
    const controller: Behaviour = ({ path }) => ({
      outcome: path === '/livez' ? LIVE : refused('unknown-path', 404),
    });
    const { outcome } = await new Stage({ controller, good: well }).play((client) => set(client));
    expect(outcome).toMatchObject({ version: VERSION });
    const alone = await new Stage({ controller }).play((client) => set(client));
    expect(alone.outcome).toMatchObject({ code: 'not-a-frontend', retryable: false });
  });

  test('is sent to no frontend that does not answer a probe within a second', async () => {
    for (const bad of [mute, dropped]) {
      const stage = new Stage({ bad, good: well });
      const { outcome, tookMs } = await stage.play((client) => set(client));
      expect(outcome).toMatchObject({ version: VERSION });
      expect(tookMs).toBeLessThanOrEqual(1100);
      expect(stage.sent.filter((line) => line.endsWith('PUT'))).toHaveLength(1);
      expect(stage.sent.filter((line) => line.endsWith('bad PUT'))).toEqual([]);
    }
  });

  test('asks no frontend first that answered lately', async () => {
    const stage = new Stage({ good: well });
    for (let index = 0; index < 3; index++) await stage.play((client) => set(client));
    expect(stage.sent.filter((line) => line.endsWith('probe'))).toHaveLength(1);
    stage.time.runTo(stage.time.monotonicMs() + 2000);
    await stage.play((client) => set(client));
    expect(stage.sent.filter((line) => line.endsWith('probe'))).toHaveLength(2);
  });

  test('is sent elsewhere after a 503, and after an answer that is no frontend’s', async () => {
    for (const outcome of [refused('not-stored'), refused('overloaded'), answer(404)]) {
      const bad: Behaviour = ({ path }) => ({ outcome: path === '/livez' ? LIVE : outcome });
      const stage = new Stage({ bad, good: well });
      expect((await stage.play((client) => set(client))).outcome).toMatchObject({
        version: VERSION,
      });
      expect(stage.sent.filter((line) => line.endsWith('PUT'))).toHaveLength(2);
    }
  });

  test.each([
    ['the connection broke', broken],
    ['a gateway lost the answer', answer(502)],
    ['a gateway waited too long', answer(504)],
    ['a gateway lost the connection', answer(503)],
  ])('is never sent twice where %s', async (_what, outcome) => {
    const bad: Behaviour = ({ path }) => ({ outcome: path === '/livez' ? LIVE : outcome });
    const stage = new Stage({ bad, good: well });
    const put = await stage.play((client) => set(client));
    expect(put.outcome).toMatchObject({ code: 'outcome-unknown', retryable: true });
    expect(stage.sent.filter((line) => line.endsWith('PUT'))).toHaveLength(1);
    const other = new Stage({ bad, good: well });
    const count = await other.play((client) => client.incr('a'));
    expect(count.outcome).toMatchObject({ code: 'effect-unknown', retryable: false });
    expect(other.sent.filter((line) => line.endsWith('POST'))).toHaveLength(1);
  });

  test('is not repeated after an `overloaded` that may be all that was left of its answer', async () => {
    const bad: Behaviour = ({ path }) => ({
      outcome: path === '/livez' ? LIVE : refused('overloaded'),
    });
    for (const [call, code] of [
      [(client: VelourClient) => client.append('a', '1'), 'effect-unknown'],
      [(client: VelourClient) => client.getset('a', '1'), 'outcome-unknown'],
    ] as const) {
      const stage = new Stage({ bad, good: well });
      expect((await stage.play<unknown>(call)).outcome).toMatchObject({ code });
      expect(stage.sent.filter((line) => line.endsWith('POST'))).toHaveLength(1);
    }
  });

  test('that waits for a connection for a second goes elsewhere', async () => {
    const full: Behaviour = ({ path }) => (path === '/livez' ? { outcome: LIVE } : HANGS);
    const stage = new Stage({ full, good: well });
    const { outcome, tookMs } = await stage.play((client) => set(client));
    expect(outcome).toMatchObject({ version: VERSION });
    expect(tookMs).toBeLessThanOrEqual(1150);
  });

  test('with an option that no call has is not sent', async () => {
    const stage = new Stage({ fine: () => ({ outcome: stored }) });
    const { outcome } = await stage.play((client) => set(client, { tll: 5 } as object));
    expect(outcome).toBeInstanceOf(TypeError);
    expect(stage.sent).toEqual([]);
  });

  test('is unknown at its deadline if it was sent, and a timeout if not', async () => {
    const hangs: Behaviour = ({ path }) => (path === '/livez' ? { outcome: LIVE } : {});
    const sent = await new Stage({ hangs }).play((client) => set(client, { timeoutMs: 3000 }));
    expect(sent.outcome).toMatchObject({ code: 'outcome-unknown' });
    expect((sent.outcome as Error).message).toContain('no answer of http://hangs after 3000 ms');
    const full: Behaviour = ({ path }) => (path === '/livez' ? { outcome: LIVE } : HANGS);
    const unsent = await new Stage({ full }).play((client) => set(client, { timeoutMs: 3000 }));
    expect(unsent.outcome).toMatchObject({ code: 'timeout' });
    expect(unsent.tookMs).toBeLessThanOrEqual(3100);
  });
});

test('a frontend that failed again and again is left alone, also by calls that know of none that is well', async () => {
  const stage = new Stage({ bad: mute, good: well });
  for (let failures = 0; failures < 3; ) {
    stage.time.runTo(stage.time.monotonicMs() + 70_000);
    const { tookMs } = await stage.play((client) => client.getText('a'));
    if (tookMs >= 1000) failures++;
  }
  for (let index = 0; index < 3; index++) {
    stage.time.runTo(stage.time.monotonicMs() + 1200);
    const { tookMs } = await stage.play((client) => client.getText('a'));
    expect(tookMs).toBeLessThanOrEqual(100);
  }
});

test('a frontend that comes back is noticed by a probe, and no call waits for it', async () => {
  let isBack = false;
  const bad: Behaviour = (request) => (isBack ? well(request) : {});
  const stage = new Stage({ bad, good: well });
  await stage.play((client) => client.getText('a'));
  isBack = true;
  stage.time.runTo(stage.time.monotonicMs() + 5000);
  for (let index = 0; index < 8; index++) {
    const { tookMs } = await stage.play((client) => client.set('a', '1'));
    expect(tookMs).toBeLessThanOrEqual(100);
  }
  expect(stage.sent.some((line) => line.endsWith('bad PUT'))).toBe(true);
});

describe('a write whose answer has lost the headers of velour-fog on its way', () => {
  /** A frontend behind a proxy that lets a few headers pass only. */
  const stripped =
    (status: number): Behaviour =>
    ({ path }) => ({ outcome: path === '/livez' ? LIVE : answer(status) });

  test.each([200, 201, 204, 502])('as %i is unknown, and is not sent elsewhere', async (status) => {
    const stage = new Stage({ behind: stripped(status), good: well });
    const { outcome } = await stage.play((client) => client.incr('a'));
    expect(outcome).toMatchObject({ code: 'effect-unknown' });
    expect(stage.sent.filter((line) => line.includes('good POST'))).toEqual([]);
  });

  test.each([404, 412])('as %i had no effect', async (status) => {
    const stage = new Stage({ behind: stripped(status), good: well });
    await stage.play((client) => client.set('a', '1'));
    expect(stage.sent.filter((line) => line.endsWith('PUT'))).toHaveLength(2);
  });

  test('is not sent to who has a page for every path', async () => {
    const pages: Behaviour = () => ({ outcome: answer(200, {}, '<html>') });
    const { outcome } = await new Stage({ pages }).play((client) => client.set('a', '1'));
    expect(outcome).toMatchObject({ code: 'not-a-frontend' });
  });
});

test('a write that waits for others of its client blames no frontend', async () => {
  const queued: Behaviour = ({ path }) => ({
    outcome: path === '/livez' ? LIVE : stored,
    sentAfterMs: path === '/livez' ? 0 : 4000,
  });
  const stage = new Stage({ queued, good: well });
  stage.isFull = true;
  expect((await stage.play((client) => client.set('a', '1'))).outcome).toMatchObject({
    version: VERSION,
  });
  expect(stage.sent.filter((line) => line.endsWith('PUT'))).toEqual(['4001 queued PUT']);
});

describe('what is wrong with the arguments is refused before anything is sent', () => {
  const wrong: readonly (readonly [string, (client: VelourClient) => Promise<unknown>])[] = [
    [
      'an AbortController for its signal',
      (client) => client.incr('a', 1, { signal: new AbortController() as never }),
    ],
    ['half a surrogate pair', (client) => client.set('k\ud800', '1')],
    ['one key of many', (client) => client.getMany(['a', 5 as never])],
    [
      'one entry of many',
      (client) =>
        client.setMany([
          { key: 'a', value: '1' },
          { key: 5 as never, value: '1' },
        ]),
    ],
    [
      'a field of an entry',
      (client) => client.setMany([{ key: 'a', value: '1', tll: 5 } as never]),
    ],
    ['a wait of no number', (client) => client.waitFor('a', { waitMs: Number.NaN })],
  ];

  test.each(wrong)('%s', async (_what, call) => {
    const stage = new Stage({ good: well });
    const { outcome } = await stage.play(call);
    expect(outcome).toBeInstanceOf(TypeError);
    expect(stage.sent).toEqual([]);
  });
});

test('a value of control characters goes in a line that a frontend takes', async () => {
  let body = '';
  const taking: Behaviour = (request) => {
    if (request.path === '/livez') return { outcome: LIVE };
    body = Buffer.from(request.body as Uint8Array).toString();
    return {};
  };
  const stage = new Stage({ taking });
  const value = Buffer.alloc(1000, 1);
  await stage.play((client) => client.setMany([{ key: 'a', value }], { timeoutMs: 100 }));
  expect(JSON.parse(body)).toEqual({ key: 'a', value: { base64: value.toString('base64') } });
});

test('an answer to a batch that cannot be read is told to each of its calls', async () => {
  const unreadable = answer(200, { 'content-type': 'application/x-ndjson' });
  Object.defineProperty(unreadable, 'body', {
    get: () => {
      throw new RangeError('too long');
    },
  });
  const stage = new Stage({ only: () => ({ outcome: unreadable }) });
  const { outcome } = await stage.play((client) => client.getMany(['a', 'b']));
  const internal = { ok: false, error: { code: 'internal' } };
  expect(outcome).toMatchObject([internal, internal]);
});

test('one signal of many keys has one listener', async () => {
  const ends = new AbortController();
  let listeners = 0;
  const { signal } = ends;
  const add = signal.addEventListener.bind(signal);
  signal.addEventListener = (...given: Parameters<typeof add>) => {
    listeners++;
    return add(...given);
  };
  const stage = new Stage({ good: mute });
  const many = stage.client.getMany(
    Array.from({ length: 50 }, (_, index) => `${index}`),
    { signal },
  );
  ends.abort(new Error('enough'));
  expect(listeners).toBe(1);
  const results = await many;
  expect(results.every((each) => !each.ok && each.error.code === 'aborted')).toBe(true);
});
