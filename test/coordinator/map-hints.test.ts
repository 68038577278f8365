// Where a frontend has its first map from while the controller is away, whom it believes, and what becomes of its map
// file: the router with storage nodes, a controller and files played by the test (H2, I1).

import { describe, expect, test } from 'vitest';
import type { ClusterMap } from '../../src/cluster/model/cluster-map.ts';
import type { Address, ClusterId } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { CallOutcome, ControlCall, DiskResult, Runtime } from '../../src/cluster/ports.ts';
import { encodeMapFile } from '../../src/cluster/wire/map-file.ts';
import { CachedMap } from '../../src/coordinator/cached-map.ts';
import { MapFollower } from '../../src/coordinator/map-follower.ts';
import { MapHints } from '../../src/coordinator/map-hints.ts';
import { Router } from '../../src/coordinator/router.ts';
import { callerOver } from '../helpers/control-caller.ts';
import { sampleMap } from '../helpers/maps.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const times = protocolTimes(1);
const [FIRST, SECOND, CONTROLLER] = ['s:1', 's:2', 'c:1'] as unknown as readonly [
  Address,
  Address,
  Address,
];
const AWAY: CallOutcome = { kind: 'failed', detail: 'ECONNREFUSED' };
const TITLE = 'velour-fog frontend map';

function mapOf(number: number, cluster = 'cluster'): ClusterMap {
  return { ...sampleMap({ number }), cluster: cluster as ClusterId };
}

/** As who has this map answers who asks since another one. */
function telling(map: ClusterMap): (call: ControlCall) => CallOutcome {
  return ({ message: asked }) => {
    const since = Number(/^\d+\.(\d+)/.exec(String(asked?.since))?.[1]);
    const message = JSON.parse(JSON.stringify(since < map.version.number ? { map } : {}));
    return { kind: 'answered', status: 200, message };
  };
}

interface Scene {
  /** Who answers what, nothing if undefined; who is not here refuses. */
  readonly answers?: Record<string, (call: ControlCall) => CallOutcome | undefined>;
  readonly storages?: readonly Address[];
  /** What the map file has; undefined: there is none. */
  readonly file?: Buffer | undefined;
  /** How long it takes to read it. */
  readonly readMs?: number;
  /** The first write fails. */
  readonly full?: boolean;
}

/** A frontend's router, follower, hints and map file, just started. */
function starting({ answers = {}, storages = [], file, readMs = 1, full = false }: Scene) {
  const time = new VirtualTime();
  const calls: { readonly address: Address; readonly since: string; readonly atMs: number }[] = [];
  const warnings: string[] = [];
  const disk = { bytes: file, writes: [] as { readonly atMs: number; readonly bytes: Buffer }[] };
  const runtime = {
    clock: time,
    timers: time,
    random: { below: () => 0 },
    logger: {
      write: (level: string, message: string, fields: object = {}) => {
        if (level === 'warn') warnings.push(`${message} ${JSON.stringify(fields)}`);
      },
    },
    network: {
      call: (call: ControlCall, callback: (outcome: CallOutcome) => void) => {
        const { address, message } = call;
        calls.push({ address, since: String(message?.since), atMs: time.monotonicMs() });
        const behaves = answers[call.address] ?? (() => AWAY);
        const outcome = behaves(call);
        time.after(outcome === undefined ? call.timeoutMs : 1, () => callback(outcome ?? AWAY));
      },
    },
  } as unknown as Runtime;
  const files = {
    read: (_: string, callback: (result: DiskResult<Buffer | undefined>) => void) =>
      time.after(readMs, () => callback({ kind: 'done', value: disk.bytes })),
    replace: (_: string, bytes: Buffer, callback: (result: DiskResult<undefined>) => void) => {
      disk.writes.push({ atMs: time.monotonicMs(), bytes });
      const fails = full && disk.writes.length === 1;
      if (!fails) disk.bytes = bytes;
      const result: DiskResult<undefined> = fails
        ? { kind: 'failed', detail: 'ENOSPC' }
        : { kind: 'done', value: undefined };
      time.after(5, () => callback(result));
    },
  };
  const path = '/var/lib/velour/map';
  const cache = new CachedMap(runtime, times, { files, name: 'map', path, writes: true });
  const router = new Router(runtime, times, (map) => cache.save(map));
  const options = { controller: CONTROLLER, times };
  const client = callerOver(runtime.network);
  const follower = new MapFollower(runtime, client, router, options, () => undefined);
  const isControllerAway = () => follower.problem !== undefined;
  const hints = new MapHints(runtime, client, router, { times, storages, cache, isControllerAway });
  follower.start();
  hints.start();
  const asked = (address: Address) => calls.filter((call) => call.address === address);
  return { time, router, calls, asked, warnings, disk, answers };
}

const fileOf = (map: ClusterMap) => encodeMapFile(TITLE, map);

describe('a frontend that starts while the controller is away', () => {
  test('has its map from a storage node that it was told of', () => {
    const { time, router } = starting({
      answers: { [SECOND]: telling(mapOf(3)) },
      storages: [FIRST, SECOND],
    });
    time.runTo(2 * times.heartbeatMs);
    expect(router.map).toEqual(mapOf(3));
  });

  test('has it from its file', () => {
    const { time, router } = starting({ file: fileOf(mapOf(3)) });
    time.runTo(times.heartbeatMs);
    expect(router.map).toEqual(mapOf(3));
  });

  test.each([
    [3, 7],
    [7, 3],
  ])('ends with the newest of those that it is told, %i and %i (I1)', (first, second) => {
    const { time, router } = starting({
      answers: { [FIRST]: telling(mapOf(first)), [SECOND]: telling(mapOf(second)) },
      storages: [FIRST, SECOND],
      file: fileOf(mapOf(1)),
    });
    time.runTo(2 * times.heartbeatMs);
    expect(router.map).toEqual(mapOf(7));
  });

  test('has none without either', () => {
    const { time, router } = starting({});
    time.runTo(10_000);
    expect(router.map).toBeUndefined();
  });

  test('asks often until it has one, then seldom, and not at all once the controller answers', () => {
    const { time, asked, answers } = starting({ storages: [FIRST] });
    /** How often in so long. */
    const asks = (milliseconds: number) => {
      const before = asked(FIRST).length;
      time.runTo(time.monotonicMs() + milliseconds);
      return asked(FIRST).length - before;
    };
    expect(asks(10 * times.heartbeatMs + 1)).toBe(10);
    answers[FIRST] = telling(mapOf(3));
    asks(times.heartbeatMs);
    expect(asks(2 * times.mapPollMs)).toBe(2);
    answers[CONTROLLER] = telling(mapOf(4));
    asks(2 * times.heartbeatMs);
    expect(asks(2 * times.mapPollMs)).toBe(0);
    expect(asked(CONTROLLER).at(-1)?.since).toMatch(/^1.4/);
  });

  test('asks the storage nodes of its map as well, once the controller does not answer any more (F1)', () => {
    const { time, router, answers } = starting({ answers: { [CONTROLLER]: telling(mapOf(3)) } });
    const pass = (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds);
    pass(times.heartbeatMs);
    for (const { address } of Object.values(mapOf(3).nodes)) answers[address] = telling(mapOf(4));
    pass(2 * times.mapPollMs);
    expect(router.map).toEqual(mapOf(3));
    answers[CONTROLLER] = () => AWAY;
    pass(times.mapPollMs + times.heartbeatMs);
    expect(router.map).toEqual(mapOf(4));
  });

  test('asks a storage node once at a time, however long it takes', () => {
    const { time, asked } = starting({
      storages: [FIRST],
      answers: { [FIRST]: () => undefined },
    });
    time.runTo(3 * times.controlCallMs);
    expect(asked(FIRST)).toHaveLength(3);
  });
});

describe('which cluster this is', () => {
  const OTHER = mapOf(900, 'other');

  test('the controller says, whatever a file or storage nodes said before', () => {
    const { time, router, answers, asked, warnings } = starting({
      answers: { [FIRST]: telling(OTHER) },
      storages: [FIRST],
      file: fileOf(OTHER),
    });
    time.runTo(2 * times.heartbeatMs);
    expect(router.map).toEqual(OTHER);
    // Its map is of a lower version: it must not be asked for what is newer than the hint.
    answers[CONTROLLER] = telling(mapOf(3));
    time.runTo(3 * times.heartbeatMs);
    expect(asked(CONTROLLER)[0]?.since).toMatch(/^0.0/);
    expect(router.map).toEqual(mapOf(3));
    expect(warnings.join()).toContain('the map so far was of another cluster');
  });

  test('storage nodes say, whatever the file has', () => {
    const { time, router } = starting({
      answers: { [FIRST]: telling(mapOf(3)) },
      storages: [FIRST],
      file: fileOf(OTHER),
    });
    time.runTo(times.heartbeatMs / 2);
    expect(router.map).toEqual(OTHER);
    time.runTo(2 * times.heartbeatMs);
    expect(router.map).toEqual(mapOf(3));
  });

  test('nobody says anew once the controller has said it (I1)', () => {
    const { time, router, answers } = starting({
      answers: { [CONTROLLER]: telling(mapOf(3)), [FIRST]: telling(OTHER) },
      storages: [FIRST],
    });
    time.runTo(10);
    answers[CONTROLLER] = () => AWAY;
    time.runTo(3 * times.mapPollMs);
    expect(router.map).toEqual(mapOf(3));
    expect(router.adopt(OTHER, 'controller')).toBe('other-cluster');
  });

  test('the first of two storage nodes says, and the other one is named once', () => {
    const { time, router, warnings } = starting({
      answers: { [FIRST]: telling(mapOf(3)), [SECOND]: telling(OTHER) },
      storages: [FIRST, SECOND],
    });
    time.runTo(4 * times.mapPollMs);
    expect(router.map).toEqual(mapOf(3));
    const named = warnings.filter((text) => text.includes('a storage node is of another cluster'));
    expect(named).toEqual([`a storage node is of another cluster {"address":"${SECOND}"}`]);
  });

  test('an older map of the same cluster from the controller changes nothing, and ends the doubt', () => {
    const { time, router, asked } = starting({
      answers: { [CONTROLLER]: telling(mapOf(3)) },
      file: fileOf(mapOf(5)),
    });
    router.adopt(mapOf(5), 'file');
    time.runTo(100);
    expect(router.map).toEqual(mapOf(5));
    expect(asked(CONTROLLER).at(-1)?.since).toMatch(/^1.5/);
  });
});

describe('the map file', () => {
  const DAMAGED = fileOf(mapOf(3));
  DAMAGED.writeUInt8(DAMAGED.readUInt8(200) ^ 1, 200);
  test.each([
    ['damaged', DAMAGED],
    ['cut short', fileOf(mapOf(3)).subarray(0, 300)],
    ['empty', Buffer.alloc(0)],
    ['of another format', Buffer.from(`${TITLE} 99 00000000\n{}`)],
  ])('that is %s is named and ignored, and replaced by the next map', (_, file) => {
    const { time, router, warnings, disk, answers } = starting({ file });
    time.runTo(100);
    expect(router.map).toBeUndefined();
    expect(warnings.join()).toContain('/var/lib/velour/map');
    answers[CONTROLLER] = telling(mapOf(4));
    time.runTo(100 + times.heartbeatMs + 2 * times.probeMs);
    expect(disk.bytes).toEqual(fileOf(mapOf(4)));
  });

  test.each([
    ["a storage node's map", encodeMapFile('velour-fog storage map', mapOf(3))],
    ['something else', Buffer.from('# my shopping list\n')],
  ])('that is %s is named, and never written over', (_, file) => {
    const { time, router, warnings, disk } = starting({
      file,
      answers: { [CONTROLLER]: telling(mapOf(4)) },
    });
    time.runTo(5 * times.probeMs);
    expect(router.map).toEqual(mapOf(4));
    expect(warnings.join()).toContain('is left as it is');
    expect(disk.writes).toEqual([]);
  });

  test('gets the newest of several maps that come in a row, in one write', () => {
    const { time, router, disk } = starting({ answers: { [CONTROLLER]: telling(mapOf(1)) } });
    for (let number = 2; number < 50; number++) {
      time.runTo(number * 10);
      router.adopt(mapOf(number), 'controller');
    }
    time.runTo(5 * times.probeMs);
    expect(disk.writes.length).toBeLessThanOrEqual(2);
    expect(disk.bytes).toEqual(fileOf(mapOf(49)));
  });

  test('gets what came while it was written', () => {
    const { time, router, disk } = starting({});
    time.runTo(10);
    router.adopt(mapOf(2), 'controller');
    time.runTo(10 + times.probeMs + 1);
    router.adopt(mapOf(3), 'controller');
    time.runTo(10 + 3 * times.probeMs);
    expect(disk.bytes).toEqual(fileOf(mapOf(3)));
  });

  test('is read before it is written, even if the controller is faster than the disk', () => {
    const readMs = 3 * times.probeMs;
    const { time, router, disk } = starting({ file: fileOf(mapOf(9)), readMs });
    router.adopt(mapOf(8), 'controller');
    time.runTo(readMs - 1);
    expect(disk.writes).toEqual([]);
    time.runTo(2 * readMs);
    expect(router.map).toEqual(mapOf(9));
    expect(disk.writes).toEqual([]);
  });

  test('that cannot be written is named, and tried again, also without another map', () => {
    const { time, router, warnings, disk } = starting({ full: true });
    time.runTo(10);
    router.adopt(mapOf(2), 'controller');
    time.runTo(2 * times.probeMs);
    expect(warnings.join()).toContain('ENOSPC');
    time.runTo(120_000);
    expect(disk.bytes).toEqual(fileOf(mapOf(2)));
  });
});
