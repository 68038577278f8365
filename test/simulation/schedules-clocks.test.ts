// Scripted schedules about clocks that are far off, or jump (H31).

import { describe, expect, test } from 'vitest';
import { replyHeader } from '../../src/cluster/http/http.ts';
import { NODE_CLOCK_OFF_MS_MAX } from '../../src/cluster/model/limits.ts';
import { parseVersion, versionMilliseconds } from '../../src/cluster/model/version.ts';
import type { ClusterShape, SimulatedNode } from '../../src/simulation/cluster.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { type Outcome, SEEDS, Stage } from './founded.ts';

const SHAPE: ClusterShape = { storages: 3, frontends: 2, redundancy: 3, fsync: 'interval' };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

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
      return bytesOf(reply).toString();
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
    const before = stage.incarnationIdOf(node).incarnation;
    node.crash(false);
    node.process.wallOffsetMs = sign * (NODE_CLOCK_OFF_MS_MAX + 1000);
    let warnings = 0;
    node.onLog = (message) => {
      if (message === 'no word from the controller') warnings++;
    };
    node.start();
    stage.pass(5000);
    expect(stage.incarnationIdOf(node).incarnation).toBe(before);
    const readiness = bytesOf(node.peek(plainGet('/readyz'))).toString();
    expect(readiness).toMatch(/60 minutes (ahead of|behind) the time of the cluster/);
    expect(warnings).toBe(1);
    const metrics = stage.cluster.controller.peek(plainGet('/metrics'));
    expect(bytesOf(metrics).toString()).toMatch(
      /^velourfog_refused_messages_total\{reason="clock-off"\} [1-9]/m,
    );
    node.process.wallOffsetMs = sign * (NODE_CLOCK_OFF_MS_MAX - 1000);
    stage.until('it is registered', () => stage.incarnationIdOf(node).incarnation > before);
    stage.expectHealed([], 3);
  });
});

/** Two copies of each key on four nodes, a key of each partition, and a node that has some of them. */
function wide(shape: Partial<ClusterShape> = {}) {
  const stage = new Stage(1, { ...SHAPE, storages: 4, redundancy: 2, fsync: 'always', ...shape });
  const keys = stage.map.partitions.map((_, partition) => stage.keysIn(partition, 1)[0] ?? '');
  /** All are set, with and without a ttl, and read again, by each frontend: all of it must be answered 200. */
  const expectUsable = () => {
    for (const frontend of stage.cluster.frontends) {
      const sets = keys.map((key) => stage.set(frontend, key));
      for (const set of sets) stage.expectStatus(set, 200);
      const lasting = keys.map((key) => send(frontend, `/set?key=t${key}&value=1&ttl=600`));
      for (const set of lasting) stage.expectStatus(set, 200);
    }
    // Each member of a partition is asked now and then.
    for (const frontend of stage.cluster.frontends) {
      const gets = keys.flatMap((key) => [
        stage.get(frontend, key),
        send(frontend, `/get?key=t${key}`),
      ]);
      for (const get of gets) stage.expectStatus(get, 200);
    }
  };
  return { stage, keys, node: stage.storage(0), expectUsable };
}

function send(frontend: SimulatedNode, target: string): Outcome {
  const outcome: Outcome = { reply: undefined, atMs: 0 };
  frontend.request(plainGet(target), (reply) => {
    outcome.reply = reply;
  });
  return outcome;
}

describe('H31: a clock that jumps costs nobody a set or a get', () => {
  const FAR = [-25 * HOUR_MS, 25 * HOUR_MS];
  const JUMPS = [...FAR, 50 * MINUTE_MS, -MINUTE_MS, -60 * 365 * DAY_MS];

  test.each(JUMPS)('of a storage node, by %i ms, at once and later', (jumpMs) => {
    const { stage, node, expectUsable } = wide();
    expectUsable();
    node.process.wallOffsetMs = jumpMs;
    expectUsable();
    stage.pass(60_000);
    expectUsable();
    node.process.wallOffsetMs = 0;
    expectUsable();
    stage.expectHealed([], 2);
  });

  test.each(FAR)('of the controller, by %i ms', (jumpMs) => {
    const { stage, expectUsable } = wide();
    stage.cluster.controller.process.wallOffsetMs = jumpMs;
    expectUsable();
    stage.pass(20_000);
    expectUsable();
    expect(stage.cluster.storages.every((node) => stage.isMember(node))).toBe(true);
    stage.expectKept();
  });

  test.each(FAR)('of a frontend and a storage node of one host, by %i ms', (jumpMs) => {
    const { stage, node, expectUsable } = wide();
    node.process.wallOffsetMs = jumpMs;
    stage.frontend(0).process.wallOffsetMs = jumpMs;
    expectUsable();
    stage.pass(20_000);
    expectUsable();
    stage.expectKept();
  });

  test.each(FAR)('of the controller and a storage node of one host, by %i ms', (jumpMs) => {
    const { stage, node, expectUsable } = wide();
    const { controller } = stage.cluster;
    node.process.wallOffsetMs = jumpMs;
    controller.process.wallOffsetMs = jumpMs;
    expectUsable();
    stage.pass(20_000);
    controller.crash(false);
    expectUsable();
    controller.start();
    stage.pass(20_000);
    expectUsable();
    const others = stage.cluster.storages.slice(1);
    expect(others.every((other) => stage.isMember(other))).toBe(true);
    stage.expectKept();
  });

  test.each([1, 2])('where there are only %i storage nodes', (storages) => {
    const { stage, node, expectUsable } = wide({ storages, redundancy: storages });
    for (const jumpMs of [...JUMPS, 0]) {
      node.process.wallOffsetMs = jumpMs;
      expectUsable();
      stage.pass(10_000);
      expectUsable();
    }
    stage.expectKept();
  });

  test.each(FAR)('while the controller is away, by %i ms', (jumpMs) => {
    const { stage, node, expectUsable } = wide();
    stage.cluster.controller.crash(false);
    stage.pass(5000);
    node.process.wallOffsetMs = jumpMs;
    expectUsable();
    stage.pass(20_000);
    expectUsable();
    stage.expectKept();
  });

  test('nor do many clocks, forth and back', () => {
    const { stage, expectUsable } = wide();
    const { controller, storages, frontends } = stage.cluster;
    const clocks = [storages[0], frontends[0], storages[1], controller];
    for (const [index, node] of clocks.entries()) {
      for (const jumpMs of [DAY_MS, 0, -DAY_MS, 0]) {
        if (node !== undefined) node.process.wallOffsetMs = jumpMs;
        stage.pass(500 * index);
        expectUsable();
      }
    }
    stage.expectKept();
  });
});

describe('H31: a storage node whose clock is over an hour off', () => {
  test.each([DAY_MS, -DAY_MS])(
    'by %i ms gives up what others can have, and gets it back',
    (offMs) => {
      const { stage, keys, node, expectUsable } = wide();
      expectUsable();
      const said: unknown[] = [];
      const { controller } = stage.cluster;
      const { onLog } = controller;
      controller.onLog = (message, fields) => {
        onLog(message, fields);
        const { node: whose, aheadMs } = fields;
        if (message.startsWith('the clock of a storage node')) said.push([message, whose, aheadMs]);
      };
      node.process.wallOffsetMs = offMs;
      stage.until('it has nothing', () => !stage.isMember(node), 30_000, 50);
      for (const key of keys) expect(stage.membersOf(key)).toHaveLength(2);
      expect(stage.map.nodes.storage0).toMatchObject({ fenced: false, draining: false });
      const status = JSON.parse(bytesOf(controller.peek(plainGet('/status'))).toString());
      expect(Math.abs(status.storage.storage0.clockAheadMs - offMs)).toBeLessThan(2000);
      expect(Math.abs(Number(stage.statusOf(node).clock_ahead_ms) - offMs)).toBeLessThan(2000);
      expectUsable();
      node.process.wallOffsetMs = 0;
      stage.until('it has some again', () => stage.isMember(node), 30_000, 50);
      expectUsable();
      const about = (ms: number) => expect.closeTo(ms, -4);
      expect(said).toEqual([
        ['the clock of a storage node is off: set it right', 'storage0', about(offMs)],
        ['the clock of a storage node is right again', 'storage0', expect.anything()],
      ]);
      stage.expectHealed([], 2);
    },
  );

  test('keeps what nobody could copy from it', () => {
    const { stage, node, expectUsable } = wide({ storages: 3, redundancy: 1 });
    expectUsable();
    const served = () =>
      stage.map.partitions.filter(({ members }) =>
        members.some((member) => member.node === 'storage0' && member.role === 'serving'),
      ).length;
    const before = served();
    expect(before).toBeGreaterThan(0);
    stage.cut([node], stage.cluster.storages);
    node.process.wallOffsetMs = DAY_MS;
    stage.pass(30_000);
    expect(served()).toBe(before);
    stage.heal([node], stage.cluster.storages);
    stage.until('it has nothing', () => !stage.isMember(node), 90_000, 50);
    expectUsable();
    stage.expectKept();
  });

  test.each([1, -1])('by a day at a restart is back once it is right, sign %i', (sign) => {
    const { stage, node, expectUsable } = wide();
    expectUsable();
    for (const offMs of [sign * 50 * MINUTE_MS, 0]) {
      const isBack = restarted(stage, node, sign * DAY_MS);
      stage.pass(5000);
      expectUsable();
      // Its incarnation may be of then.
      node.process.wallOffsetMs = offMs;
      stage.until('it is a member', isBack, 30_000, 50);
      expectUsable();
    }
    stage.expectHealed([], 2);
  });

  test.each([DAY_MS, -DAY_MS])(
    'of a controller that starts anew, by %i ms, does no harm',
    (offMs) => {
      const { stage, node, expectUsable } = wide();
      const { controller } = stage.cluster;
      for (const nextMs of [offMs, 0]) {
        controller.crash(false);
        controller.process.wallOffsetMs = nextMs;
        controller.start();
        stage.pass(3000);
        expectUsable();
        // By the clocks of the others it is right.
        stage.until('it is a member', restarted(stage, node, 0), 10_000, 50);
        expectUsable();
      }
      stage.expectKept();
    },
  );
});

describe('H30, H31: what a storage node forgets by the time of the cluster', () => {
  const times = { antiEntropyMs: 2000, expiryGraceMs: 1000, tombstoneGraceMs: 30_000 };

  test.each([
    [DAY_MS, undefined],
    [DAY_MS, 'evict' as const],
    [-DAY_MS, undefined],
  ])('with a clock that is %i ms off, is not what lives; whenFull %s', (offMs, whenFull) => {
    const shape = { ...SHAPE, times, ...(whenFull === undefined ? {} : { whenFull }) };
    const stage = new Stage(1, shape);
    const node = stage.storage(0);
    stage.expectStatus(send(stage.frontend(0), '/set?key=a&value=1&ttl=20'), 200);
    stage.expectStatus(stage.set(stage.frontend(0), 'b'), 200);
    stage.expectStatus(stage.delete(stage.frontend(0), 'b'), 200);
    // Or the node would be relieved of its copies before it forgot anything.
    stage.cluster.controller.crash(false);
    node.process.wallOffsetMs = offMs;
    stage.pass(15_000);
    for (const storage of stage.cluster.storages) {
      expect(stage.heldBy(storage, 'a')).toBe('1');
      expect(stage.heldBy(storage, 'b')).toBe('deleted');
    }
    for (let round = 0; round < 6; round++) {
      stage.expectStatus(send(stage.frontend(0), '/get?key=a'), 200);
    }
    stage.pass(30_000);
    for (let round = 0; round < 6; round++) {
      stage.expectStatus(send(stage.frontend(0), '/get?key=a'), 404);
    }
    for (const storage of stage.cluster.storages) {
      expect(stage.heldBy(storage, 'a')).toBeUndefined();
      expect(stage.heldBy(storage, 'b')).toBeUndefined();
    }
  });

  test.each([8000, -8000])('a ttl is as long as it was said by a frontend %i ms off', (offMs) => {
    const stage = new Stage(1, SHAPE);
    const frontend = stage.frontend(0);
    frontend.process.wallOffsetMs = offMs;
    stage.expectStatus(send(frontend, '/set?key=a&value=1&ttl=5'), 200);
    stage.pass(4000);
    stage.expectStatus(send(stage.frontend(1), '/get?key=a'), 200);
    stage.pass(2000);
    stage.expectStatus(send(stage.frontend(1), '/get?key=a'), 404);
  });
});

/** @returns whether its new life is a member */
function restarted(stage: Stage, node: SimulatedNode, wallOffsetMs: number): () => boolean {
  const { incarnation } = stage.incarnationIdOf(node);
  node.crash(false);
  node.process.wallOffsetMs = wallOffsetMs;
  node.start();
  return () => stage.incarnationIdOf(node).incarnation > incarnation && stage.isMember(node);
}

function stampOf({ reply }: Outcome): number {
  const version = parseVersion(replyHeader(reply, 'x-fog-version') ?? '');
  return version === undefined ? Number.NaN : versionMilliseconds(version);
}
