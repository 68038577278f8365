// Scripted schedules about reads that demand a version (H21): what one member alone has is not read and then lost sight
// of. And what such a read may not do: move clocks, or take an old absence for a new one.

import { describe, expect, test } from 'vitest';
import { replyHeader } from '../../src/cluster/http/http.ts';
import type { SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf, requestOf } from '../../src/simulation/requests.ts';
import { begun, type ConditionalStage, KEY } from './conditional-stage.ts';
import { type Outcome, SEEDS } from './founded.ts';

/** More than enough for each member to be asked first. */
const READS = 12;

function readFrom(
  stage: ConditionalStage,
  frontend: SimulatedNode,
  version: string,
  target = `/v1/keys/${KEY}`,
): Outcome {
  const outcome: Outcome = { reply: undefined, atMs: 0 };
  const headers = { 'x-fog-min-version': version };
  frontend.request(requestOf('GET', target, undefined, headers), (reply) => {
    outcome.reply = reply;
    outcome.atMs = stage.world.nowMs;
  });
  return outcome;
}

const versionOf = (stage: ConditionalStage, outcome: Outcome): string =>
  replyHeader(stage.answer(outcome), 'x-fog-version') ?? 'none';

/** A frontend that is cut off sets the key at one member alone, is told that nobody knows, and dies. @returns the version */
function setAtOne({ stage, first, serialiser, next, last }: ReturnType<typeof begun>): string {
  stage.cut([first], [next, last]);
  const outcome = stage.put(first, 'new');
  expect(stage.answer(outcome).status).toBe(504);
  expect(stage.heldBy(serialiser, KEY)).toBe('new');
  first.crash(false);
  return versionOf(stage, outcome);
}

describe('H21: a read that demands a version', () => {
  test.each(SEEDS)('finds what one member alone has, each time, seed %i', (seed) => {
    const played = begun(seed);
    const { stage, second, next } = played;
    expect(stage.answer(stage.put(second, 'old')).status).toBeLessThan(300);
    const version = setAtOne(played);
    for (let reads = 0; reads < READS; reads++) {
      expect(stage.told(readFrom(stage, second, version))).toBe('200 new');
      expect(stage.told(readFrom(stage, second, version, `/get?key=${KEY}`))).toBe('200 new');
    }
    // It repaired nothing, and whoever demands nothing may still see the old value.
    expect(stage.heldBy(next, KEY)).toBe('old');
    stage.expectKept();
  });

  test.each(SEEDS)('is not answered that the key never was, seed %i', (seed) => {
    const played = begun(seed);
    const { stage, second } = played;
    const version = setAtOne(played);
    for (let reads = 0; reads < READS; reads++) {
      expect(stage.told(readFrom(stage, second, version))).toBe('200 new');
    }
    stage.expectKept();
  });

  test.each(SEEDS)('takes a newer delete for an answer, seed %i', (seed) => {
    const { stage, first, second } = begun(seed);
    const version = versionOf(stage, stage.put(first, 'old'));
    expect(stage.answer(stage.v1(second, 'DELETE', KEY)).status).toBe(204);
    expect(stage.told(readFrom(stage, first, version))).toMatch(/^404/);
    stage.expectKept();
  });

  test.each(SEEDS)('of what only a cut off member has ends by itself, seed %i', (seed) => {
    const played = begun(seed);
    const { stage, second, serialiser } = played;
    expect(stage.answer(stage.put(second, 'old')).status).toBeLessThan(300);
    const version = setAtOne(played);
    stage.cut([second], [serialiser]);
    const startMs = stage.world.nowMs;
    const outcome = readFrom(stage, second, version);
    const reply = stage.answer(outcome);
    expect(replyHeader(reply, 'x-fog-error')).toBe('older-version');
    expect(bytesOf(reply).toString()).toContain(`has version ${version} of the key`);
    // Not at once, for the member may come back; and not after the time of a get.
    expect(outcome.atMs - startMs).toBeGreaterThan(1000);
    expect(outcome.atMs - startMs).toBeLessThan(3500);
    // What is read without a demand is there.
    expect(stage.told(stage.v1(second, 'GET', KEY))).toBe('200 old');
    stage.expectKept();
  });

  test.each(SEEDS)('of a version that nobody has moves no clock, seed %i', (seed) => {
    const { stage, first } = begun(seed);
    const before = versionOf(stage, stage.put(first, 'old'));
    // Not so far ahead that a clock would refuse it anyway.
    const ahead = BigInt(`0x${before}`) + (30_000n << 16n);
    const outcome = readFrom(stage, first, ahead.toString(16).padStart(16, '0'));
    expect(stage.answer(outcome).status).toBe(503);
    const after = versionOf(stage, stage.put(first, 'new'));
    const movedMs = Number((BigInt(`0x${after}`) - BigInt(`0x${before}`)) >> 16n);
    expect(movedMs).toBeLessThan(15_000);
    stage.expectKept();
  });
});

describe('an explained read', () => {
  const explain = (stage: ConditionalStage, frontend: SimulatedNode) => {
    const reply = stage.answer(stage.v1(frontend, 'GET', `${KEY}?explain=1`));
    return { status: reply.status, explanation: JSON.parse(bytesOf(reply).toString()) };
  };

  test.each(SEEDS)('repairs what differs, and says so, seed %i', (seed) => {
    const played = begun(seed);
    const { stage, second, serialiser, next, last } = played;
    expect(stage.answer(stage.put(second, 'old')).status).toBeLessThan(300);
    const version = setAtOne(played);
    const { status, explanation } = explain(stage, second);
    expect(status).toBe(200);
    const names = (...nodes: SimulatedNode[]) => nodes.map(({ process }) => process.name);
    expect(explanation).toMatchObject({ version, decidedBy: names(serialiser) });
    expect(explanation.repaired.toSorted()).toEqual(names(next, last).toSorted());
    for (const node of [serialiser, next, last]) expect(stage.heldBy(node, KEY)).toBe('new');
    expect(explain(stage, second).explanation.decidedBy).toHaveLength(3);
  });

  test.each(SEEDS)('says who is cut off, with the status of the read, seed %i', (seed) => {
    const { stage, first, second, serialiser, next, last } = begun(seed);
    expect(stage.answer(stage.put(second, 'old')).status).toBeLessThan(300);
    // The node is well, and stays a member.
    stage.cut([first], [last]);
    const { status, explanation } = explain(stage, first);
    expect([status, explanation.status, explanation.error]).toEqual([503, 503, 'unanswered']);
    const told = new Map<string, { answer: string; why?: string }>(
      explanation.members.map((member: { node: string }) => [member.node, member]),
    );
    for (const { process } of [serialiser, next]) {
      expect(told.get(process.name)).toMatchObject({ answer: 'value', size: 3 });
    }
    expect(['unreachable', 'unanswered']).toContain(told.get(last.process.name)?.answer);
    expect(told.get(last.process.name)?.why).toMatch(
      /^it (could not be reached|gave no answer): ./,
    );
  });
});
