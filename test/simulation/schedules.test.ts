// Scripted schedules: one scenario each, in virtual time, so that times can be asserted without a clock.

import { describe, expect, test } from 'vitest';
import { replyHeader } from '../../src/cluster/http/http.ts';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { plainGet } from '../../src/simulation/requests.ts';
import { founded, SEEDS, SHAPE } from './founded.ts';

const keys = Array.from({ length: 20 }, (_, index) => `key${index}`);

describe('R3: a get asks another member', () => {
  test.each(SEEDS)('after 50 ms when the first is paused, seed %i', (seed) => {
    const { cluster, answered } = founded(seed);
    for (const key of keys) answered(`/set?key=${key}&value=${key}`);
    cluster.storages[0]?.process.pause();
    const times = keys.map((key) => {
      const { status, body, tookMs } = answered(`/get?key=${key}`);
      expect([status, body]).toEqual([200, key]);
      return tookMs;
    });
    expect(Math.max(...times)).toBeLessThan(120);
    // Some did meet the paused one first, or the test has shown nothing.
    expect(Math.max(...times)).toBeGreaterThan(45);
  });

  test.each(SEEDS)('at once when the first is gone, seed %i', (seed) => {
    const { cluster, answered } = founded(seed);
    for (const key of keys) answered(`/set?key=${key}&value=${key}`);
    cluster.storages[0]?.crash(false);
    for (const key of keys) {
      const { status, tookMs } = answered(`/get?key=${key}`);
      expect(status).toBe(200);
      expect(tookMs).toBeLessThan(45);
    }
  });

  test('twice paused, the third one answers', () => {
    const { cluster, answered } = founded(1);
    answered('/set?key=a&value=1');
    for (const node of cluster.storages.slice(0, 2)) node.process.pause();
    for (let round = 0; round < 10; round++) expect(answered('/get?key=a').status).toBe(200);
  });

  test('with all of them paused it is refused at its deadline, never 404', () => {
    const { cluster, answered } = founded(1);
    for (const node of cluster.storages) node.process.pause();
    const { status, tookMs } = answered('/get?key=a');
    expect(status).toBe(503);
    expect(tookMs).toBeLessThan(3500);
  });
});

describe('D9: the outcome of a set', () => {
  test('is 503 when certainly nothing was stored, and 504 when one member may have it', () => {
    const { cluster, answered, pass } = founded(1);
    for (const node of cluster.storages) node.crash(false);
    // Once the frontend knows that the streams are gone, nothing is on its way any more.
    pass(100);
    expect(answered('/set?key=a&value=1').status).toBe(503);
    const other = founded(2);
    // With two of three witnesses away nobody can be removed, and the set waits for them in vain.
    for (const node of other.cluster.storages.slice(1)) node.process.pause();
    expect(other.answered('/set?key=a&value=1')).toMatchObject({ status: 504 });
  });

  test('H21: after 504 it goes on in the background with the same version', () => {
    const { world, cluster, call, pass } = founded(1);
    const slow = cluster.storages.slice(1);
    for (const node of slow) node.process.pause();
    const outcome = call('/set?key=a&value=1');
    pass(7000);
    expect(outcome.reply?.status).toBe(504);
    for (const node of slow) node.process.resume();
    pass(3000);
    const versions = cluster.storages.map((node) => {
      let version: string | undefined;
      node.request(plainGet('/s/record?key=a'), (reply) => {
        version = replyHeader(reply, 'x-fog-version');
      });
      return version;
    });
    const expected = replyHeader(outcome.reply, 'x-fog-version');
    expect(versions).toEqual([expected, expected, expected]);
    expect(world.nowMs).toBe(13_000);
  });
});

describe('I14: what is acknowledged is in the log', () => {
  test('neither applied nor the equal of a resend is answered before the log has the record', () => {
    const shape: ClusterShape = { ...SHAPE, storages: 1, redundancy: 1 };
    const { cluster, call, pass } = founded(1, shape);
    cluster.storages[0]?.disk.stall(3000);
    const outcome = call('/set?key=a&value=1');
    // Long enough for the try to time out and the resend to meet its own record.
    pass(2500);
    expect(outcome.reply).toBeUndefined();
    pass(3000);
    expect(outcome.reply?.status).toBe(200);
  });
});

describe('H7: a node that is killed', () => {
  test.each(SEEDS)('and comes back resumes in place, and a set rides through, seed %i', (seed) => {
    const { cluster, call, pass, answered } = founded(seed);
    const [node] = cluster.storages;
    node?.crash(false);
    const outcome = call('/set?key=a&value=1');
    pass(500);
    expect(outcome.reply).toBeUndefined();
    node?.start();
    pass(500);
    expect(outcome.reply?.status).toBe(200);
    expect(answered('/get?key=a').body).toBe('1');
  });

  test('after a power loss it does not resume with interval, so nothing is silently old (H8)', () => {
    const { world, cluster, answered } = founded(1, { ...SHAPE, storages: 1, redundancy: 1 });
    answered('/set?key=a&value=1');
    cluster.storages[0]?.crash(true);
    cluster.storages[0]?.start();
    expect(answered('/get?key=a').status).toBe(503);
    expect(world.trace.some((line) => line.includes('complete=false'))).toBe(true);
  });

  test('after a power loss it resumes with always, with everything acknowledged', () => {
    const shape: ClusterShape = { storages: 1, frontends: 1, redundancy: 1, fsync: 'always' };
    const { cluster, answered } = founded(1, shape);
    for (const key of keys) answered(`/set?key=${key}&value=${key}`);
    cluster.storages[0]?.crash(true);
    cluster.storages[0]?.start();
    for (const key of keys) expect(answered(`/get?key=${key}`).body).toBe(key);
  });
});

test.each(SEEDS)(
  'H6: a node with an empty disk serves nothing, not even in its second life, seed %i',
  (seed) => {
    const { cluster, pass, answered } = founded(seed);
    for (const key of keys) answered(`/set?key=${key}&value=${key}`);
    const [node] = cluster.storages;
    node?.crash(false);
    node?.disk.wipe();
    node?.start();
    pass(2000);
    node?.crash(false);
    node?.start();
    pass(2000);
    for (const key of keys) expect(answered(`/get?key=${key}`).body).toBe(key);
  },
);

test('a stream that was opened into a cut is not waited for when the cut is over', () => {
  const { cluster, answered, pass } = founded(1);
  const names = cluster.storages.map(({ process }) => process.name);
  for (const node of cluster.storages) node.crash(false);
  for (const name of names) {
    cluster.network.cut('frontend0', name);
    cluster.network.cut(name, 'frontend0');
  }
  for (const node of cluster.storages) node.start();
  answered('/get?key=a');
  cluster.network.healAll();
  pass(2500);
  expect(answered('/set?key=a&value=1')).toMatchObject({ status: 200 });
});
