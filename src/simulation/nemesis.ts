// Draws from the seed which faults strike in a run, how often and how long. hands.ts carries them out; no fault goes
// beyond what the cluster promises to survive.

import type { SimulatedCluster } from './cluster.ts';
import type { FaultLog } from './fault-log.ts';
import type { Hands } from './hands.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import {
  PROGRAMME_NAMES,
  PROGRAMMES_WITH_LOSSES,
  type ProgrammeName,
  strike,
} from './programmes.ts';
import type { RunShape } from './run-shape.ts';
import type { World } from './world.ts';

const HOUR_MS = 3_600_000;
/** How far one wrong source of time sets all clocks ahead, and for how long. */
const ALL_AHEAD = { byMs: [30 * HOUR_MS, 30 * 24 * HOUR_MS], lastsMs: [2500, 5000] } as const;
/** How far one clock jumps: by a slew, a wrong time zone, a dead battery. */
const JUMPS_MS = [500, 10_000, 10 * 60_000, 3 * HOUR_MS, 25 * HOUR_MS, 40 * 24 * HOUR_MS] as const;

/** Relative frequency of each kind of fault; those that found many bugs strike more often. */
const WEIGHTS = {
  kill: 3,
  'kill-many': 1,
  'kill-twice': 1,
  stop: 2,
  drain: 2,
  lose: 2,
  'lose-power': 1,
  'put-back': 1,
  burn: 2,
  'lose-host': 1,
  'kill-controller': 2,
  'lose-controller': 2,
  'second-controller': 1,
  'kill-frontend': 1,
  pause: 3,
  suspend: 1,
  cut: 2,
  isolate: 2,
  rack: 1,
  'cut-link': 1,
  lossy: 1,
  clock: 2,
  clocks: 2,
  'fill-disk': 2,
  'fill-disks': 2,
  'stall-disk': 1,
  disk: 3,
  'wrong-scale': 1,
  'restart-all': 1,
  aim: 3,
} as const;
type Kind = keyof typeof WEIGHTS;
const KINDS = Object.keys(WEIGHTS) as readonly Kind[];

/** The kinds of a calm run, each of which strikes one process, machine or link. */
const SINGLE: readonly Kind[] = KINDS.filter(
  (kind) =>
    ![
      'kill-many',
      'kill-twice',
      'cut',
      'rack',
      'clocks',
      'fill-disks',
      'restart-all',
      'aim',
    ].includes(kind),
);
/** Kinds that may leave partitions without an answering member until the operator accepts the loss. */
const NEEDS_A_PERSON: readonly Kind[] = [
  'burn',
  'lose-host',
  'second-controller',
  'kill-twice',
  'restart-all',
  'disk',
];
/** Share of the possible kinds that a run uses. */
const DRAWN = 0.5;
/** A restarted controller has its map again after this, and can hear what was undone. */
const UNDONE_AFTER_MS = 2000;
/** How often the undoing is repeated: a controller may be overruled, and its next incarnation has heard nothing. */
const UNDONE_TIMES = 5;

export interface NemesisOf {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly oracles: Oracles;
  readonly hands: Hands;
  readonly faults: FaultLog;
  readonly shape: RunShape;
  /** Strikes only with this programme; undefined: all kinds of faults, as drawn. */
  readonly programme: ProgrammeName | undefined;
}

export class Nemesis {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #oracles: Oracles;
  readonly #hands: Hands;
  readonly #faults: FaultLog;
  readonly #shape: RunShape;
  readonly #kinds: readonly Kind[];
  readonly #programmes: readonly ProgrammeName[];
  #over = false;

  constructor({ world, cluster, oracles, hands, faults, shape, programme }: NemesisOf) {
    this.#world = world;
    this.#cluster = cluster;
    this.#oracles = oracles;
    this.#hands = hands;
    this.#faults = faults;
    this.#shape = shape;
    const { random } = world;
    // A recovery needs what the nodes promised and knew, so a run loses either controllers or nodes' data (D6).
    const controllerIsLost =
      cluster.storages.every(({ keepsData }) => keepsData) &&
      (programme?.startsWith('controller-loss') ||
        !cluster.controller.keepsData ||
        random.chance(0.25));
    const excluded: readonly Kind[] = controllerIsLost
      ? ['lose', 'put-back', 'burn', 'disk']
      : ['lose-controller', 'second-controller', 'lose-host'];
    // With all clocks ahead every record with a ttl would expire at once.
    const isTimeless = shape.ttl.share === 0;
    const possible = (shape.isCalm ? SINGLE : KINDS).filter(
      (kind) =>
        (shape.acceptsLosses || !NEEDS_A_PERSON.includes(kind)) &&
        (isTimeless || kind !== 'clocks'),
    );
    const drawn = possible.filter((kind) => !excluded.includes(kind) && random.chance(DRAWN));
    this.#kinds = programme === undefined ? (drawn.length === 0 ? ['kill'] : drawn) : ['aim'];
    const aims = PROGRAMME_NAMES.filter(
      (name) =>
        (controllerIsLost ? name !== 'old-copy' : !name.startsWith('controller-loss')) &&
        (shape.acceptsLosses || !PROGRAMMES_WITH_LOSSES.includes(name)),
    );
    this.#programmes = programme === undefined ? aims : [programme];
    cluster.network.faults = shape.isCalm
      ? { loss: 0, duplicates: 0.01, longTail: false, resets: 0 }
      : {
          loss: random.pick([0, 0.004, 0.03, 0.12]),
          duplicates: random.pick([0.01, 0.1, 0.3]),
          longTail: random.chance(0.7),
          resets: random.pick([0, 0.0005, 0.01]),
        };
    world.note(`faults: ${this.#kinds.join(', ')} every ${shape.gapMs.join(' to ')} ms`);
  }

  start(): void {
    this.#world.at(this.#world.random.between(...this.#shape.gapMs), () => this.#next());
  }

  /** Ends all faults, and starts every process that is down. */
  heal(): void {
    this.#over = true;
    this.#world.note('all faults end');
    this.#hands.healAll();
    for (let times = 1; times <= UNDONE_TIMES; times++) {
      this.#world.at(times * UNDONE_AFTER_MS, () => this.#hands.undrainAll());
    }
  }

  #next(): void {
    if (this.#over) return;
    if (this.#shape.isCalm && this.#faults.hasActive) {
      this.#world.at(500, () => this.#next());
      return;
    }
    this.#strike(this.#pickKind());
    // In a calm run the next fault strikes only after this one is over and nobody feels it any more.
    if (this.#shape.isCalm) this.#world.at(500, () => this.#waitForEnd());
    else this.start();
  }

  #waitForEnd(): void {
    if (this.#faults.hasActive) this.#world.at(500, () => this.#waitForEnd());
    else this.start();
  }

  #pickKind(): Kind {
    const weights = this.#kinds.map((kind) => WEIGHTS[kind]);
    let at = this.#world.random.below(weights.reduce((sum, weight) => sum + weight, 0));
    for (const kind of this.#kinds) {
      at -= WEIGHTS[kind];
      if (at < 0) return kind;
    }
    return 'kill';
  }

  #strike(kind: Kind): void {
    const { random } = this.#world;
    const { controller, frontends, nodes } = this.#cluster;
    const storages = this.#cluster.storages.filter(({ process }) => process.alive);
    if (storages.length === 0) return;
    const hands = this.#hands;
    const durationMs = () => this.#durationMs();
    const storage = () => random.pick(storages);
    switch (kind) {
      case 'kill':
        return hands.kill([storage()], 'kill', durationMs);
      case 'kill-many':
        return hands.kill(
          storages.filter(() => random.chance(0.6)),
          'kill-many',
          durationMs,
        );
      case 'kill-twice': {
        // The second kill comes just after the restart, and meets what that left half done.
        const node = random.pick([controller, ...storages]);
        hands.kill([node], 'kill-many', () => random.between(1, 300));
        return hands.after(random.between(301, 900), () =>
          hands.kill([node], 'kill-many', durationMs),
        );
      }
      case 'stop':
        return hands.stop(storage(), durationMs());
      case 'drain':
        return hands.drain(storage(), durationMs());
      case 'lose':
        return hands.lose(storage(), durationMs());
      case 'lose-power':
        return hands.losePower(storage(), durationMs());
      case 'put-back':
        return hands.putBack(storage(), durationMs());
      case 'burn':
        return hands.burn(storage());
      case 'lose-host':
        return hands.loseHost(storage());
      case 'kill-controller':
        return hands.kill([controller], 'kill-controller', durationMs);
      case 'lose-controller':
        return hands.loseController(durationMs());
      case 'second-controller':
        return hands.replaceController(random.between(500, 10_000));
      case 'kill-frontend':
        return hands.kill([random.pick(frontends)], 'kill-frontend', durationMs);
      case 'pause':
        return hands.pause(random.pick(nodes), durationMs());
      case 'suspend':
        return hands.suspend(random.pick(nodes), durationMs());
      case 'cut':
        return hands.links.cutOff(
          nodes.filter(() => random.chance(0.5)),
          'cut',
          durationMs(),
        );
      case 'isolate': {
        const node = random.pick(nodes);
        const isFrontend = frontends.some((frontend) => frontend === node);
        return hands.links.cutOff(
          [node],
          isFrontend ? 'isolate-frontend' : 'isolate',
          durationMs(),
        );
      }
      case 'rack':
        return hands.links.cutOff(this.#rack(storages), 'cut', durationMs());
      case 'cut-link': {
        const [frontend, other] = [random.pick(frontends), storage()];
        const links = [
          [frontend, other],
          [other, frontend],
        ] as const;
        return hands.links.cutFor(links, durationMs(), 'cut-link', [frontend, other]);
      }
      case 'lossy':
        return hands.links.loseOn(
          random.pick(frontends),
          storage(),
          random.pick([0.01, 0.03, 0.1]),
          durationMs(),
        );
      case 'clock':
        return hands.jump(
          random.pick(nodes),
          random.between(-1, 1) *
            random.pick(JUMPS_MS.filter((jumpMs) => jumpMs <= this.#shape.jumpMsMax)),
          durationMs(),
        );
      case 'clocks':
        return hands.jumpAll(
          nodes,
          random.between(...ALL_AHEAD.byMs),
          random.between(...ALL_AHEAD.lastsMs),
        );
      case 'fill-disk':
        return hands.disks.fill(random.pick([controller, ...storages]), durationMs());
      case 'fill-disks':
        return this.#fillSeveral(storages);
      case 'stall-disk':
        return hands.disks.stall(random.pick([controller, ...storages]), durationMs());
      case 'disk':
        return hands.disks.strike(random.pick([controller, ...storages]), this.#shape.lasts);
      case 'wrong-scale':
        return hands.startWithOtherScale(storage(), durationMs());
      case 'restart-all':
        return hands.restartAll(durationMs());
      case 'aim':
        return this.#aim();
    }
  }

  /** Fills two disks at about the same time, mostly of witnesses: machines of one batch have logs of the same size. */
  #fillSeveral(storages: readonly SimulatedNode[]): void {
    const { random } = this.#world;
    const witnesses = this.#oracles.map?.witnesses ?? [];
    const isWitness = ({ process }: SimulatedNode) =>
      witnesses.some(({ node }) => node === process.name);
    const some = random.chance(0.7) ? storages.filter(isWitness) : storages;
    const [first, second] = [...some].sort(() => random.fraction() - 0.5);
    const lastsMs = this.#shape.lasts ? random.between(20_000, 60_000) : this.#durationMs();
    if (first !== undefined) this.#hands.disks.fill(first, lastsMs, 'fill-disks');
    if (second === undefined) return;
    this.#hands.after(random.between(0, 200), () =>
      this.#hands.disks.fill(second, lastsMs, 'fill-disks'),
    );
  }

  /** About a third of the storage machines, perhaps with a frontend: one rack. */
  #rack(storages: readonly SimulatedNode[]): readonly SimulatedNode[] {
    const { random } = this.#world;
    const { frontends } = this.#cluster;
    const inside = storages.filter(() => random.chance(0.34));
    return random.chance(0.5) ? [...inside, random.pick(frontends)] : inside;
  }

  #durationMs(): number {
    const { random } = this.#world;
    if (this.#shape.lasts && random.chance(0.35)) return random.between(3000, 40_000);
    return random.between(1, random.chance(0.3) ? 3000 : 600);
  }

  #aim(): void {
    const { map } = this.#oracles;
    if (map === undefined) return;
    const { random } = this.#world;
    strike(random.pick(this.#programmes), this.#world, this.#cluster, map, this.#hands);
  }
}
