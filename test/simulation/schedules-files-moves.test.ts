// Scripted schedules about MOVE (FILES.md, COPY and MOVE): wherever its frontend dies, the file is left under both names or
// under one of them, and nothing that a record names is collected, or kept that none names.

import { expect, test } from 'vitest';
import { FILE_TIMES, FileStage } from './file-stage.ts';
import { SEEDS } from './founded.ts';

const STEP_MS = 1;
const STEPS_MAX = 200;

test.each(SEEDS)('a move that is cut at each step never loses the file, seed %i', (seed) => {
  const stage = new FileStage(seed, 3, []);
  const { name } = stage.stored('a');
  const seen = new Set<string>();
  let from = 'a';
  let to = 'b';
  for (let step = 0; step < STEPS_MAX && !seen.has('the new name'); step++) {
    stage.move(from, to);
    stage.pass(step * STEP_MS);
    stage.front(0).crash(false);
    const [isOld, isNew] = [stage.isThere(from, name), stage.isThere(to, name)];
    expect(isOld || isNew, `it is under a name, cut after ${step} steps`).toBe(true);
    seen.add(isOld && isNew ? 'both names' : isOld ? 'the old name' : 'the new name');
    stage.front(0).start();
    // Its client repeats what was not acknowledged: what it has read may be known to one storage node alone.
    const again = stage.move(from, to, stage.front(1));
    stage.until('the end of a move', () => again.isDone);
    [from, to] = [to, from];
    stage.pass(500);
  }
  expect(seen).toEqual(new Set(['the old name', 'both names', 'the new name']));
  stage.pass(FILE_TIMES.ownerlessMs);
  stage.expectFilesHealed();
  stage.expectRead(from, name);
});
