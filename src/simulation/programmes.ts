// Aimed faults: each programme aims at one rule that random faults seldom test. It reads the map, and so knows who is a
// member, a witness or a joiner now; when it strikes and for how long is still drawn from the seed.

import type { ClusterMap, IncarnationId } from '../cluster/model/cluster-map.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { Hands } from './hands.ts';
import type { NodePair } from './link-hands.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** The nodes that one strike may involve, and the means to strike them. */
interface Parties {
  readonly hands: Hands;
  readonly random: SeededRandom;
  readonly controller: SimulatedNode;
  readonly frontend: SimulatedNode;
  readonly frontends: readonly SimulatedNode[];
  /** A member of a drawn partition, and the other members of that partition. */
  readonly member: SimulatedNode;
  readonly partners: readonly SimulatedNode[];
  readonly witnesses: readonly SimulatedNode[];
  readonly joiners: readonly SimulatedNode[];
  readonly storages: readonly SimulatedNode[];
  readonly all: readonly SimulatedNode[];
  readonly nowMs: number;
  /** Draws another duration at each call. */
  readonly durationMs: () => number;
}

type Programme = (parties: Parties) => void;

export const PROGRAMMES = {
  /**
   * Witnesses keep a member's lease alive; then it is cut off from all, so nobody can tell it that it is fenced (R6).
   */
  'fence-race': ({ hands, random, controller, member, frontend, all }) => {
    hands.links.cutFor(both([controller], [member, frontend]), 4500);
    hands.after(random.between(700, 1350), () =>
      hands.links.cutFor(
        both([member], without(all, member, frontend)),
        random.between(1250, 2750),
      ),
    );
  },
  /** A member and a frontend are cut off together: the frontend still asks it after it was removed (H2). */
  'cut-off-pair': ({ hands, random, member, frontend, all }) =>
    hands.links.cutFor(
      both([member, frontend], without(all, member, frontend)),
      random.between(2250, 6250),
    ),
  /** The same, with a majority of the witnesses on the side that is cut off. */
  'witnesses-aside': ({ hands, random, member, frontend, witnesses, all }) => {
    const side = [member, frontend, ...witnesses.slice(0, 2)];
    hands.links.cutFor(both(side, without(all, ...side)), random.between(2500, 5500));
  },
  /** Witnesses that learn late of a fence renew the lease until then: the fence wait begins at their word (R6). */
  'late-word': ({ hands, random, controller, member, frontend, witnesses, all }) => {
    const others = without(witnesses, member);
    const silentMs = random.between(600, 900);
    const heardMs = random.between(2000, 3500);
    hands.links.cutFor(both([member], [controller]), 6000);
    hands.links.cutFor(both([member], others), silentMs);
    // The controller misses the member first: witnesses that still vouched for it would keep it unfenced (H11).
    hands.after(random.between(300, 500), () =>
      hands.links.cutFor(
        others.map((witness): NodePair => [controller, witness]),
        heardMs - 500,
      ),
    );
    hands.after(heardMs - random.between(50, 400), () =>
      hands.links.cutFor(both([member, frontend], without(all, member, frontend)), 2500),
    );
  },
  /** Some nodes get no new maps, though their heartbeats arrive; meanwhile a member fails and a joiner comes (H14). */
  'deaf-to-maps': ({ hands, random, controller, member, all }) => {
    const deaf = without(all, controller).filter(() => random.chance(0.5));
    hands.links.cutFor(
      deaf.map((node) => [controller, node]),
      random.between(1000, 4700),
    );
    if (random.chance(0.6)) {
      hands.links.cutFor(both([member], without(all, member)), random.between(3000, 5000));
    }
  },
  /** All members miss the map with the joiner that replaces one of them (H14). */
  'deaf-members': ({ hands, controller, member, partners, witnesses, frontend, durationMs }) => {
    const deaf = [member, ...partners, ...witnesses, frontend];
    hands.links.cutFor(
      deaf.map((node) => [controller, node]),
      3000,
    );
    hands.drain(member, durationMs());
  },
  /** A leaving member does not learn that it leaves, and a stale frontend still asks it (H12). */
  'deaf-leaver': ({ hands, random, controller, member, frontend, witnesses, all, durationMs }) => {
    const heard = [member, frontend, ...witnesses];
    const ways: NodePair[] = [
      [controller, member],
      [controller, frontend],
    ];
    hands.links.cutFor(
      [...both([member], without(all, ...heard)), ...ways],
      random.between(2250, 4500),
    );
    hands.drain(member, durationMs());
  },
  drain: ({ hands, member, durationMs }) => hands.drain(member, durationMs()),
  /** A joiner loses its source or the controller in the middle of its copy (H16). */
  joiner: ({ hands, random, joiners, member, controller, all, durationMs }) => {
    const [joiner] = joiners;
    if (joiner === undefined) return hands.drain(member, durationMs());
    const far = random.chance(0.5) ? without(all, joiner) : [controller];
    return hands.links.cutFor(both([joiner], far), random.between(950, 2200));
  },
  /** A set reaches some members only; its frontend then sleeps, and goes on with it long after (H18, H24). */
  'stuck-set': ({ hands, random, frontend, member }) => {
    hands.links.cutFor([[frontend, member]], random.between(100, 300));
    hands.after(random.between(0, 100), () => hands.pause(frontend, random.between(1000, 5200)));
  },
  /** A member is removed and comes back while a frontend sleeps (H29). */
  rejoin: ({ hands, random, member, frontend, all }) => {
    hands.links.cutFor(both([member], without(all, member)), random.between(2500, 3750));
    hands.after(random.between(0, 2250), () => hands.pause(frontend, random.between(2250, 4500)));
  },
  bounce: ({ hands, random, member, all }) =>
    hands.links.cutFor(both([member], without(all, member)), random.between(2500, 4250)),
  /** A member is restarted, and later once more with an old copy of its directory (H8). */
  'old-copy': ({ hands, random, member, durationMs }) => {
    hands.kill([member], 'kill', () => random.between(1, 300));
    hands.after(random.between(1000, 3500), () => hands.putBack(member, durationMs()));
  },
  /** A member's machine is suspended while it is removed, and wakes up with a stale frontend that asks it (H4). */
  suspended: ({ hands, random, member, frontend, all }) => {
    hands.suspend(member, random.between(1500, 4000));
    const others = without(all, member, frontend);
    hands.links.cutFor(both([frontend], others), random.between(2500, 4500));
  },
  /** The controller hears a member that half of the frontends cannot reach (H11). */
  'frontends-aside': ({ hands, random, frontends, member }) => {
    const some = frontends.slice(0, Math.ceil(frontends.length / 2));
    hands.links.cutFor(both(some, [member]), random.between(5500, 8000));
  },
  /** In a cache (run-shape.ts): a partition is copied while all evict, and sets reach the copy's source late (H40). */
  'evicting-copy': ({ hands, random, frontends, member, partners, durationMs }) => {
    hands.drain(member, durationMs());
    hands.after(random.between(0, 300), () =>
      hands.links.cutFor(
        frontends.flatMap((frontend) => partners.map((source): NodePair => [frontend, source])),
        random.between(50, 800),
      ),
    );
  },
  /** A member is removed, then the controller loses its state, and the nodes with the newest map come late (H32). */
  'controller-loss': ({ hands, random, controller, member, partners, durationMs }) => {
    hands.links.cutFor(both([member], [controller]), 6000);
    const late = partners.filter(() => random.chance(0.5));
    hands.after(random.between(1750, 3000), () => {
      hands.links.cutFor(both(late, [controller]), random.between(0, 3750));
      hands.loseController(durationMs());
    });
  },
  /** The same, but the node with the newest map stays away, with a frontend, until the operator gives it up (H32). */
  'controller-loss-accepted': ({
    hands,
    random,
    controller,
    frontend,
    member,
    partners,
    all,
    durationMs,
  }) => {
    const [knowing, ...deaf] = partners;
    if (knowing === undefined) return;
    hands.links.cutFor(both(deaf, [controller, knowing]), random.between(1500, 4500));
    hands.die(member, random.between(2000, 5000));
    hands.after(random.between(800, 3500), () => {
      const awayMs = random.between(7000, 12_000);
      hands.links.cutFor(both([frontend], [controller]), awayMs);
      hands.links.cutFor(both([knowing], without(all, knowing, frontend)), awayMs);
      hands.loseController(durationMs());
    });
  },
  /**
   * The controller loses its state twice within one second, so that both recoveries may take one generation number. The
   * nodes that the second one asks do not have the map of the first, but frontends may (H32).
   */
  'controller-loss-twice': ({ hands, random, nowMs, controller, storages, member }) => {
    const toNextSecondMs = 1000 - (nowMs % 1000);
    hands.after(toNextSecondMs, () => {
      hands.loseController(1);
      if (random.chance(0.5)) hands.links.cutFor(both([member], [controller]), 950);
      hands.after(random.between(100, 700), () =>
        hands.links.cutFor(
          storages.map((node): NodePair => [controller, node]),
          random.between(50, 300),
        ),
      );
      hands.after(random.between(300, 950), () => {
        if (random.chance(0.5)) hands.links.cutFor(both([member], [controller]), 2000);
        hands.loseController(1);
      });
    });
  },
  /**
   * Only one partner has the newest map, and is away when the controller loses its state; meanwhile a member that this
   * map names loses its records, and is admitted as an incarnation without any (H32, H8).
   */
  'controller-loss-emptied': ({ hands, random, controller, member, partners, all, durationMs }) => {
    const [knowing, leaving = knowing] = partners;
    if (knowing === undefined || leaving === undefined) return;
    const knowsFromMs = random.between(60, 300);
    const awayMs = random.between(3500, 5500);
    const others = without(all, controller, knowing);
    hands.links.cutFor(
      others.map((node): NodePair => [controller, node]),
      knowsFromMs,
    );
    hands.links.cutFor(both([knowing], others), knowsFromMs + awayMs);
    hands.drain(leaving, durationMs());
    hands.after(knowsFromMs - 1, () => {
      hands.links.cutFor(both([knowing], [controller]), awayMs);
      hands.losePower(member, random.between(1, 500));
      hands.loseController(1);
    });
  },
  /** The controller is restarted twice within one second, with its state (H32). */
  'controller-twice': ({ hands, random, nowMs, controller }) => {
    const kill = () => hands.kill([controller], 'kill-controller', () => random.between(1, 50));
    hands.after(1000 - (nowMs % 1000), () => {
      kill();
      hands.after(random.between(300, 800), kill);
    });
  },
  /** The disks of two witnesses are full for the rest of the run (H35). */
  'full-witnesses': ({ hands, random, witnesses }) => {
    const lastsMs = random.between(4000, 8000);
    for (const node of witnesses.slice(random.below(2), 2 + random.below(2))) {
      hands.after(random.between(0, 100), () => hands.disks.fill(node, lastsMs, 'aim'));
    }
  },
  /** A frontend with a hot key sleeps for about as long as a set may take (H41, D9). */
  'sleeping-frontend': ({ hands, random, frontend }) =>
    hands.pause(frontend, random.between(3500, 7000)),
  /** A node with a wrong time scale takes its lease for far longer than it is, and is cut off with a frontend (H2). */
  'other-scale': ({ hands, random, member, frontend, all }) => {
    hands.startWithOtherScale(member, random.between(5000, 8000));
    hands.after(random.between(800, 2000), () =>
      hands.links.cutFor(both([member, frontend], without(all, member, frontend)), 4500),
    );
  },
  /** A removed member comes back after the other members' machines burned: it must have kept its copy (G2). */
  'last-copy': ({ hands, random, member, partners, all }) => {
    const burn = () => {
      for (const partner of partners) hands.burn(partner);
    };
    // At the moment of its removal it still has every record.
    const isAtOnce = random.chance(0.5);
    const awayMs = isAtOnce ? random.between(1900, 3000) : random.between(2200, 5000);
    hands.links.cutFor(both([member], without(all, member)), awayMs);
    if (isAtOnce) hands.onceRemoved(member, burn);
    else hands.after(random.between(1800, 2600), burn);
  },
} as const satisfies Readonly<Record<string, Programme>>;

export type ProgrammeName = keyof typeof PROGRAMMES;

export const PROGRAMME_NAMES = Object.keys(PROGRAMMES) as readonly ProgrammeName[];

/** Programmes after which data may be lost that only the operator can give up. */
export const PROGRAMMES_WITH_LOSSES: readonly ProgrammeName[] = [
  'last-copy',
  'controller-loss-accepted',
];

/** Strikes once, at a member of a partition that is drawn from the map. */
export function strike(
  name: ProgrammeName,
  world: World,
  cluster: SimulatedCluster,
  map: ClusterMap,
  hands: Hands,
): void {
  const { random } = world;
  const nodesOf = (incarnationIds: readonly IncarnationId[]) =>
    cluster.storages.filter(({ process }) =>
      incarnationIds.some(({ node }) => node === process.name),
    );
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
    storages: cluster.storages,
    all: cluster.nodes,
    nowMs: world.nowMs,
    durationMs: () => random.between(1, random.chance(0.3) ? 3000 : 600),
  });
}

function both(
  some: readonly SimulatedNode[],
  others: readonly SimulatedNode[],
): readonly NodePair[] {
  return some.flatMap((a) =>
    others
      .filter((b) => b !== a)
      .flatMap((b): NodePair[] => [
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
