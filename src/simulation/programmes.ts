// Aimed faults: each goes for one rule that random faults seldom meet (PROTOCOL 4.2). They know the map,
// and so who is a member, a witness or a joiner now; when to strike and how long is still the seed's.

import type { ClusterMap, Life } from '../cluster/cluster-map.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { SimulatedCluster, SimulatedNode } from './cluster.ts';
import type { World } from './world.ts';

/** What a programme can do; each fault ends by itself. */
export interface Hands {
  /** Links as [from, to]; one way each. */
  cutFor(links: readonly Link[], durationMs: number): void;
  pauseFor(node: SimulatedNode, durationMs: number): void;
  drain(node: SimulatedNode): void;
  /** The controller's disk is gone; it is started again with --recover. */
  loseController(): void;
  after(delayMs: number, strike: () => void): void;
}

export type Link = readonly [SimulatedNode, SimulatedNode];

/** The parties of one strike. */
interface Parties {
  readonly hands: Hands;
  readonly random: SeededRandom;
  readonly controller: SimulatedNode;
  readonly frontend: SimulatedNode;
  readonly frontends: readonly SimulatedNode[];
  /** A member of some partition, and the other ones of it. */
  readonly member: SimulatedNode;
  readonly partners: readonly SimulatedNode[];
  readonly witnesses: readonly SimulatedNode[];
  readonly joiners: readonly SimulatedNode[];
  readonly all: readonly SimulatedNode[];
}

type Programme = (parties: Parties) => void;

export const PROGRAMMES = {
  /** A lease that the witnesses keep alive, and then nobody can tell the member that it is fenced. */
  'fence-race': ({ hands, random, controller, member, frontend, all }) => {
    hands.cutFor(both([controller], [member, frontend]), 4500);
    hands.after(random.between(700, 1350), () =>
      hands.cutFor(both([member], without(all, member, frontend)), random.between(1250, 2750)),
    );
  },
  /** A stale frontend beside a removed member (H2). */
  'cut-off-pair': ({ hands, random, member, frontend, all }) =>
    hands.cutFor(
      both([member, frontend], without(all, member, frontend)),
      random.between(2250, 6250),
    ),
  /** The same with a majority of the witnesses on the stale side. */
  'witnesses-aside': ({ hands, random, member, frontend, witnesses, all }) => {
    const side = [member, frontend, ...witnesses.slice(0, 2)];
    hands.cutFor(both(side, without(all, ...side)), random.between(2500, 5500));
  },
  /** Heartbeats arrive, maps do not; meanwhile a member fails and a joiner comes (H14). */
  'deaf-to-maps': ({ hands, random, controller, member, all }) => {
    const deaf = without(all, controller).filter(() => random.chance(0.5));
    hands.cutFor(
      deaf.map((node) => [controller, node]),
      random.between(1000, 4700),
    );
    if (random.chance(0.6)) {
      hands.cutFor(both([member], without(all, member)), random.between(3000, 5000));
    }
  },
  /** Members that do not learn of the joiner in whose favour one of them leaves. */
  'deaf-members': ({ hands, controller, member, partners, witnesses, frontend }) => {
    const deaf = [member, ...partners, ...witnesses, frontend];
    hands.cutFor(
      deaf.map((node) => [controller, node]),
      3000,
    );
    hands.drain(member);
  },
  /** Who leaves does not hear that it does, but a stale frontend still asks it (H12). */
  'deaf-leaver': ({ hands, random, controller, member, frontend, witnesses, all }) => {
    const heard = [member, frontend, ...witnesses];
    const ways: Link[] = [
      [controller, member],
      [controller, frontend],
    ];
    hands.cutFor([...both([member], without(all, ...heard)), ...ways], random.between(2250, 4500));
    hands.drain(member);
  },
  drain: ({ hands, member }) => hands.drain(member),
  /** A joiner loses its source or its controller half-way (H16). */
  joiner: ({ hands, random, joiners, member, controller, all }) => {
    const [joiner] = joiners;
    if (joiner === undefined) return hands.drain(member);
    const far = random.chance(0.5) ? without(all, joiner) : [controller];
    return hands.cutFor(both([joiner], far), random.between(950, 2200));
  },
  /** A set that reached some members; its frontend sleeps, and goes on with it long after (H18, H24). */
  'stuck-set': ({ hands, random, frontend, member }) => {
    hands.cutFor([[frontend, member]], random.between(100, 300));
    hands.after(random.between(0, 100), () => hands.pauseFor(frontend, random.between(1000, 5200)));
  },
  /** A member is dropped and comes back, while a frontend sleeps over it (H29). */
  rejoin: ({ hands, random, member, frontend, all }) => {
    hands.cutFor(both([member], without(all, member)), random.between(2500, 3750));
    hands.after(random.between(0, 2250), () =>
      hands.pauseFor(frontend, random.between(2250, 4500)),
    );
  },
  bounce: ({ hands, random, member, all }) =>
    hands.cutFor(both([member], without(all, member)), random.between(2500, 4250)),
  /** A member that the controller hears, and half of the frontends do not reach (H11). */
  'frontends-aside': ({ hands, random, frontends, member }) => {
    const some = frontends.slice(0, Math.ceil(frontends.length / 2));
    hands.cutFor(both(some, [member]), random.between(5500, 8000));
  },
  /** In a cache (simulate.ts): a copy is made while all evict, and sets come to its source late (H40). */
  'evicting-copy': ({ hands, random, frontends, member, partners }) => {
    hands.drain(member);
    hands.after(random.between(0, 300), () =>
      hands.cutFor(
        frontends.flatMap((frontend) => partners.map((source): Link => [frontend, source])),
        random.between(50, 800),
      ),
    );
  },
  /** A member is removed, then the controller's state is lost, and who knows best comes late (H32). */
  'controller-loss': ({ hands, random, controller, member, partners }) => {
    hands.cutFor(both([member], [controller]), 6000);
    const late = partners.filter(() => random.chance(0.5));
    hands.after(random.between(1750, 3000), () => {
      hands.cutFor(both(late, [controller]), random.between(0, 3750));
      hands.loseController();
    });
  },
} as const satisfies Readonly<Record<string, Programme>>;

export type ProgrammeName = keyof typeof PROGRAMMES;

export const PROGRAMME_NAMES = Object.keys(PROGRAMMES) as readonly ProgrammeName[];

/** One strike of a programme. */
export function strike(
  name: ProgrammeName,
  world: World,
  cluster: SimulatedCluster,
  map: ClusterMap,
  hands: Hands,
): void {
  const { random } = world;
  const nodesOf = (lives: readonly Life[]) =>
    cluster.storages.filter(({ process }) => lives.some(({ node }) => node === process.name));
  const entry = random.pick(map.partitions.filter(({ members }) => members.length > 0));
  const members = nodesOf(entry.members);
  const member = random.pick(members);
  const joining = map.partitions.flatMap((each) =>
    each.members.filter(({ role }) => role === 'joining'),
  );
  world.note(`aimed: ${name} at ${member.process.name}`);
  world.occur(`aimed: ${name}`);
  PROGRAMMES[name]({
    hands,
    random,
    controller: cluster.controller,
    frontend: random.pick(cluster.frontends),
    frontends: cluster.frontends,
    member,
    partners: without(members, member),
    witnesses: nodesOf(map.witnesses),
    joiners: nodesOf(joining),
    all: cluster.nodes,
  });
}

function both(some: readonly SimulatedNode[], others: readonly SimulatedNode[]): readonly Link[] {
  return some.flatMap((a) =>
    others
      .filter((b) => b !== a)
      .flatMap((b): Link[] => [
        [a, b],
        [b, a],
      ]),
  );
}

function without(
  nodes: readonly SimulatedNode[],
  ...excluded: readonly SimulatedNode[]
): readonly SimulatedNode[] {
  return nodes.filter((node) => !excluded.includes(node));
}
