// Scripted schedules about many sets of one key through one frontend (H41): who is answered when, with which
// version, and what is never sent. Each breaks a promise when its rule is broken (test/mutants).

import { expect, test } from 'vitest';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { type Outcome, SEEDS, SHAPE, Stage } from './founded.ts';

const KEY = 'key';

function hotKey(
  seed: number,
  memoryBytesOf: (storage: number) => number | undefined = () => undefined,
) {
  const stage = new Stage(seed, { ...SHAPE, memoryBytesOf });
  const frontend = stage.frontend(0);
  const { storages } = stage.cluster;
  return {
    stage,
    frontend,
    storages,
    set: (bytes = 0) => stage.set(frontend, KEY, bytes),
    /** What the storage nodes have of the key. */
    held: () => storages.map((node) => stage.heldBy(node, KEY)?.replace(/\.+$/, '')),
    /** How many sets came to each of them. */
    sets: () =>
      storages.map((node) => {
        const text = bytesOf(node.peek(plainGet('/metrics'))).toString();
        const counts = text.matchAll(/^velourfog_operations_total\{operation="set",.* (\d+)$/gm);
        return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
      }),
    allAnswered: (outcomes: readonly Outcome[]) =>
      stage.until('all answers', () => outcomes.every(({ reply }) => reply !== undefined)),
  };
}

const statusOf = ({ reply }: Outcome) => reply?.status;
const versionOf = ({ reply }: Outcome) => reply?.headers['x-fog-version'] ?? '';

test.each(SEEDS)(
  'H41: the newest goes next, and is on all members before one that it coalesced is answered, seed %i',
  (seed) => {
    const { stage, frontend, storages, set, held, sets, allAnswered } = hotKey(seed);
    const far = stage.storage(seed % storages.length);
    const first = set();
    const waiting = [set(), set(), set()];
    // In small steps: in a whole millisecond the next one could be answered as well.
    stage.until('the first is answered', () => first.reply !== undefined, 1000, 0.01);
    // The newest of the others has just left, and cannot arrive there.
    stage.cut([frontend], [far]);
    stage.pass(500);
    expect(waiting.map(statusOf)).toEqual([undefined, undefined, undefined]);
    stage.heal([frontend], [far]);
    allAnswered(waiting);
    expect(waiting.map(statusOf)).toEqual([200, 200, 200]);
    const versions = [first, ...waiting].map(versionOf);
    expect(versions).toEqual([...new Set(versions)].sort());
    expect(held()).toEqual(['value 4', 'value 4', 'value 4']);
    expect(sets()).toEqual([2, 2, 2]);
    stage.expectStatus(stage.get(frontend, KEY), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'H41: nobody is answered while the set on its way waits for a member, seed %i',
  (seed) => {
    const { stage, frontend, set, held, allAnswered } = hotKey(seed);
    stage.cut([frontend], [stage.storage(1)]);
    const all = [set(), set(), set(), stage.delete(frontend, KEY)];
    stage.pass(500);
    expect(all.map(statusOf)).toEqual([undefined, undefined, undefined, undefined]);
    stage.heal([frontend], [stage.storage(1)]);
    allAnswered(all);
    expect(all.map(statusOf)).toEqual([200, 200, 200, 200]);
    expect(held()).toEqual(['deleted', 'deleted', 'deleted']);
    stage.expectStatus(stage.get(frontend, KEY), 404);
    stage.expectKept();
  },
);

/** One record of BIG is more than this holds, one of a few bytes is not. */
const SMALL = 16_384;
const BIG = 20_000;

test.each([
  ['everywhere: it is stored nowhere', () => SMALL, 507],
  ['by one member: it may be stored', (index: number) => (index === 0 ? SMALL : undefined), 504],
])(
  'H41: the newest is refused %s; the next newest is sent, and wins',
  (_where, memoryBytesOf, status) => {
    const { stage, frontend, set, held, allAnswered } = hotKey(1, memoryBytesOf);
    const first = set();
    const coalesced = [set(), set(), set()];
    const refused = set(BIG);
    allAnswered([first, refused, ...coalesced]);
    expect(statusOf(refused)).toBe(status);
    expect(coalesced.map(statusOf)).toEqual([200, 200, 200]);
    expect(held()).toEqual(['value 4', 'value 4', 'value 4']);
    stage.expectStatus(stage.get(frontend, KEY), 200);
    stage.expectKept();
  },
);

test.each(SEEDS)(
  'H41: each keeps its own deadline, and after it is never sent, seed %i',
  (seed) => {
    const { stage, frontend, storages, set, held, allAnswered } = hotKey(seed);
    stage.cut([frontend], storages);
    const first = set();
    const late = [set(), set()];
    stage.pass(4500);
    const inTime = [set(), set()];
    stage.pass(1700);
    expect([first, ...late].map(statusOf)).toEqual([504, 503, 503]);
    expect(late.map(({ reply }) => reply?.headers['x-fog-error'])).toEqual([
      'not-stored',
      'not-stored',
    ]);
    expect(inTime.map(statusOf)).toEqual([undefined, undefined]);
    stage.heal([frontend], storages);
    allAnswered(inTime);
    expect(inTime.map(statusOf)).toEqual([200, 200]);
    // The first goes on in the background, in vain.
    stage.pass(12_000);
    expect([first, ...late].map(statusOf)).toEqual([504, 503, 503]);
    expect(held()).toEqual(['value 5', 'value 5', 'value 5']);
    stage.expectStatus(stage.get(frontend, KEY), 200);
    stage.expectKept();
  },
);

test('H41: a frontend that slept over their deadline sends none of them', () => {
  const { stage, frontend, set, held, allAnswered } = hotKey(1);
  const all = [set(), set(), set()];
  frontend.process.pause();
  stage.pass(20_000);
  frontend.process.resume();
  allAnswered(all);
  expect(all.slice(1).map(statusOf)).toEqual([503, 503]);
  stage.pass(1000);
  expect(held().filter((value) => value === 'value 2' || value === 'value 3')).toEqual([]);
  stage.expectKept();
});

test('H41: a version of an coalesced set may be below that of an earlier one; who coalesced it is above both', () => {
  const stage = new Stage(1, { ...SHAPE, frontends: 2 });
  const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
  const { storages } = stage.cluster;
  // Its next versions are the ones just above the first, and so are those of the other frontend.
  frontend.process.wallOffsetMs = 900;
  stage.cutTo(storages, [frontend]);
  const first = stage.set(frontend, KEY);
  stage.pass(10);
  frontend.process.wallOffsetMs = 0;
  stage.expectStatus(stage.get(other, KEY), 200);
  const earlier = [1, 2].map(() => {
    const outcome = stage.set(other, KEY);
    stage.expectStatus(outcome, 200);
    return outcome;
  });
  const later = [1, 2, 3].map(() => stage.set(frontend, KEY));
  stage.healTo(storages, [frontend]);
  for (const outcome of [first, ...later]) stage.expectStatus(outcome, 200);
  const [highest = ''] = earlier.map(versionOf).slice(-1);
  expect(versionOf(later[0] ?? first) < highest).toBe(true);
  expect(versionOf(later[2] ?? first) > highest).toBe(true);
  expect(storages.map((node) => stage.heldBy(node, KEY))).toEqual(Array(3).fill('value 6'));
  stage.expectKept();
});
