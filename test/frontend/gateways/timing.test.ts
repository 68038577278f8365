// Server-Timing: only for who asks, and how much of the time storage nodes had.

import { expect, test } from 'vitest';
import { type HttpReply, textReply } from '../../../src/cluster/http/http.ts';
import type { ReadOutcome } from '../../../src/coordinator/operations/get/round.ts';
import type { GatewayContext } from '../../../src/frontend/gateways/gateway.ts';
import { Timing } from '../../../src/frontend/gateways/timing.ts';
import { requestOf } from '../../../src/simulation/requests.ts';

/** A gateway whose requests read one key after the other, or all at once, and what its reads wait for. */
function played(headers: Readonly<Record<string, string>> = { 'x-fog-timing': '1' }) {
  let nowMs = 100;
  const waiting: ((outcome: ReadOutcome) => void)[] = [];
  const context = {
    clock: { monotonicMs: () => nowMs },
    reader: {
      get: (_key: Buffer, callback: (outcome: ReadOutcome) => void) => waiting.push(callback),
    },
  } as unknown as GatewayContext;
  const replies: HttpReply[] = [];
  const key = Buffer.from('k');
  let reads: (callback: () => void) => void = () => undefined;
  let reply: () => void = () => undefined;
  new Timing(context, (each) => each).begin(
    requestOf('GET', '/get?key=k', undefined, headers),
    (answer) => replies.push(answer),
    (each, timed) => {
      reads = (callback) => each.reader.get(key, callback);
      reply = () => timed(textReply(200, 'done'));
    },
  );
  return {
    pass: (milliseconds: number) => {
      nowMs += milliseconds;
    },
    read: (callback: () => void = () => undefined) => reads(callback),
    /** The member answers the read that waits longest. */
    answer: () => waiting.shift()?.({ kind: 'absent', version: 0n as never }),
    reply: () => {
      reply();
      return replies.map(({ headers: { 'server-timing': timing } }) => timing);
    },
  };
}

test('a request that does not ask is answered without it', () => {
  expect(played({}).reply()).toEqual([undefined]);
});

test('the time in all, and the time that storage nodes took', () => {
  const { pass, read, answer, reply } = played();
  pass(1);
  read();
  pass(2.5);
  answer();
  pass(4);
  expect(reply()).toEqual(['total;dur=7.500, storage;dur=2.500']);
});

test('reads side by side take their time once, and those that are not over count up to now', () => {
  const { pass, read, answer, reply } = played();
  read();
  pass(1);
  read();
  pass(1);
  answer();
  answer();
  pass(10);
  read();
  pass(3);
  expect(reply()).toEqual(['total;dur=15.000, storage;dur=5.000']);
});

test('what is asked in an answer goes on waiting', () => {
  const { pass, read, answer, reply } = played();
  read(() => read());
  pass(1);
  answer();
  pass(2);
  answer();
  expect(reply()).toEqual(['total;dur=3.000, storage;dur=3.000']);
});
