// Which grants extend a lease, and from when: one life of a node, with its controller and its witnesses
// played by the test.

import { describe, expect, test } from 'vitest';
import { ClusterClock } from '../../src/cluster/model/cluster-clock.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { ControlCall, Runtime } from '../../src/cluster/ports.ts';
import { CONTROL } from '../../src/cluster/wire/control-table.ts';
import { Heartbeats } from '../../src/storage/heartbeats.ts';
import { Lease } from '../../src/storage/lease.ts';
import { MEMORY_ONLY } from '../../src/storage/log/durability.ts';
import { LoggedStore } from '../../src/storage/logged-store.ts';
import { SegmentStore } from '../../src/storage/memory/segment-store.ts';
import { Replica } from '../../src/storage/replication/replica.ts';
import { callerOver } from '../helpers/control-caller.ts';
import { incarnationOf, nodeId, sampleMap, sampleNode } from '../helpers/maps.ts';

const CONTROLLER = 'controller:1' as Address;

/**
 * Node a, which has a map unless told otherwise, and has just asked for grants; with b, or the only witness.
 * @param adopts whether it can make durable what it is offered
 */
function asking({ hasMap = true, isAlone = false, adopts = true } = {}) {
  let nowMs = 0;
  const timers: { readonly dueMs: number; readonly callback: () => void }[] = [];
  const asked: {
    readonly address: string;
    readonly path: string;
    readonly message: unknown;
    readonly answer: (message: unknown) => void;
  }[] = [];
  const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs };
  const times = protocolTimes(1);
  const incarnationId = { node: nodeId('a'), incarnation: incarnationOf(1) };
  const lease = new Lease(clock, times);
  const options = { incarnationId, valueBytesMax: 100, copyChunkBytes: 262_144, lease };
  const replica = new Replica(new LoggedStore(new SegmentStore(), MEMORY_ONLY), clock, options);
  const map = sampleMap();
  if (hasMap) replica.adopt(isAlone ? { ...map, witnesses: [incarnationId] } : map);
  const runtime = {
    clock,
    timers: {
      after: (milliseconds: number, callback: () => void) => {
        timers.push({ dueMs: nowMs + milliseconds, callback });
        return () => undefined;
      },
    },
    logger: { write: () => undefined },
    network: {
      call: (
        { address, path, message: sent }: ControlCall,
        callback: (outcome: unknown) => void,
      ) => {
        const answer = (message: unknown) => callback({ kind: 'answered', status: 200, message });
        asked.push({ address, path, message: sent, answer });
      },
    },
  } as unknown as Runtime;
  const state = {
    items: 0,
    payloadBytes: 0,
    writable: true,
    joined: [],
    withoutMemory: [],
    copying: [],
    vouched: [],
    diskProblem: undefined,
    retained: undefined,
    retains: false,
  };
  const clusterClock = new ClusterClock(clock, runtime.logger);
  const heartbeats = new Heartbeats(
    runtime,
    callerOver(runtime.network),
    replica,
    { controller: CONTROLLER, times, clock: clusterClock },
    {
      state: () => state,
      offered: (map) => {
        replica.obey(map);
        if (adopts) replica.adopt(map);
      },
      adopted: () => undefined,
      unknown: () => undefined,
      problem: () => undefined,
    },
  );
  heartbeats.start();
  const answer = (path: string, message: object) => {
    const call = asked.find((each) => each.path === path);
    if (call === undefined) throw new Error(`nobody was asked for ${path}`);
    call.answer(message);
  };
  const pass = (milliseconds: number) => {
    nowMs += milliseconds;
  };
  /** So many of the next beats, each in its time. */
  const beat = (beats: number) => {
    for (let count = 0; count < beats; count++) {
      const next = Math.min(...timers.map(({ dueMs }) => dueMs));
      nowMs = next;
      const due = timers.filter(({ dueMs }) => dueMs === next);
      for (const timer of due) timers.splice(timers.indexOf(timer), 1);
      for (const { callback } of due) callback();
    }
  };
  const heartbeatsSent = () =>
    asked.filter(({ path }) => path === CONTROL.heartbeat.http.path).length;
  const lastHeartbeat = () => asked.findLast(({ path }) => path === CONTROL.heartbeat.http.path);
  /** Of the node at this port, to all that it was asked. */
  const answersOf = (port: number, message: object) => {
    for (const call of asked) {
      if (call.path === CONTROL.grant.http.path && call.address === `127.0.0.1:${port}`)
        call.answer(message);
    }
  };
  return { replica, clusterClock, answer, answersOf, pass, beat, heartbeatsSent, lastHeartbeat };
}

const VERSION = { generation: 1, number: 1 };
const granted = { incarnation: 1, mapVersion: VERSION, lease: true };
/** The other witness's; with the node's own vote a majority of the two. */
const vote = { incarnation: 1, mapVersion: VERSION, answer: 'granted' };

describe.each([
  ['the controller', CONTROL.heartbeat.http.path, granted],
  ['the witnesses', CONTROL.grant.http.path, vote],
])('a grant of %s', (_whose, path, grant) => {
  test('counts from the sending of the question (H4)', () => {
    const { replica, answer, pass } = asking();
    pass(400);
    answer(path, grant);
    expect(replica.lease.remainingMs()).toBe(600);
  });

  test('given under a map that this node does not have counts for nothing (H3)', () => {
    const { replica, answer } = asking();
    answer(path, { ...grant, mapVersion: { generation: 1, number: 2 } });
    expect(replica.lease.isLive()).toBe(false);
  });

  test('of a generation before the promised one counts for nothing (H32)', () => {
    const { replica, answer } = asking();
    replica.promise({ generation: 2, nonce: 'n' });
    answer(path, grant);
    expect(replica.lease.isLive()).toBe(false);
  });

  test('that is for, or of, another life counts for nothing (D2, H6)', () => {
    const { replica, answer } = asking();
    answer(path, { ...grant, incarnation: 2 });
    expect(replica.lease.isLive()).toBe(false);
  });
});

test('the own vote counts for nothing either once a later generation is promised (H32)', () => {
  const { replica, beat } = asking({ isAlone: true });
  expect(replica.lease.isLive()).toBe(true);
  replica.promise({ generation: 2, nonce: 'n' });
  // Asked for again and again, by nobody but itself.
  beat(20);
  expect(replica.lease.isLive()).toBe(false);
});

test('a grant counts with a map that is obeyed and cannot be adopted, and each heartbeat names both (H3)', () => {
  const { replica, answer, pass, beat, heartbeatsSent, lastHeartbeat } = asking({ adopts: false });
  pass(400);
  const map = sampleMap({ number: 2 });
  answer(CONTROL.heartbeat.http.path, { ...granted, mapVersion: map.version, map });
  expect(replica.lease.remainingMs()).toBe(600);
  while (heartbeatsSent() < 2) beat(1);
  expect(lastHeartbeat()?.message).toMatchObject({
    mapVersion: VERSION,
    obeyedVersion: map.version,
  });
});

describe('while a newer map than the adopted one is seen', () => {
  /** Witnesses a and b by the adopted map; by the newer one these. */
  const obeying = (witnesses: readonly string[]) => {
    const play = asking({ adopts: false });
    const sample = sampleMap({ number: 2 });
    const incarnationId = (node: string) => ({ node: nodeId(node), incarnation: incarnationOf(1) });
    const nodes = { ...sample.nodes, c: sampleNode(3) };
    play.replica.obey({ ...sample, nodes, witnesses: witnesses.map(incarnationId) });
    play.beat(3);
    return play;
  };
  const yes = { ...vote, mapVersion: { generation: 1, number: 2 } };

  test('a majority of its witnesses is needed as well (R5, H13)', () => {
    const { replica, answersOf } = obeying(['a', 'c', 'b']);
    answersOf(2, yes);
    expect(replica.lease.isLive()).toBe(true);
    const other = obeying(['c']);
    other.answersOf(2, yes);
    expect(other.replica.lease.isLive()).toBe(false);
    other.answersOf(3, yes);
    expect(other.replica.lease.isLive()).toBe(true);
  });

  test('a majority of its witnesses alone is not enough (R5)', () => {
    const { replica, answersOf } = obeying(['a']);
    expect(replica.lease.isLive()).toBe(false);
    answersOf(2, yes);
    expect(replica.lease.isLive()).toBe(true);
  });
});

test('the controller tells the time of the cluster, half-way back; the node goes on with it (H31)', () => {
  const { clusterClock, answer, pass, beat, lastHeartbeat } = asking();
  expect(lastHeartbeat()?.message).toMatchObject({ wallMs: 0, timeMs: 0 });
  pass(20);
  answer(CONTROL.heartbeat.http.path, { ...granted, timeMs: 5_000_010 });
  expect(clusterClock.wallMs()).toBe(5_000_020);
  pass(80);
  beat(2);
  const timeMs = clusterClock.wallMs();
  expect(lastHeartbeat()?.message).toMatchObject({ wallMs: timeMs - 5_000_000, timeMs });
  // Older software, or a controller that does not know it yet.
  lastHeartbeat()?.answer(granted);
  expect(clusterClock.aheadMs()).toBe(-5_000_000);
});

test('a witness that says no is no vote (R5)', () => {
  const { replica, answer } = asking();
  answer(CONTROL.grant.http.path, { ...vote, answer: 'fenced' });
  expect(replica.lease.isLive()).toBe(false);
});

test('a node without a map waits for an answer, which may be one, before it asks again', () => {
  const { answer, beat, heartbeatsSent } = asking({ hasMap: false });
  beat(10);
  expect(heartbeatsSent()).toBe(1);
  answer(CONTROL.heartbeat.http.path, { incarnation: 1, mapVersion: VERSION, lease: false });
  beat(10);
  expect(heartbeatsSent()).toBe(2);
});

test('a node with a map does not: an answer that is lost must not make it look silent (R5)', () => {
  const { beat, heartbeatsSent } = asking();
  beat(10);
  expect(heartbeatsSent()).toBeGreaterThan(4);
});

test('what changed is laid over the map; what cannot be is asked for whole, once (H38)', () => {
  const { replica, beat, heartbeatsSent, lastHeartbeat } = asking();
  const { partitions: _partitions, ...head } = sampleMap({ number: 3 });
  const delta = (since: number) => ({
    ...head,
    since: { generation: 1, number: since },
    partitions: { 5: { epoch: 9, members: [] } },
  });
  const heartbeat = (news: object) => {
    lastHeartbeat()?.answer({ incarnation: 1, mapVersion: head.version, lease: true, ...news });
    const sent = heartbeatsSent();
    while (heartbeatsSent() === sent) beat(1);
    return lastHeartbeat()?.message;
  };
  expect(lastHeartbeat()?.message).toMatchObject({ deltas: true });
  expect(heartbeat({ delta: delta(2) })).toMatchObject({ deltas: false, mapVersion: VERSION });
  expect(replica.lease.remainingMs()).toBe(0);
  expect(heartbeat({ delta: delta(1) })).toMatchObject({ deltas: true, mapVersion: head.version });
  expect(replica.map?.partitions[5]?.epoch).toBe(9);
});
