// What comes in as a control message, on a stream or by plain HTTP: what is no message is refused and counted, and
// nothing that a peer does keeps the others waiting.

import { expect, test } from 'vitest';
import { assert, InvariantBroken } from '../../../src/cluster/assert.ts';
import { ControlRoutes } from '../../../src/cluster/http/control-routes.ts';
import type { HttpReply, HttpRequest } from '../../../src/cluster/http/http.ts';
import { Metrics, metricsText } from '../../../src/cluster/http/metrics.ts';
import { Routes } from '../../../src/cluster/http/routes.ts';
import type { Link, Runtime } from '../../../src/cluster/ports.ts';
import { CONTROL, Refused } from '../../../src/cluster/wire/control-table.ts';
import { bytesOf } from '../../../src/simulation/requests.ts';

const ANSWER = { map: undefined, delta: undefined, waitingFor: 'nobody' };

function serving(fails: () => void = () => undefined) {
  const lines: string[] = [];
  const runtime = {
    logger: { write: (_level: string, message: string) => lines.push(message) },
    host: {
      usage: () => ({}),
      eventLoopDelaySeconds: () => 0,
      collections: () => ({ count: 0, seconds: 0, longest: 0 }),
    },
  } as unknown as Runtime;
  const metrics = new Metrics();
  const routes = new Routes('controller', runtime, metrics);
  const control = new ControlRoutes('the controller', routes, metrics, runtime.logger);
  const heard: unknown[] = [];
  control.on(CONTROL.drain, (message, reply, caller) => {
    heard.push([message, caller.fromLoopback]);
    fails();
    reply({});
  });
  control.on(CONTROL.fetchMap, (message, reply) => {
    heard.push(message);
    reply(message.since === 'refused' ? new Refused('not-ready', 'not yet') : ANSWER);
  });
  const waiting: (() => void)[] = [];
  control.on(CONTROL.pollMap, (_message, reply) => waiting.push(() => reply(ANSWER)));
  const sent: { readonly id: number; readonly text: string }[] = [];
  let closedFor: string | undefined;
  const link: Link = {
    send: (id, head, body) => sent.push({ id, text: `${head[0]}${Buffer.from(body)}` }),
    isUnderWay: () => false,
    batchesLeft: () => 0,
    queuedBytes: () => 0,
    close: (reason) => {
      closedFor = reason;
    },
  };
  const events = control.accept(link);
  const say = (code: number, json: string) =>
    events.received(7, Buffer.concat([Buffer.of(code), Buffer.from(json)]));
  const refusals = (reason: string) =>
    Number(
      new RegExp(`^velourfog_refused_messages_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(
        metricsText(metrics.read()),
      )?.[1] ?? 0,
    );
  const http = (method: string, target: string, body?: string) => {
    const replies: HttpReply[] = [];
    const request = {
      method,
      target,
      header: () => undefined,
      headerLines: () => [],
      clientAddress: '127.0.0.1',
      fromLoopback: true,
      onceLeft: () => () => undefined,
      body: body === undefined ? { kind: 'none' } : { kind: 'bytes', bytes: Buffer.from(body) },
    } satisfies HttpRequest as HttpRequest;
    routes.handle(request, (reply) => replies.push(reply));
    return replies.map((reply) => `${reply.status} ${bytesOf(reply)}`);
  };
  return { say, sent, heard, lines, refusals, http, waiting, events, closedFor: () => closedFor };
}

test('a message is answered on the stream that it came on, and nobody there is known to be on this machine', () => {
  const { say, sent, heard } = serving();
  say(CONTROL.drain.code, '{"node":"a"}');
  say(CONTROL.fetchMap.code, '{"since":"refused"}');
  expect(heard).toEqual([[{ node: 'a' }, false], { since: 'refused' }]);
  expect(sent).toEqual([
    { id: 7, text: '0{}' },
    { id: 7, text: '1{"error":"not-ready","detail":"not yet"}' },
  ]);
});

test('the same is said by plain HTTP: a body where something changes, a query where not', () => {
  const { http, heard } = serving();
  expect(http('POST', '/c/admin/drain', '{"node":"a"}')).toEqual(['200 {}\n']);
  expect(http('GET', '/s/map?since=1.2.x')).toEqual(['200 {"waitingFor":"nobody"}\n']);
  expect(http('GET', '/s/map?since=refused')[0]).toMatch(/^503 \{"error":"not-ready"/);
  expect(heard).toEqual([[{ node: 'a' }, true], { since: '1.2.x' }, { since: 'refused' }]);
  expect(http('GET', '/c/admin/drain')[0]).toMatch(/^405 /);
});

test.each([
  ['of an unknown kind', 200, '{}'],
  ['of no bytes', undefined, ''],
  ['that is no JSON', CONTROL.drain.code, '{'],
  ['of another shape', CONTROL.drain.code, '{"node":7}'],
] as const)('a message %s is refused, counted, and the stream goes on', (_what, code, json) => {
  const { say, events, sent, heard, refusals, lines } = serving();
  if (code === undefined) events.received(7, Buffer.alloc(0));
  else say(code, json);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.text).toMatch(/^1\{"error":"malformed-message"/);
  expect(refusals('malformed-message')).toBe(1);
  expect(lines).toEqual(['control message refused']);
  say(CONTROL.drain.code, '{"node":"a"}');
  expect(heard).toHaveLength(1);
});

test('who asks the wrong process is told whom it asked', () => {
  const { say, sent, refusals } = serving();
  say(CONTROL.grant.code, '{}');
  expect(sent[0]?.text).toMatch(/^1\{"error":"unknown-path","detail":"this is the controller/);
  expect(refusals('unknown-path')).toBe(1);
});

test.each([
  ['no body', undefined, 'the message is empty'],
  ['no JSON', 'node=a', 'the message is not JSON'],
  ['another shape', '{}', 'node '],
])('by HTTP %s is refused and counted once', (_what, body, reason) => {
  const { http, refusals } = serving();
  const [reply = ''] = http('POST', '/c/admin/drain', body);
  expect(reply).toMatch(/^400 \{"error":"malformed-message"/);
  expect(reply).toContain(reason);
  expect(refusals('malformed-message')).toBe(1);
});

test('who asks and asks, and waits for none of the answers, is cut off', () => {
  const { say, waiting, closedFor, refusals, sent } = serving();
  for (let count = 0; count < 64; count++) say(CONTROL.pollMap.code, '{}');
  expect(closedFor()).toBeUndefined();
  waiting.shift()?.();
  say(CONTROL.pollMap.code, '{}');
  expect([closedFor(), sent.length]).toEqual([undefined, 1]);
  say(CONTROL.pollMap.code, '{}');
  expect(closedFor()).toMatch(/^64 calls wait/);
  expect(refusals('overloaded')).toBe(1);
  // Nor is that one handed on.
  expect(waiting).toHaveLength(64);
});

test('a bug in a handler is refused as such; a broken invariant ends the process', () => {
  const { say, sent, lines } = serving(() => {
    throw new Error('a secret');
  });
  say(CONTROL.drain.code, '{"node":"a"}');
  expect(sent.map(({ text }) => text)).toEqual(['1{"error":"internal","detail":"internal error"}']);
  expect(lines).toEqual(['a request failed']);
  const broken = serving(() => assert(false, 'one is two'));
  expect(() => broken.say(CONTROL.drain.code, '{"node":"a"}')).toThrow(InvariantBroken);
});

test('no two messages have one code', () => {
  const codes = Object.values(CONTROL).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});
