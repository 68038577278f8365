// Scripted schedules about what comes late because TCP held it up during a cut, and repeats it afterwards: heartbeats,
// which tell the time and who lives (H45), and the streams that it would have come on (D18).

import { expect, test } from 'vitest';
import { SEEDS, Stage } from './founded.ts';

/** By so much the time of the cluster may be off: half of what an answer and a heartbeat may take together. */
const TIME_OFF_MS = 150;

/** Storage nodes that all hold everything, and one frontend; the controller is cut off from the nodes for two seconds. */
function cutFromController(seed: number, storages: number, meanwhile: (stage: Stage) => void) {
  const shape = { storages, frontends: 1, redundancy: storages, fsync: 'always' } as const;
  const stage = new Stage(seed, shape);
  const { controller } = stage.cluster;
  stage.pass(3000 + 37 * seed);
  stage.cut([controller], stage.cluster.storages);
  meanwhile(stage);
  stage.heal([controller], stage.cluster.storages);
  return { stage, frontend: stage.frontend(0) };
}

const CASES = [1, 3].flatMap((storages) => SEEDS.map((seed) => [storages, seed] as const));

test.each(CASES)(
  'H45, H31: a set has its ttl right after a cut of the controller, %i storage nodes, seed %i',
  (storages, seed) => {
    const { stage, frontend } = cutFromController(seed, storages, (cut) => cut.pass(2000));
    const lost: string[] = [];
    for (let index = 0; index < 60; index++) {
      const set = stage.set(frontend, `k${index}`, 0, 1);
      stage.pass(15);
      const get = stage.get(frontend, `k${index}`);
      stage.pass(25);
      if (set.reply?.status === 200 && get.reply?.status === 404) lost.push(`k${index}`);
    }
    expect(lost).toEqual([]);
  },
);

test.each(CASES)(
  'H45, H31: what has expired stays so after a cut of the controller, %i storage nodes, seed %i',
  (storages, seed) => {
    const keys = Array.from({ length: 19 }, (_, index) => `e${index}`);
    const { stage, frontend } = cutFromController(seed, storages, (cut) => {
      for (const key of keys) {
        cut.set(cut.frontend(0), key, 0, 1);
        cut.pass(100);
      }
    });
    const goneMs = new Map<string, number>();
    const back: string[] = [];
    for (const endMs = stage.world.nowMs + 4000; stage.world.nowMs < endMs; ) {
      const gets = keys.map((key) => ({ key, get: stage.get(frontend, key) }));
      stage.pass(10);
      for (const { key, get } of gets) {
        const { reply, atMs } = get;
        if (reply?.status === 404) goneMs.set(key, goneMs.get(key) ?? atMs);
        const sinceMs = goneMs.get(key);
        if (reply?.status === 200 && sinceMs !== undefined && atMs - sinceMs > TIME_OFF_MS) {
          back.push(`${key} gone at ${sinceMs}, back at ${atMs}`);
        }
      }
    }
    expect(back).toEqual([]);
  },
);

test.each(SEEDS)(
  'D18: a frontend hears the controller again seconds after a cut of a minute, seed %i',
  (seed) => {
    const stage = new Stage(seed, { storages: 3, frontends: 1, redundancy: 3, fsync: 'always' });
    const { controller } = stage.cluster;
    const frontend = stage.frontend(0);
    let reached = false;
    stage.listen(frontend, (message) => {
      reached ||= message === 'controller reached';
    });
    stage.pass(2000);
    stage.cut([controller], [frontend]);
    stage.pass(60_000);
    reached = false;
    stage.heal([controller], [frontend]);
    // The poll that was sent last is given up after its five seconds and one more.
    stage.until('reached', () => reached, 8000);
  },
);
