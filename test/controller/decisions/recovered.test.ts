// What a recovery makes of the promises (H32): pure, with promises played by the test.

import { describe, expect, test } from 'vitest';
import type { ClusterMap, Member, NodeEntry } from '../../../src/cluster/model/cluster-map.ts';
import { EPOCH_MAX, type Epoch } from '../../../src/cluster/model/identity.ts';
import type { PrepareReply } from '../../../src/cluster/wire/control-messages.ts';
import {
  type Evidence,
  frozenFor,
  recovered,
} from '../../../src/controller/decisions/recovered.ts';
import { incarnationOf, memberOf, nodeId, sampleMap, sampleNode } from '../../helpers/maps.ts';

/** All leases of before are over, and the operator knows of no earlier controller, unless a test says otherwise. */
function evidenceOf(
  promises: readonly (readonly [string, PrepareReply])[],
  { hasLapsed = true, mayBeMissed = [] as readonly string[] | 'all' } = {},
): Evidence {
  return {
    promises: new Map(promises.map(([node, promised]) => [nodeId(node), promised])),
    hasLapsed: () => hasLapsed,
    mayBeMissed: (node) => mayBeMissed === 'all' || mayBeMissed.includes(node),
  };
}

/** The node promised in its life of that map, unless the reply says otherwise. */
function promiseOf(
  node: string,
  map: ClusterMap,
  reply: Partial<PrepareReply> = {},
): readonly [string, PrepareReply] {
  const { address, store, incarnation } = map.nodes[node] as NodeEntry;
  const incarnationId = {
    node: nodeId(node),
    address,
    store,
    incarnation,
    living: true,
    lives: undefined,
  };
  return [node, { ...incarnationId, generation: 50, nonce: 'n', map, obeyed: undefined, ...reply }];
}

function frozen(map: ClusterMap): ClusterMap {
  return { ...map, partitions: map.partitions.map((entry) => ({ ...entry, frozen: true })) };
}

const incarnationsIn = ({ partitions }: ClusterMap) =>
  Object.fromEntries(
    (partitions[0]?.members ?? []).map(({ node, incarnation }) => [node, incarnation]),
  );

describe('an entry', () => {
  type Incarnations = Readonly<Record<'a' | 'b', number>>;

  /** A map in which a and b live, and hold everything, under these incarnations. */
  function mapOf(
    generation: number,
    epoch: number,
    lives: Incarnations,
    since?: number,
  ): ClusterMap {
    const sample = sampleMap();
    const nodes = Object.entries(lives).map(([node, incarnation]) => [
      node,
      {
        ...(sample.nodes[node] as NodeEntry),
        incarnation: incarnationOf(incarnation),
        completeSince: since === undefined ? undefined : incarnationOf(since),
      },
    ]);
    const members = Object.entries(lives).map(([node, incarnation]) =>
      memberOf(node, 'serving', incarnation),
    );
    return {
      ...sample,
      version: { generation, number: 1 },
      nodes: Object.fromEntries(nodes),
      partitions: sample.partitions.map(() => ({ epoch: epoch as Epoch, members })),
    };
  }

  const published = frozen(mapOf(50, 1, { a: 2, b: 1 }, 1));
  /** Only b knows it: its new life opened an epoch before the old controller was lost. */
  const later = mapOf(3, 2, { a: 1, b: 2 }, 1);
  const ofA = promiseOf('a', published);

  test('stays frozen while a member has not promised', () => {
    const map = recovered(published, evidenceOf([ofA]));
    expect(map.partitions[0]).toMatchObject({ epoch: 1, frozen: true });
    expect(map.promised).toEqual(['a']);
    expect([...frozenFor(map, evidenceOf([ofA]).promises)]).toEqual([
      ['b', Array.from({ length: 16 }, (_, partition) => partition)],
    ]);
  });

  test('that an earlier recovery froze is told to those who promised to this one', () => {
    // As many as then: who is not among them now, and who is, would both follow it or not (seed 54001785).
    const earlier = { ...published, promised: [nodeId('b')] };
    expect(recovered(earlier, evidenceOf([ofA])).promised).toEqual(['a']);
    const more = { ...published, promised: [nodeId('a'), nodeId('b')] };
    expect(recovered(more, evidenceOf([ofA])).promised).toEqual(['a']);
    const same = { ...published, promised: [nodeId('a')] };
    expect(recovered(same, evidenceOf([ofA]))).toBe(same);
  });

  test('stays frozen while a member has promised with another store only: it knows nothing (D6)', () => {
    const store = ofA[1].store;
    const successor = { incarnation: incarnationOf(3), map: undefined };
    const promised = (reply: Partial<PrepareReply>) =>
      recovered(published, evidenceOf([ofA, promiseOf('b', published, reply)]));
    expect(promised({ ...successor, store }).partitions[0]).toMatchObject({ frozen: true });
    expect(promised(successor).partitions[0]?.frozen).toBeUndefined();
  });

  test('of a higher epoch that comes late goes to the lives that have all that its members had', () => {
    const map = recovered(published, evidenceOf([ofA, promiseOf('b', later)]));
    // Above all that the lost controller may have opened and only frontends heard of.
    expect(map.partitions[0]).toMatchObject({ epoch: 1_000_002 });
    expect(map.partitions[0]).not.toHaveProperty('frozen');
    expect(incarnationsIn(map)).toEqual({ a: 2, b: 2 });
    expect(map.nodes.b?.incarnation).toBe(2);
    expect(map.promised).toBeUndefined();
  });

  test('keeps the life that is over when the present one may miss something (H8)', () => {
    const incomplete = frozen(mapOf(50, 1, { a: 2, b: 1 }));
    const promises = [promiseOf('a', incomplete), promiseOf('b', later)];
    expect(incarnationsIn(recovered(incomplete, evidenceOf(promises)))).toEqual({ a: 1, b: 2 });
  });

  test('that nothing new is known of leaves the map as it is', () => {
    const map = recovered(published, evidenceOf([ofA]));
    expect(recovered(map, evidenceOf([ofA]))).toBe(map);
  });

  test('that has no epoch left stays frozen, and changes no map again and again', () => {
    const last = frozen(mapOf(50, EPOCH_MAX - 10, { a: 1, b: 1 }));
    const evidence = evidenceOf([promiseOf('a', last), promiseOf('b', last)]);
    const map = recovered(last, evidence);
    expect(map.partitions[0]).toMatchObject({ epoch: EPOCH_MAX - 10, frozen: true });
    expect(recovered(map, evidence)).toBe(map);
  });
});

// Four nodes: a and b hold every partition; b, c and d are the witnesses. The host of b is gone.
describe('a member stands alone', () => {
  interface Shape {
    readonly number?: number;
    readonly epoch?: number;
    readonly members?: readonly Member[];
    readonly nodes?: Readonly<Record<string, Partial<NodeEntry>>>;
    readonly witnesses?: readonly string[];
    readonly nextWitnesses?: readonly string[];
    readonly isFrozen?: true;
  }

  const incarnationId = (node: string) => ({ node: nodeId(node), incarnation: incarnationOf(1) });

  function mapWith(shape: Shape = {}): ClusterMap {
    const { number = 1, epoch = 7, witnesses = ['b', 'c', 'd'], nextWitnesses, isFrozen } = shape;
    const members = shape.members ?? [memberOf('a', 'serving'), memberOf('b', 'serving')];
    const names = ['a', 'b', 'c', 'd'];
    const nodes = names.map((name, index) => [
      name,
      { ...sampleNode(index + 1), ...shape.nodes?.[name] },
    ]);
    return {
      ...sampleMap(),
      version: { generation: 3, number },
      witnesses: witnesses.map(incarnationId),
      nextWitnesses: nextWitnesses?.map(incarnationId),
      nodes: Object.fromEntries(nodes),
      partitions: sampleMap().partitions.map(() => ({
        epoch: epoch as Epoch,
        members,
        ...(isFrozen && { frozen: true }),
      })),
    };
  }

  const told = mapWith();
  const fenced = mapWith({ number: 2, nodes: { a: { fenced: true } } });
  const all = 'all' as const;

  interface Case {
    readonly a?: readonly [ClusterMap, Partial<PrepareReply>?];
    readonly c?: readonly [ClusterMap, Partial<PrepareReply>?] | undefined;
    readonly d?: readonly [ClusterMap, Partial<PrepareReply>?] | undefined;
    readonly hasLapsed?: boolean;
    readonly mayBeMissed?: readonly string[] | 'all';
  }

  function judged(known: Case): ClusterMap {
    const { hasLapsed = true, mayBeMissed = all } = known;
    const of = { a: [told], c: [told], d: [told], ...known } as const;
    const promises = (['a', 'c', 'd'] as const).flatMap((node) => {
      const promise = of[node];
      return promise === undefined ? [] : [promiseOf(node, promise[0], promise[1])];
    });
    const maps = promises.map(([, { map }]) => map as ClusterMap);
    const newest = maps.sort((one, other) => other.version.number - one.version.number)[0] ?? told;
    const base = { ...frozen(newest), version: { generation: 50, nonce: 'n', number: 1 } };
    return recovered(base, evidenceOf(promises, { hasLapsed, mayBeMissed }));
  }

  test('when a majority of the witnesses promised and none has it fenced: all members stay, b too', () => {
    const map = judged({});
    expect(map.partitions[0]).toEqual({ epoch: 1_000_007, members: told.partitions[0]?.members });
  });

  test('by the word of the operator that the missing node is dead', () => {
    expect(judged({ mayBeMissed: ['b'] }).partitions[0]).not.toHaveProperty('frozen');
  });

  const leaving = [memberOf('a', 'leaving'), memberOf('b', 'serving')];
  const joining = [memberOf('a', 'joining'), memberOf('b', 'serving')];
  const without = [memberOf('b', 'serving')];
  const later = (shape: Shape) => mapWith({ number: 2, ...shape });

  test.each<readonly [string, Case]>([
    ['without a word that the other one may be missed', { mayBeMissed: [] }],
    ['while leases of before may last', { hasLapsed: false }],
    ['without a majority of the witnesses', { c: undefined }],
    [
      'in a later life of its store, which may have been removed between',
      { a: [told, { incarnation: incarnationOf(2) }] },
    ],
    ['in no life yet', { a: [told, { incarnation: undefined }] }],
    ['after its goodbye', { a: [told, { living: false }] }],
    [
      'when it does not say whether it lives: earlier software',
      { a: [told, { living: undefined }] },
    ],
    ['when a witness has it fenced', { c: [fenced] }],
    ['when another witness has', { d: [fenced] }],
    [
      'when a witness obeys a map that fences it, and could not store it',
      { c: [told, { obeyed: fenced }] },
    ],
    [
      'when it obeys a map in which it leaves, and could not store it',
      { a: [told, { obeyed: later({ members: leaving }) }] },
    ],
    ['when its own map has it fenced', { a: [fenced], c: [fenced] }],
    [
      'when a later life of the node was admitted',
      { c: [later({ nodes: { a: { incarnation: incarnationOf(2) } } })] },
    ],
    ['when it knows that it leaves', { a: [later({ members: leaving })] }],
    ['when others know that it leaves', { c: [later({ members: leaving })] }],
    [
      'while it joins',
      {
        a: [mapWith({ members: joining })],
        c: [mapWith({ members: joining })],
        d: [mapWith({ members: joining })],
      },
    ],
    ['when somebody knows an entry without it', { d: [later({ epoch: 8, members: without })] }],
    ['when somebody knows a later entry, though of the same members', { d: [later({ epoch: 8 })] }],
    ['when an earlier recovery had frozen the entry', { d: [later({ isFrozen: true })] }],
    ['when a witness promised after its goodbye', { c: [told, { living: false }] }],
    [
      'when a witness came back: it may not know what it knew',
      { c: [told, { incarnation: incarnationOf(2) }] },
    ],
    ['without a majority of the coming witnesses', { a: [mapWith({ nextWitnesses: ['a', 'b'] })] }],
    ['without a majority of the witnesses of the newest map', { d: [later({ witnesses: ['b'] })] }],
  ])('not %s', (_what, known) => {
    const map = judged(known);
    expect(map.partitions.every((entry) => entry.frozen)).toBe(true);
  });

  test('when a map of before its life does not know it: that says nothing', () => {
    const before = mapWith({
      number: 0,
      nodes: { a: { incarnation: incarnationOf(0), fenced: true } },
    });
    expect(judged({ d: [before] }).partitions[0]).not.toHaveProperty('frozen');
  });

  test('by the witnesses of the coming set as well', () => {
    const changing = mapWith({ nextWitnesses: ['a', 'c', 'd'] });
    expect(judged({ a: [changing] }).partitions[0]).not.toHaveProperty('frozen');
  });

  test('by what was told, though it came back since under the map that froze the entry', () => {
    const evidence = evidenceOf(
      (['a', 'c', 'd'] as const).map((node) => promiseOf(node, told)),
      { mayBeMissed: ['b'] },
    );
    const renewed = mapWith({
      isFrozen: true,
      members: [memberOf('a', 'serving', 2), memberOf('b', 'serving')],
      nodes: { a: { incarnation: incarnationOf(2), completeSince: incarnationOf(1) } },
    });
    const published = { ...renewed, version: { generation: 50, nonce: 'n', number: 5 } };
    const map = recovered(published, evidence);
    expect(map.partitions[0]).not.toHaveProperty('frozen');
    expect(incarnationsIn(map)).toEqual({ a: 2, b: 1 });
  });
});
