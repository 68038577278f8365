// Scripted schedules about conditional writes whose epoch ends while they are on their way (H39b, H39f).

import { describe, expect, test } from 'vitest';
import { begun, KEY } from './conditional-stage.ts';
import { SEEDS } from './founded.ts';

describe('H39f: what was judged before the epoch', () => {
  test.each(SEEDS)('is brought to all before it is acknowledged, seed %i', (seed) => {
    const { stage, first, second, serialiser, next, last } = begun(seed);
    expect(stage.told(stage.incr(first))).toBe('200 1');
    // The serialiser and the last member have it, and the last one is gone for good.
    stage.cut([first], [next]);
    const waiting = stage.incr(first);
    stage.until('the last one has it', () => stage.heldBy(last, KEY) === '2');
    stage.pass(20);
    expect(stage.heldBy(next, KEY)).toBe('1');
    last.crash(true);
    stage.tell(stage.cluster.controller, 'forget', { node: last.process.name });
    stage.until('it is removed', () => !stage.members.includes(last));
    expect(waiting.reply).toBeUndefined();
    stage.heal([first], [next]);
    const told = stage.told(waiting);
    expect(told).toBe('200 2');
    for (const node of [serialiser, next]) expect(stage.heldBy(node, KEY)).toBe('2');
    expect(stage.told(stage.incr(second))).toBe('200 3');
  });

  test.each(SEEDS)('is not brought over what came since, seed %i', (seed) => {
    const { stage, first, second, serialiser, next, last } = begun(seed);
    expect(stage.told(stage.incr(first))).toBe('200 1');
    // The serialiser alone has it, and is gone for good; others go on, while the first frontend is cut off.
    stage.cut([first], [next, last]);
    const waiting = stage.incr(first);
    stage.until('the serialiser has it', () => stage.heldBy(serialiser, KEY) === '2');
    stage.pass(20);
    serialiser.crash(true);
    serialiser.disk.wipe();
    stage.tell(stage.cluster.controller, 'forget', { node: serialiser.process.name });
    stage.until('it is removed', () => !stage.members.includes(serialiser));
    expect(stage.told(stage.v1(second, 'DELETE', KEY))).toBe('204');
    stage.heal([first], [next, last]);
    expect(stage.told(waiting)).toMatch(/^504/);
    expect(stage.read(second)).toMatch(/^404/);
  });

  test.each(SEEDS)('and was lost with its serialiser is judged afresh once, seed %i', (seed) => {
    const { stage, first, second, serialiser, next, last } = begun(seed);
    expect(stage.told(stage.incr(first))).toBe('200 1');
    stage.cut([first], [next, last]);
    const waiting = stage.incr(first);
    stage.until('the serialiser has it', () => stage.heldBy(serialiser, KEY) === '2');
    stage.pass(20);
    serialiser.crash(true);
    serialiser.disk.wipe();
    stage.tell(stage.cluster.controller, 'forget', { node: serialiser.process.name });
    stage.until('it is removed', () => !stage.members.includes(serialiser));
    stage.heal([first], [next, last]);
    expect(stage.told(waiting)).toBe('200 2');
    expect(stage.told(stage.incr(second))).toBe('200 3');
  });
});
