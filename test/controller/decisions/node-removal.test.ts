// Which nodes the map can do without, and when time takes one off it (R6). Nodes a and b hold every partition and are
// the witnesses; c and d hold nothing.

import { describe, expect, test } from 'vitest';
import {
  type ClusterMap,
  clusterMap,
  type IncarnationId,
} from '../../../src/cluster/model/cluster-map.ts';
import type { Address, NodeId } from '../../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { Logger, Runtime } from '../../../src/cluster/ports.ts';
import { changesBetween } from '../../../src/controller/decisions/changes.ts';
import {
  removeLongGone,
  whyNeeded,
  withoutNode,
} from '../../../src/controller/decisions/node-removal.ts';
import { PublishedMap } from '../../../src/controller/map/published-map.ts';
import type { View } from '../../../src/controller/observations/view.ts';
import { Registrations } from '../../../src/controller/registrations.ts';
import { incarnationOf, memberOf, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

const C = nodeId('c');
const D = nodeId('d');

/** The map with c and d, both fenced, as their second lives. */
function withGone(change: Partial<ClusterMap> = {}): ClusterMap {
  const map = sampleMap();
  const gone = { ...sampleNode(3, 20), fenced: true };
  return {
    ...map,
    nodes: { ...map.nodes, c: gone, d: { ...gone, ...sampleNode(4, 30), fenced: true } },
    ...change,
  };
}

/** @param gone lapsed long ago. @param deaf have not adopted the present map */
function viewOf(gone: readonly NodeId[], deaf: readonly string[] = []): View {
  const view: Pick<View, 'isLongGone' | 'hasAdopted'> = {
    isLongGone: ({ node }: IncarnationId) => gone.includes(node),
    hasAdopted: ({ node }: IncarnationId) => !deaf.includes(node),
  };
  return view as View;
}

const nodesOf = ({ nodes }: ClusterMap) => Object.keys(nodes);
const incarnationId = (node: NodeId, incarnation: number) => ({
  node,
  incarnation: incarnationOf(incarnation),
});

describe('a node', () => {
  test('is not needed that is fenced, holds nothing and has no vote', () => {
    expect(whyNeeded(withGone(), C)).toBeUndefined();
    const map = withoutNode(withGone(), C);
    expect(nodesOf(map)).toEqual(['a', 'b', 'd']);
    expect(() => clusterMap(JSON.parse(JSON.stringify(map)))).not.toThrow();
  });

  const { partitions, nodes } = withGone();
  const held = (incarnation: number) =>
    partitions.map((entry, partition) =>
      partition === 7
        ? { ...entry, members: [...entry.members, memberOf('c', 'serving', incarnation)] }
        : entry,
    );
  test.each<[string, Partial<ClusterMap>]>([
    ['is alive', { nodes: { ...nodes, c: { ...sampleNode(3, 20), fenced: false } } }],
    ['is a member', { partitions: held(20) }],
    ['is a member as an earlier life of it', { partitions: held(10) }],
    ['is a witness', { witnesses: [incarnationId(C, 20)] }],
    ['is a witness as an earlier life of it', { witnesses: [incarnationId(C, 10)] }],
    ['is to be a witness', { nextWitnesses: [incarnationId(C, 20)] }],
  ])('is needed that %s, and nobody takes it off the map', (_, change) => {
    const map = withGone(change);
    expect(whyNeeded(map, C)).toContain('c is');
    expect(withoutNode(map, C)).toBe(map);
    expect(nodesOf(removeLongGone(map, viewOf([C])))).toContain('c');
  });

  test('that is not there changes nothing', () => {
    const map = sampleMap();
    expect(withoutNode(map, C)).toBe(map);
  });
});

describe('time', () => {
  test('takes off the map who lapsed long ago, and nobody else', () => {
    expect(nodesOf(removeLongGone(withGone(), viewOf([C])))).toEqual(['a', 'b', 'd']);
    const map = withGone();
    expect(removeLongGone(map, viewOf([]))).toBe(map);
  });

  test('takes one node a map, and the next when all others know of that (H32)', () => {
    const first = removeLongGone(withGone(), viewOf([C, D]));
    expect(nodesOf(first)).toEqual(['a', 'b', 'd']);
    expect(removeLongGone(first, viewOf([C, D], ['b']))).toBe(first);
    expect(nodesOf(removeLongGone(first, viewOf([C, D], ['d'])))).toEqual(['a', 'b']);
  });

  test('takes nobody while a recovery waits for what nodes know (H32)', () => {
    const frozen = sampleMap().partitions.map((entry) => ({ ...entry, frozen: true }));
    const map = withGone({ partitions: frozen });
    expect(removeLongGone(map, viewOf([C]))).toBe(map);
  });

  test('says whom it took', () => {
    const map = withGone();
    expect(changesBetween(map, withoutNode(map, C))).toEqual([
      {
        message: 'node removed: it held nothing',
        fields: { node: 'c', address: '127.0.0.1:3', incarnation: 20 },
      },
    ]);
  });
});

describe('a node that comes back after it was removed (I10, D3)', () => {
  /** The controller's clock is at 25: behind the last life of d, which was the 30th. */
  function registeringWith(map: ClusterMap) {
    const silent: Logger = { write: () => undefined };
    const runtime = { clock: { wallMs: () => 25 }, logger: silent, disk: undefined } as Runtime;
    const published = new PublishedMap(runtime, () => undefined);
    published.propose(
      () => map,
      () => undefined,
    );
    const registrations = new Registrations(
      runtime,
      published,
      { storageNodes: 2, redundancy: 2, digits: 1, times: protocolTimes(1) },
      {
        aheadMs: () => 0,
        proved: () => undefined,
        recovery: () => undefined,
        recovering: () => undefined,
      },
    );
    return {
      published,
      register: (incarnation?: number, completeSince?: number) => {
        const { address, store } = sampleNode(4);
        const answer = registrations.register({
          node: D,
          address: address as Address,
          store,
          process: 'again',
          incarnation: incarnation === undefined ? undefined : incarnationOf(incarnation),
          promised: undefined,
          lives: undefined,
          previous: incarnation === undefined ? undefined : incarnationOf(incarnation - 1),
          completeSince: completeSince === undefined ? undefined : incarnationOf(completeSince),
          cluster: undefined,
          mapVersion: undefined,
          wallMs: 25,
          timeScale: undefined,
        });
        return 'incarnation' in answer ? Number(answer.incarnation) : Number.NaN;
      },
      beat: (incarnation: number) =>
        registrations.heartbeat({
          ...incarnationId(D, incarnation),
          mapVersion: map.version,
          obeyedVersion: undefined,
          promised: undefined,
          retained: undefined,
          echo: undefined,
          deltas: true,
          diskProblem: undefined,
          items: 0,
          payloadBytes: 0,
          writable: true,
          joined: [],
          withoutMemory: undefined,
          copying: undefined,
          vouched: [],
          retains: undefined,
          wallMs: undefined,
          timeMs: undefined,
        }),
    };
  }

  test('gets an incarnation above all that it had, though the clock shows less', () => {
    const { register } = registeringWith(withoutNode(withGone(), D));
    expect(register()).toBe(31);
  });

  test('gets one also after others were removed, whose lives were earlier', () => {
    const { register } = registeringWith(withoutNode(withoutNode(withGone(), D), C));
    expect(register()).toBe(31);
  });

  test('gets a new one as the process that it was, which is still running', () => {
    const { register } = registeringWith(withoutNode(withGone(), D));
    expect(register(30)).toBe(31);
  });

  test('resumes nothing, whatever its directory has', () => {
    const { register, beat, published } = registeringWith(withoutNode(withGone(), D));
    const incarnation = register(31, 1);
    beat(incarnation);
    expect(published.current?.nodes.d?.incarnation).toBe(31);
    expect(published.current?.partitions).toEqual(sampleMap().partitions);
  });
});
