// Scripted schedules about records below a floor that was raised by the delete of another key: who may be told of them
// while some members hold them and others do not, and while a member joins (H21, H24, H26, H39e).

import { describe, expect, test } from 'vitest';
import { bucketOf } from '../../src/storage/memory/digest.ts';
import { ConditionalStage, KEY } from './conditional-stage.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Not each of them brings about what a schedule needs; some must. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** Waits for something that not every seed brings about. */
function comesTo(stage: ConditionalStage, isSo: () => boolean, withinMs: number): boolean {
  const untilMs = stage.world.nowMs + withinMs;
  while (!isSo() && stage.world.nowMs < untilMs) stage.world.runUntil(stage.world.nowMs + 5);
  return isSo();
}

function lost(stage: ConditionalStage, node: ConditionalStage['serialiser']): void {
  const message = { ...stage.incarnationIdOf(node), returning: false };
  node.crash(true);
  node.disk.wipe();
  stage.tell(stage.cluster.controller, 'death', message);
  stage.pass(3000);
}

/**
 * 1. One member has forgotten a delete, the other one has not yet, or has as well (`both`).
 * 2. The first one drains, and a node joins, whose copy is soon past a key that nobody has.
 * 3. A late set of this key, below the first one's floor, is with the second one alone; its frontend is dead.
 * 4. A client is to be told that the key is there. The joiner serves without it, and the second one's machine burns.
 *
 * @returns whether the client was told so, and what a linearizable read says in the end; undefined without such a case
 */
function toldWhileOneJoins(seed: number, both: boolean) {
  const stage = new ConditionalStage(seed, {
    storages: 3,
    frontends: 2,
    redundancy: 2,
    fsync: 'interval',
    copyChunkBytes: 50,
    times: { antiEntropyMs: 2000, tombstoneGraceMs: 300 },
  });
  const [late, frontend] = [stage.frontend(0), stage.frontend(1)];
  const { storages } = stage.cluster;
  const [holder, drained] = stage.members.map(({ process }) =>
    storages.find((node) => node.process === process),
  );
  const joiner = storages.find((node) => node !== holder && node !== drained);
  if (holder === undefined || drained === undefined || joiner === undefined) return undefined;
  late.process.wallOffsetMs = -8000;
  const all = stage.keysIn(stage.partitionOf(KEY), 1100);
  const bucket = (name: string) => bucketOf(Buffer.from(name));
  const key = all.find((name) => bucket(name) === 2) ?? '';
  const [gone = '', ...others] = all.filter((name) => bucket(name) > 2).slice(0, 1000);
  const next = others.filter((name) => bucket(name) === 4);
  for (const name of others) stage.answer(stage.v1(frontend, 'PUT', name, { body: 'v' }));
  stage.answer(stage.v1(frontend, 'PUT', gone, { body: 'x' }));
  stage.answer(stage.v1(frontend, 'DELETE', gone));
  const has = (node: typeof joiner, name: string) => stage.heldBy(node, name) !== undefined;
  if (!comesTo(stage, () => !has(drained, gone) && has(holder, gone), 4000)) return undefined;
  const set = () => {
    stage.cut([late], [drained, joiner]);
    stage.v1(late, 'PUT', key, { body: 'late' });
    const isThere = comesTo(stage, () => has(holder, key), 500);
    late.crash(false);
    return isThere;
  };
  if (both && !set()) return undefined;
  if (both && !comesTo(stage, () => !has(holder, gone), 1500)) return undefined;
  if (has(drained, key)) return undefined;
  stage.drain(drained);
  const joins = () => stage.roleOf(joiner, key) === 'joining';
  if (!comesTo(stage, () => joins() && next.some((name) => has(joiner, name)), 5000))
    return undefined;
  if (!both && !set()) return undefined;
  if (has(joiner, key)) return undefined;
  comesTo(stage, () => has(drained, key) || !joins(), 3000);
  if (!joins()) return undefined;
  const created = stage.v1(frontend, 'PUT', key, {
    headers: { 'if-none-match': '*' },
    body: 'new',
  });
  const { status } = stage.answer(created);
  stage.until('it serves', () => stage.roleOf(joiner, key) === 'serving', 20_000);
  stage.until('the other one left', () => stage.roleOf(drained, key) === undefined, 5000);
  lost(stage, holder);
  const headers = { 'x-fog-read': 'linearizable' };
  return { status, read: stage.answer(stage.v1(frontend, 'GET', key, { headers })).status };
}

describe('H39e: that a key is there is not told where a joiner may lack it', () => {
  test.each([
    ['whose copy is past what its source got later', false, 2],
    ['also where all floors are above it: nothing below them is pulled while it joins', true, 1],
  ])('%s', { timeout: 600_000 }, (_, both, least) => {
    const played = SEEDS.flatMap((seed) => toldWhileOneJoins(seed, both) ?? []);
    expect(played.filter(({ status, read }) => status === 412 && read === 404)).toEqual([]);
    expect(played.length).toBeGreaterThanOrEqual(least);
  });
});

describe('H21: that a key is gone is not told where a member still has it, above whose floor the delete is not', () => {
  test.each([
    ['by a condition that does not hold', false],
    ['by a linearizable read', true],
  ])('%s', { timeout: 600_000 }, (_, reads) => {
    const played = SEEDS.flatMap((seed) => toldOfLateDelete(seed, reads) ?? []);
    expect(played.filter(({ told, read }) => told !== 503 && read === 200)).toEqual([]);
    expect(played.length).toBeGreaterThanOrEqual(2);
  });
});

/**
 * 1. A key is on two members, one of which has forgotten the later delete of another key.
 * 2. A late delete of the first key, below that one's floor, is with the other one alone; its frontend is dead.
 * 3. A client is told that the key is gone. Then the machine of the member that has the delete burns.
 */
function toldOfLateDelete(seed: number, reads: boolean) {
  const stage = new ConditionalStage(seed, {
    storages: 3,
    frontends: 2,
    redundancy: 2,
    fsync: 'interval',
    times: { antiEntropyMs: 14_000, tombstoneGraceMs: 300 },
  });
  const [late, frontend] = [stage.frontend(0), stage.frontend(1)];
  late.process.wallOffsetMs = -8000;
  const gone = stage.keysIn(stage.partitionOf(KEY), 3).find((name) => name !== KEY) ?? '';
  stage.answer(stage.put(frontend, 'x'));
  stage.pass(12_000);
  const holder = stage.serialiser;
  const other = stage.members.find((node) => node !== holder);
  if (other === undefined) return undefined;
  const isOneAhead = () =>
    stage.heldBy(other, gone) === undefined && stage.heldBy(holder, gone) !== undefined;
  let isAhead = false;
  for (let tries = 0; tries < 12 && !isAhead; tries++) {
    stage.answer(stage.v1(frontend, 'PUT', gone, { body: 'x' }));
    stage.answer(stage.v1(frontend, 'DELETE', gone));
    isAhead = comesTo(stage, isOneAhead, 3000);
  }
  if (!isAhead) return undefined;
  stage.cut([late], [other]);
  stage.v1(late, 'DELETE', KEY);
  if (!comesTo(stage, () => stage.heldBy(holder, KEY) === 'deleted', 500)) return undefined;
  late.crash(false);
  const headers = { 'x-fog-read': 'linearizable' };
  const read = () => stage.v1(frontend, 'GET', KEY, { headers });
  const told = reads ? read() : stage.put(frontend, 'new', { 'if-match': '*' });
  const { status } = stage.answer(told);
  lost(stage, holder);
  return { told: status, read: stage.answer(read()).status };
}

describe('H39c: who refused a judged record by its floor is not forgotten while another one is late', () => {
  test('an acknowledged increment is with all members', { timeout: 600_000 }, () => {
    const played = SEEDS.slice(0, 4).flatMap((seed) => toldWhileOneIsLate(seed) ?? []);
    expect(played.filter(({ status, lacking }) => status === 200 && lacking > 0)).toEqual([]);
    expect(played.length).toBeGreaterThanOrEqual(2);
  });
});

/**
 * 1. All clocks were days ahead, and one member forgot a delete of those days, which the serialiser still has.
 * 2. The clocks are right again. Another frontend has settled the key at this epoch.
 * 3. A frontend increments it, below that member's floor, and the third member does not answer it for a second.
 *
 * @returns what its client was told, and how many members have nothing then; undefined without such a case
 */
function toldWhileOneIsLate(seed: number) {
  const stage = new ConditionalStage(seed, {
    storages: 3,
    frontends: 2,
    redundancy: 3,
    fsync: 'interval',
    times: { antiEntropyMs: 14_000, tombstoneGraceMs: 300 },
  });
  const [first, second] = [stage.frontend(0), stage.frontend(1)];
  const setClocks = (offsetMs: number) => {
    for (const node of stage.cluster.nodes) node.process.wallOffsetMs = offsetMs;
    stage.pass(5000);
  };
  setClocks(2 * DAY_MS);
  const { serialiser, members } = stage;
  const [gone = ''] = stage.keysIn(stage.partitionOf(KEY), 3).filter((name) => name !== KEY);
  const forgot = () => members.filter((node) => stage.heldBy(node, gone) === undefined);
  stage.answer(stage.v1(second, 'PUT', gone, { body: 'x' }));
  stage.answer(stage.v1(second, 'DELETE', gone));
  if (!comesTo(stage, () => forgot().length > 0, 20_000)) return undefined;
  const [ahead, ...more] = forgot();
  if (ahead === serialiser || more.length > 0) return undefined;
  setClocks(0);
  if (stage.heldBy(serialiser, gone) === undefined) return undefined;
  stage.told(stage.incr(second));
  const late = members.filter((node) => node !== serialiser && node !== ahead);
  stage.cut([first], late);
  const told = stage.incr(first);
  stage.pass(1200);
  stage.heal([first], late);
  const { status } = stage.answer(told);
  const lacking = members.filter((node) => stage.heldBy(node, KEY) === undefined).length;
  return { status, lacking };
}
