// How a recovery goes about its promises (H32): whom it asks for which generation, and which answers count. What it
// concludes from them is recovered.test.ts's.

import { describe, expect, test } from 'vitest';
import type { ClusterMap, NodeEntry } from '../../../src/cluster/model/cluster-map.ts';
import { type Address, GENERATION_MAX, type NodeId } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { ControlCall, Runtime } from '../../../src/cluster/ports.ts';
import type { PrepareRequest } from '../../../src/cluster/wire/control-messages.ts';
import { MapRecovery } from '../../../src/controller/map/recovery.ts';
import { callerOver } from '../../helpers/control-caller.ts';
import { CLUSTER, sampleMap } from '../../helpers/maps.ts';

const TIMES = protocolTimes(1);
const SECOND = 10;

/** A recovery that is asked for nothing more than to ask nodes a and b, which hold everything. */
function recovering({ isOnlyController = true, above = 0 } = {}) {
  let nowMs = 0;
  let tokens = 0;
  let seen = 0;
  const asked: {
    readonly address: Address;
    readonly message: PrepareRequest;
    readonly answer: (reply: object) => void;
  }[] = [];
  const timers: (() => void)[] = [];
  const published: ClusterMap[] = [];
  const problems: string[] = [];
  const runtime = {
    clock: { monotonicMs: () => nowMs, wallMs: () => 1000 * SECOND },
    random: { token: () => `nonce${++tokens}` },
    timers: { after: (_ms: number, callback: () => void) => timers.push(callback) },
    logger: {
      write: (_level: string, message: string) => problems.push(message),
    },
    network: {
      call: ({ address, message }: ControlCall, callback: (outcome: unknown) => void) => {
        const answer = (reply: object) =>
          callback({ kind: 'answered', status: 200, message: reply });
        asked.push({ address, message: message as unknown as PrepareRequest, answer });
      },
    },
  } as unknown as Runtime;
  const options = { times: TIMES, cluster: CLUSTER, above, isOnlyController };
  const recovery = new MapRecovery(runtime, callerOver(runtime.network), options, (map) =>
    published.push(map),
  );
  const { nodes } = sampleMap();
  for (const { address } of Object.values(nodes)) recovery.found(address);
  const last = () => asked.at(-1)?.message as PrepareRequest;
  /** What the node says when it promised what was asked of it last, unless it says otherwise. */
  const promise = (node: 'a' | 'b', reply: object = {}) => {
    const { address, store, incarnation } = nodes[node] as NodeEntry;
    const { generation, nonce } = last();
    const promised = { generation, nonce, living: true, map: sampleMap() };
    asked.at(-1)?.answer({ node, address, store, incarnation, ...promised, ...reply });
  };
  const beat = (milliseconds = TIMES.heartbeatMs) => {
    nowMs += milliseconds;
    timers.shift()?.();
  };
  /** Whom the recovery has asked since this was called last. */
  const asks = () => {
    const addresses = asked.slice(seen).map(({ address }) => address);
    seen = asked.length;
    return addresses;
  };
  return { recovery, last, promise, beat, asks, published, problems };
}

const OTHER = { generation: SECOND, nonce: 'other' };

describe('the generation', () => {
  test('is the second, with a nonce that is drawn for this recovery alone', () => {
    const { last } = recovering();
    expect(last()).toMatchObject({ generation: SECOND, nonce: 'nonce1' });
  });

  test.each([
    ['a promise to another recovery, of a later second', { generation: 20, nonce: 'other' }, 21],
    ['a promise to another recovery of the same second', OTHER, SECOND + 1],
    ['a map of as high a generation', { map: mapAt(SECOND) }, SECOND + 1],
    ['a map of another controller that opened it', { map: mapAt(SECOND, 'x') }, SECOND + 1],
    ['a promise to this one', {}, SECOND],
    ['a promise to an earlier one', { generation: 3, nonce: 'other' }, SECOND],
  ])('is above %s', (_what, reply, expected) => {
    const { promise, beat, last } = recovering();
    promise('a', reply);
    beat();
    expect(last().generation).toBe(expected);
  });

  test('is no way out where nothing is above what a node promised: it says so, and goes on', () => {
    const { promise, beat, last, recovery, published } = recovering();
    promise('a', { generation: GENERATION_MAX, nonce: 'other' });
    beat();
    expect(last().generation).toBe(SECOND);
    expect(recovery.waitingFor).toMatch(/a has a generation of 9+ or more/);
    promise('b');
    beat(TIMES.suspicionMs);
    // One of two is no majority (D6).
    expect(published).toEqual([]);
  });

  test('above the last one that there is is refused at the start', () => {
    expect(() => recovering({ above: GENERATION_MAX })).toThrow(/no controller can open one/);
  });
});

describe('a promise', () => {
  test('to another nonce is none, whatever its number', () => {
    const { promise, published, recovery } = recovering();
    promise('a');
    promise('b', OTHER);
    expect(published).toEqual([]);
    expect(recovery.waitingFor).toMatch(/^recovery: 0 nodes promised/);
  });

  test('of earlier software, which does not say to whom, is none, and is told once', () => {
    const { promise, beat, last, published, recovery, problems } = recovering();
    promise('a');
    for (let count = 0; count < 3; count++) {
      promise('b', { nonce: undefined });
      beat();
    }
    expect(published).toEqual([]);
    expect(last().generation).toBe(SECOND);
    expect(recovery.waitingFor).toMatch(/b runs earlier software/);
    expect(problems.filter((line) => line === 'a promise cannot be used')).toHaveLength(1);
  });

  test('of all publishes at once, at this very generation', () => {
    const { promise, published } = recovering();
    promise('a');
    promise('b');
    expect(published.map(({ version }) => version)).toEqual([
      { generation: SECOND, nonce: 'nonce1', number: 1 },
    ]);
  });

  test('that is told again says what the node knew when it gave it (a repeated message)', () => {
    const { promise, beat, published } = recovering();
    promise('a', { map: mapAt(2) });
    promise('a', { map: mapAt(3) });
    promise('b', { map: mapAt(1) });
    beat();
    expect(published[0]?.partitions[0]?.epoch).toBe(1_000_002);
  });

  test('is asked of a node that comes to the address of one that has promised, until it promises (H32)', () => {
    const { recovery, promise, beat, asks, published } = recovering();
    promise('a');
    beat();
    const { a, b } = sampleMap().nodes as Record<string, NodeEntry>;
    expect(asks().slice(2)).toEqual([b?.address]);
    // Node a is gone, and b was started anew where a was: the first question is lost.
    const place = a?.address as Address;
    recovery.found(place, 'b' as NodeId);
    expect(asks()).toEqual([place]);
    beat();
    expect(asks()).toContain(place);
    beat();
    promise('b', { address: place });
    expect(published).toHaveLength(1);
    asks();
    recovery.found(place, 'b' as NodeId);
    beat();
    expect(asks()).not.toContain(place);
  });

  test('is asked of nobody once no entry is frozen, and again should one be', () => {
    const { recovery, promise, beat, asks, published } = recovering();
    const gone = '127.0.0.1:9' as Address;
    promise('a');
    promise('b');
    recovery.found(gone);
    asks();
    beat();
    expect(asks()).toEqual([gone]);
    const [map] = published as [ClusterMap];
    expect(recovery.thaw(map)).toBe(map);
    beat();
    recovery.found('127.0.0.1:8' as Address);
    expect(asks()).toEqual([]);
    const partitions = map.partitions.map((entry) => ({ ...entry, frozen: true }));
    recovery.thaw({ ...map, partitions });
    beat();
    expect(asks()).toEqual([gone, '127.0.0.1:8']);
  });

  test('that is missing leaves a text that says whose, and how many are needed', () => {
    const { promise, recovery } = recovering();
    promise('a');
    expect(recovery.waitingFor).toBe(
      'recovery: 1 nodes promised, not yet b; 2 of 2 must: start them, or name those that are gone for good with velour forget',
    );
  });
});

/** As of that generation, at an epoch of the same number. */
function mapAt(generation: number, nonce?: string): ClusterMap {
  return { ...sampleMap({ epoch: generation }), version: { generation, nonce, number: 1 } };
}
