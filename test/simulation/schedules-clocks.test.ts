// Scripted schedules about clocks that are far off (H31).

import { describe, expect, test } from 'vitest';
import { NODE_CLOCK_OFF_MS_MAX } from '../../src/cluster/limits.ts';
import { parseVersion, versionMilliseconds } from '../../src/cluster/version.ts';
import type { ClusterShape } from '../../src/simulation/cluster.ts';
import { plainGet } from '../../src/simulation/oracles.ts';
import { type Outcome, SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 2, redundancy: 3, fsync: 'interval' };
const DAY_MS = 24 * 60 * 60 * 1000;

describe('H31: a frontend whose clock is off', () => {
  test.each(SEEDS)('by days stamps by the storage nodes at once, seed %i', (seed) => {
    const stage = new Stage(seed, SHAPE);
    const [frontend, other] = [stage.frontend(0), stage.frontend(1)];
    const trueMs = () => other.process.wallMs();
    for (const offsetMs of [3 * DAY_MS, -3 * DAY_MS]) {
      frontend.process.wallOffsetMs = offsetMs;
      const set = stage.set(frontend, 'a');
      stage.expectStatus(set, 200);
      expect(Math.abs(stampOf(set) - trueMs())).toBeLessThan(1000);
      stage.pass(3000);
    }
    stage.expectStatus(stage.set(other, 'a'), 200);
    stage.expectKept();
  });

  test.each(SEEDS)('does not cut short what is to live for a while, seed %i', (seed) => {
    const stage = new Stage(seed, SHAPE);
    const frontend = stage.frontend(0);
    frontend.process.wallOffsetMs = -DAY_MS;
    frontend.request(plainGet('/set?key=a&value=1&ttl=60'), () => undefined);
    stage.pass(1000);
    expect(stage.heldBy(stage.storage(0), 'a')).toBe('1');
    let status = 0;
    stage.frontend(1).request(plainGet('/get?key=a'), (reply) => {
      status = reply.status;
    });
    stage.pass(1000);
    expect(status).toBe(200);
  });

  test('from the start is not ready before it knows better', () => {
    const stage = new Stage(1, SHAPE);
    const frontend = stage.frontend(0);
    const readiness = () => {
      const reply = frontend.peek(plainGet('/readyz'));
      return Buffer.from(reply?.body ?? '').toString();
    };
    const storages = stage.cluster.storages;
    stage.cut([frontend], storages);
    frontend.crash(false);
    frontend.process.wallOffsetMs = 3 * DAY_MS;
    frontend.start();
    stage.pass(1000);
    expect(readiness()).toContain('[-]clock failed');
    stage.heal([frontend], storages);
    stage.until('it is ready', () => readiness() === 'ok\n');
    stage.expectStatus(stage.set(frontend, 'a'), 200);
  });
});

describe('H31: a storage node whose clock is off', () => {
  test.each([1, -1])('by over an hour is not registered until it is right, sign %i', (sign) => {
    const stage = new Stage(1, SHAPE);
    const node = stage.storage(0);
    const before = stage.lifeOf(node).incarnation;
    node.crash(false);
    node.process.wallOffsetMs = sign * (NODE_CLOCK_OFF_MS_MAX + 1000);
    let warnings = 0;
    node.onLog = (message) => {
      if (message === 'no word from the controller') warnings++;
    };
    node.start();
    stage.pass(5000);
    expect(stage.lifeOf(node).incarnation).toBe(before);
    const readiness = Buffer.from(node.peek(plainGet('/readyz'))?.body ?? '').toString();
    expect(readiness).toMatch(/60 minutes (ahead of|behind) the controller's/);
    expect(warnings).toBe(1);
    const metrics = stage.cluster.controller.peek(plainGet('/metrics'));
    expect(Buffer.from(metrics?.body ?? '').toString()).toMatch(
      /^velourfog_refused_messages_total\{reason="clock-off"\} [1-9]/m,
    );
    node.process.wallOffsetMs = sign * (NODE_CLOCK_OFF_MS_MAX - 1000);
    stage.until('it is registered', () => stage.lifeOf(node).incarnation > before);
    stage.expectHealed([], 3);
  });
});

function stampOf({ reply }: Outcome): number {
  const version = parseVersion(reply?.headers['x-fog-version'] ?? '');
  return version === undefined ? Number.NaN : versionMilliseconds(version);
}
