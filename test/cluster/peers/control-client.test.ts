// Calls of control messages: whose answer is whose, how long one is waited for, and when a stream is opened anew. The
// streams are scripted; real ones are in io/network/link.test.ts, cut ones in test/simulation/schedules-cuts.test.ts.

import { expect, test } from 'vitest';
import type { Address } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import { ControlClient } from '../../../src/cluster/peers/control-client.ts';
import type { Link, LinkEvents, Runtime } from '../../../src/cluster/ports.ts';
import { encodeReply } from '../../../src/cluster/wire/control-frames.ts';
import { CONTROL, Refused } from '../../../src/cluster/wire/control-table.ts';
import type { ControlMessage } from '../../../src/cluster/wire/map-json.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const TO = '127.0.0.1:1' as Address;
const { heartbeatMs } = protocolTimes(1);
const TIMEOUT_MS = 1000;

/** A stream that says what it was sent, and is told what comes back. */
class ScriptedStream {
  readonly sent: { readonly id: number; readonly code: number | undefined }[] = [];
  closedFor: string | undefined;
  readonly #events: LinkEvents;

  constructor(events: LinkEvents) {
    this.#events = events;
  }

  readonly link: Link = {
    send: (id, head) => this.sent.push({ id, code: head[0] }),
    isUnderWay: () => false,
    batchesLeft: () => 0,
    queuedBytes: () => 0,
    close: (reason) => this.close(reason),
  };

  answer(index: number, reply: ControlMessage | Refused | Buffer): void {
    const { head, body } = Buffer.isBuffer(reply)
      ? { head: reply.subarray(0, 1), body: reply.subarray(1) }
      : encodeReply(reply);
    this.#events.received(this.sent.at(index)?.id ?? -1, Buffer.concat([head, body]));
  }

  close(reason: string): void {
    if (this.closedFor !== undefined) return;
    this.closedFor = reason;
    this.#events.closed(reason, true);
  }
}

function calling() {
  const time = new VirtualTime();
  const streams: ScriptedStream[] = [];
  const network = {
    open: (_to: unknown, _hello: unknown, events: LinkEvents) => {
      const stream = new ScriptedStream(events);
      streams.push(stream);
      return stream.link;
    },
  };
  const runtime = { clock: time, timers: time, network } as unknown as Runtime;
  const client = new ControlClient(runtime, { heartbeatMs });
  /** @returns what came of it */
  const call = (isPatient = false): unknown[] => {
    const replies: unknown[] = [];
    const options = { timeoutMs: TIMEOUT_MS, isPatient };
    client.call(CONTROL.fetchMap, TO, { since: undefined }, options, (reply) => {
      replies.push(reply.kind === 'message' ? reply.message.waitingFor : reply);
    });
    return replies;
  };
  const stream = (index: number) => streams[index] as ScriptedStream;
  return { time, streams, stream, call };
}

const answerOf = (waitingFor: string) => ({ map: undefined, delta: undefined, waitingFor });

test('each answer goes to whoever asked, in any order, on one stream', () => {
  const { streams, stream, call } = calling();
  const [one, other, third] = [call(), call(), call()];
  expect(streams).toHaveLength(1);
  expect(stream(0).sent.map(({ code }) => code)).toEqual(new Array(3).fill(CONTROL.fetchMap.code));
  stream(0).answer(1, answerOf('second'));
  stream(0).answer(0, answerOf('first'));
  stream(0).answer(2, new Refused('not-ready', 'not yet'));
  expect([one, other]).toEqual([['first'], ['second']]);
  expect(third).toEqual([{ kind: 'refused', error: 'not-ready', detail: 'not yet' }]);
});

test.each([
  ['of another kind', Buffer.from('\u0007{}')],
  ['that is no JSON', Buffer.from('\u0000{')],
  ['of another shape', Buffer.from('\u0000{"waitingFor":1}')],
  ['of no bytes', Buffer.alloc(0)],
])('an answer %s is none', (_what, bytes) => {
  const { stream, call } = calling();
  const replies = call();
  stream(0).answer(0, bytes);
  expect(replies).toMatchObject([{ kind: 'failed' }]);
});

test('without an answer a call fails when its time is over, and what comes later is nobody’s', () => {
  const { time, stream, call } = calling();
  const replies = call();
  time.runTo(TIMEOUT_MS - 1);
  expect(replies).toEqual([]);
  time.runTo(TIMEOUT_MS + 1);
  expect(replies).toEqual([{ kind: 'failed', detail: `no answer within ${TIMEOUT_MS} ms` }]);
  stream(0).answer(0, answerOf('late'));
  expect(replies).toHaveLength(1);
});

test('an answer that waits in the socket while the process stands still is not too late', () => {
  const { time, stream, call } = calling();
  const replies = call();
  time.after(TIMEOUT_MS + 500, () => stream(0).answer(0, answerOf('in time')));
  time.standStill(TIMEOUT_MS + 500);
  time.runTo(TIMEOUT_MS + 600);
  expect(replies).toEqual(['in time']);
});

test('a stream that is silent for two heartbeats is opened anew, and may still answer', () => {
  const { time, streams, stream, call } = calling();
  const slow = call();
  time.runTo(2 * heartbeatMs - 1);
  call();
  expect(streams).toHaveLength(1);
  time.runTo(2 * heartbeatMs);
  const next = call();
  expect(streams).toHaveLength(2);
  stream(0).answer(0, answerOf('slow'));
  stream(1).answer(0, answerOf('next'));
  expect([slow, next]).toEqual([['slow'], ['next']]);
  expect(stream(0).closedFor).toBeUndefined();
  // It ends with its last answer, be it that nobody waits for it any more.
  stream(0).answer(1, answerOf('last'));
  expect(stream(0).closedFor).toBe('another stream took its place');
  expect(stream(1).closedFor).toBeUndefined();
});

test('any answer shows that a stream is not silent', () => {
  const { time, streams, stream, call } = calling();
  call();
  call();
  time.runTo(2 * heartbeatMs - 1);
  stream(0).answer(1, answerOf('of the second'));
  time.runTo(4 * heartbeatMs);
  call();
  expect(streams).toHaveLength(1);
});

test('one whose peer takes its time is not silent: a long poll', () => {
  const { time, streams, call } = calling();
  call(true);
  time.runTo(3 * heartbeatMs);
  call();
  expect(streams).toHaveLength(1);
});

test('a poll that was given up shows that its stream is silent', () => {
  const { time, streams, call } = calling();
  call(true);
  time.runTo(TIMEOUT_MS + 1);
  call(true);
  expect(streams).toHaveLength(2);
  time.runTo(TIMEOUT_MS + 2);
  expect(streams[0]?.closedFor).toBe('another stream took its place');
});

test('a peer that is slow now and then costs no stream each time', () => {
  const { time, streams, call } = calling();
  const answerLast = () => streams.at(-1)?.answer(-1, answerOf('in time'));
  for (let round = 1; round <= 10; round++) {
    call();
    time.runTo(round * 2 * TIMEOUT_MS);
    const replies = [call()];
    answerLast();
    // On the same stream.
    replies.push(call());
    answerLast();
    expect(replies).toEqual([['in time'], ['in time']]);
    expect(streams).toHaveLength(1 + round);
    expect(streams.filter(({ closedFor }) => closedFor === undefined)).toHaveLength(1);
  }
});

test('of a peer that stays silent a few streams are kept, no more', () => {
  const { time, streams, call } = calling();
  for (let round = 0; round < 10; round++) {
    time.runTo(round * 2 * heartbeatMs);
    call();
  }
  expect(streams).toHaveLength(10);
  // Those whose calls are waited for still: nobody does for longer than a second.
  expect(streams.filter(({ closedFor }) => closedFor === undefined)).toHaveLength(3);
});

test('a stream that breaks fails its calls a moment later, and the next call opens another one', () => {
  const { time, streams, stream, call } = calling();
  const replies = call();
  stream(0).close('ECONNRESET');
  expect(replies).toEqual([]);
  const next = call();
  expect(streams).toHaveLength(2);
  time.runTo(1);
  expect(replies).toEqual([{ kind: 'failed', detail: 'ECONNRESET' }]);
  stream(1).answer(0, answerOf('next'));
  expect(next).toEqual(['next']);
});
