// Scripted members of one partition: what an operation sends to whom, and what comes of the answers that a test gives.

import { expect } from 'vitest';
import type { Member } from '../../src/cluster/model/cluster-map.ts';
import { etagOf } from '../../src/cluster/model/condition.ts';
import { encodeMark } from '../../src/cluster/model/conditional-mark.ts';
import type { Epoch, Incarnation } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import { encodeRecord, type StoredRecord } from '../../src/cluster/model/record.ts';
import { HybridClock, type Version } from '../../src/cluster/model/version.ts';
import type { MemberAnswer } from '../../src/cluster/peers/storage-channel.ts';
import type { Runtime } from '../../src/cluster/ports.ts';
import type { Operation } from '../../src/cluster/wire/operations.ts';
import type { ConditionalOutcome } from '../../src/coordinator/operations/conditional/decision.ts';
import { ConditionalWriter } from '../../src/coordinator/operations/conditional/round.ts';
import { ExplainedReader } from '../../src/coordinator/operations/get/explained.ts';
import type { Explanation } from '../../src/coordinator/operations/get/explanation.ts';
import { LinearizableReader } from '../../src/coordinator/operations/get/linearizable.ts';
import type { ReadOutcome } from '../../src/coordinator/operations/get/round.ts';
import type { OperationContext } from '../../src/coordinator/operations/operation-context.ts';
import { LaterRounds } from '../../src/coordinator/operations/set/later-rounds.ts';
import { UserExplainedReader } from '../../src/coordinator/operations/user-keys.ts';
import { memberOf } from './maps.ts';

export const KEY = Buffer.from('k');
export const APPLIED: MemberAnswer = { kind: 'applied' };
export const EQUAL: MemberAnswer = { kind: 'equal' };
export const FLOOR: MemberAnswer = { kind: 'floor', version: 9n as Version };
export const ABSENT: MemberAnswer = { kind: 'absent', version: 0n as Version };
export const STALE: MemberAnswer = { kind: 'stale' };
export const UNANSWERED: MemberAnswer = { kind: 'unanswered', detail: '' };
export const UNSETTLED: MemberAnswer = { kind: 'unsettled' };

interface Sent {
  readonly to: string;
  readonly operation: Operation;
  readonly answer: (answer: MemberAnswer) => void;
}

export function recordAt(version: number, rest: { expiresAtMs?: number; judged?: boolean } = {}) {
  const { expiresAtMs = 0, judged = false } = rest;
  const mark = encodeMark({ epoch: 1 as Epoch, incarnation: 1 as Incarnation, base: undefined });
  const attributes = judged ? [mark] : [];
  return encodeRecord({
    key: KEY,
    version: BigInt(version) as Version,
    expiresAtMs,
    attributes,
    value: Buffer.from(`${version}`),
  });
}

export const held = (record: StoredRecord): MemberAnswer => ({ kind: 'held', record });
export const judged = (record: StoredRecord, before?: StoredRecord): MemberAnswer => ({
  kind: 'judged',
  record,
  previous: undefined,
  created: before === undefined,
  predecessor: before && etagOf(before),
});

/** Members a and b serve, c joins, and d leaves. */
export function stage() {
  let sent: Sent[] = [];
  let epoch = 1;
  let nowMs = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const nothing = () => undefined;
  const members: readonly Member[] = [
    memberOf('a', 'serving'),
    memberOf('b', 'serving'),
    memberOf('c', 'joining'),
    memberOf('d', 'leaving'),
  ];
  const map = {
    version: { generation: 1, number: 7 },
    nodes: {
      a: { address: 'a:1', incarnation: 1, fenced: false, draining: false },
      b: { address: 'b:1', incarnation: 1, fenced: true, draining: false },
      c: { address: 'c:1', incarnation: 2, fenced: false, draining: false },
    },
    partitions: [],
  };
  const runtime = {
    clock: { monotonicMs: () => nowMs, wallMs: () => 1000 },
    random: { below: () => 0 },
    timers: {
      after: (delayMs: number, run: () => void) => timers.push({ atMs: nowMs + delayMs, run }),
    },
  } as unknown as Runtime;
  const times = protocolTimes(1);
  const context = {
    runtime,
    router: {
      map,
      laterRounds: new LaterRounds(runtime, times),
      locate: () => ({
        partition: 0,
        entry: { epoch, members },
        answering: members.filter(({ role }) => role === 'serving'),
      }),
      send: ({ node }: Member, operation: Operation, answer: Sent['answer']) => {
        sent.push({ to: node, operation, answer });
      },
    },
    refresh: { fetchFrom: nothing, fetchFromAnyone: nothing, pushTo: nothing },
    reports: { note: nothing },
    versions: new HybridClock({ wallMs: () => 1000 }),
    times,
  } as unknown as OperationContext;
  const writer = new ConditionalWriter(context);
  let told: ConditionalOutcome | ReadOutcome | undefined;
  const tell = (outcome: ConditionalOutcome | ReadOutcome) => {
    expect(told).toBeUndefined();
    told = outcome;
  };
  return {
    incr: (arrivedMs?: number) =>
      writer.write({ key: KEY, condition: {}, change: { kind: 'incr', by: 1 } }, tell, arrivedMs),
    /** Another operation may be told something. */
    next: () => {
      told = undefined;
    },
    read: (minVersion = 0n) =>
      new LinearizableReader(context).get(KEY, tell, minVersion as Version),
    explain: (key = KEY) => {
      const explanations: Explanation[] = [];
      const reader = new ExplainedReader(context, new LinearizableReader(context));
      new UserExplainedReader(context, reader).explain(key, (told) => explanations.push(told));
      return explanations;
    },
    told: () => told?.kind,
    nextEpoch: () => {
      epoch++;
    },
    pass: (milliseconds: number) => {
      nowMs += milliseconds;
      const due = timers.filter(({ atMs }) => atMs <= nowMs);
      timers = timers.filter(({ atMs }) => atMs > nowMs);
      for (const { run } of due) run();
    },
    /** Checks what was sent since the last time, as `KIND@EPOCH` and to whom, and answers it. */
    answer: (what: string, answers: Readonly<Record<string, MemberAnswer>>) => {
      const asked = sent;
      sent = [];
      const names = asked.map(({ operation }) =>
        'epoch' in operation ? `${operation.kind}@${operation.epoch}` : operation.kind,
      );
      expect([...new Set(names)]).toEqual([what]);
      expect(asked.map(({ to }) => to)).toEqual(Object.keys(answers));
      for (const { to, answer } of asked) answer(answers[to] ?? UNANSWERED);
    },
    isIdle: () => sent.length === 0,
    /** Above what the judgement must be that was asked for last. */
    above: () =>
      sent.flatMap(({ operation }) => (operation.kind === 'judge' ? [operation.above] : []))[0],
  };
}
