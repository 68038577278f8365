// Files in a run: which runs have file servers, the clients of files, the faults that strike file servers, and what must
// hold in the end.

import { protocolTimes } from '../cluster/model/limits.ts';
import { type PartitionId, partitionOf } from '../cluster/model/partition.ts';
import { VERSION_ZERO } from '../cluster/model/version.ts';
import { classKey, type FileKey, type ReplicationClass } from '../files/file-key.ts';
import { type FileTimes, fileTimes } from '../files/file-times.ts';
import type { SimulatedCluster } from './cluster.ts';
import { CompletionClients } from './completion-clients.ts';
import { ContentClients } from './content-clients.ts';
import { DavClients } from './dav-clients.ts';
import { DirectoryClients } from './directory-clients.ts';
import type { FaultLog } from './fault-log.ts';
import { FileAsker, keyOf } from './file-asker.ts';
import { setClass, type UnknownSets } from './file-class.ts';
import { FileClients } from './file-clients.ts';
import { FileHands } from './file-hands.ts';
import { FileOracles } from './file-oracles.ts';
import type { Hands } from './hands.ts';
import type { JudgedClients } from './judged-clients.ts';
import { LockedTreeClients } from './locked-tree-clients.ts';
import type { Oracles } from './oracles.ts';
import type { DrawnShape, RunShape } from './run-shape.ts';
import { TicketClients } from './ticket-clients.ts';
import type { World } from './world.ts';

/** One in so many runs has file servers. */
const FILES_EVERY = 5;
const SERVERS_MAX = 4;
const PATHS = ['a', 'b', 'c', 'd', 'e', 'f'];
/** A class with more copies than are acknowledged at once. */
const MANY = { name: 'many' as ReplicationClass, copies: 3 } as const;
/** In some runs the operator changes its number again and again, while file servers come and go. */
const CHANGED = { chance: 0.7, to: [3, 2], afterMs: [200, 2500] } as const;
const KEPT = PATHS.slice(0, 3);
/**
 * How long copies may take to be where they belong, and what nobody names to go, once everything runs: a server that
 * crashed counts its time from the beginning, as it had not written that down.
 */
const SETTLED_WITHIN_MS = 120_000;
/** A restarted controller has its map again after this, and can hear what was undone. */
const UNDONE_AFTER_MS = 2000;

/**
 * Times of the file layer that fit into a run of seconds, with the relations of production's.
 * @param lasts whether a frontend may sleep for a minute in the midst of an upload: the trash is what heals it
 */
export function shortFileTimes(lasts: boolean): FileTimes {
  return {
    ...fileTimes(1),
    askMs: 250,
    downMs: 800,
    lostMs: 3000,
    stallMs: 1000,
    commitMs: 3000,
    manifestMs: 2500,
    stagedMs: 10_000,
    haveMs: 1500,
    supersededMs: 10_000,
    ownerlessMs: 14_000,
    trashMs: lasts ? 100_000 : 15_000,
    passMs: 1500,
    batchMs: 100,
    scrubMs: 20_000,
    sampleMs: 1000,
    classMs: 500,
  };
}

const WEIGHTS = {
  kill: 3,
  power: 2,
  'kill-all': 1,
  stop: 1,
  hang: 2,
  fill: 1,
  fail: 2,
  rot: 3,
  replace: 1,
  drain: 1,
  pause: 1,
} as const;
type FileFaultKind = keyof typeof WEIGHTS;
const KINDS = (Object.keys(WEIGHTS) as readonly FileFaultKind[]).flatMap((kind) =>
  Array.from({ length: WEIGHTS[kind] }, () => kind),
);

/** By the seed itself, not drawn: all other runs are what they were without files. A cache has none (H40). */
export function fileServersOf(
  seed: number,
  { cluster, isTight }: DrawnShape,
  wanted: number | undefined,
): number {
  if (cluster.whenFull === 'evict' || isTight) return 0;
  if (wanted !== undefined) return wanted;
  if (seed % FILES_EVERY !== 0) return 0;
  return 1 + (Math.floor(seed / FILES_EVERY) % SERVERS_MAX);
}

export interface FileRunOf {
  readonly world: World;
  readonly cluster: SimulatedCluster;
  readonly shape: RunShape;
  readonly oracles: Oracles;
  readonly hands: Hands;
  readonly faults: FaultLog;
  readonly violation: (text: string) => void;
}

export class FileRun {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #shape: RunShape;
  readonly #faults: FaultLog;
  readonly #hands: Hands;
  readonly #violation: (text: string) => void;
  readonly #oracles: FileOracles;
  readonly #fileHands: FileHands;
  readonly #digits: () => number;
  readonly #asker: FileAsker;
  readonly #clients: FileClients;
  /** Beside those, whose history is the asker's. */
  readonly #others: readonly JudgedClients[];
  /** Which keys were given up so far. */
  readonly #givenUp: ((key: FileKey) => boolean)[] = [];
  #healedMs = 0;
  #isOver = false;
  /** Nobody can tell how many copies there are in the end while the number is being changed. */
  #isChangingClass = false;
  readonly #unknownSets: UnknownSets = { version: VERSION_ZERO };

  constructor({ world, cluster, shape, oracles, hands, faults, violation }: FileRunOf) {
    this.#world = world;
    this.#cluster = cluster;
    this.#shape = shape;
    this.#faults = faults;
    this.#hands = hands;
    this.#violation = violation;
    this.#digits = () => oracles.map?.digits ?? 1;
    this.#oracles = new FileOracles(world, cluster, oracles, violation);
    this.#fileHands = new FileHands({ world, cluster, faults, hands, oracles: this.#oracles });
    const thinkMs = shape.lasts ? ([500, 4000] as const) : ([50, 700] as const);
    const load = { clients: 4, thinkMs, paths: PATHS, kept: KEPT };
    this.#asker = new FileAsker(world, this.#oracles, KEPT, violation);
    this.#clients = new FileClients(world, cluster, this.#asker, load);
    const [fileOracles, asker] = [this.#oracles, this.#asker];
    const of = { world, cluster, oracles: fileOracles, asker, thinkMs, violation };
    this.#others = [
      new DirectoryClients(of),
      new DavClients(of),
      new LockedTreeClients(of),
      new ContentClients(of),
      new TicketClients(of),
      new CompletionClients(of),
    ];
  }

  start(): void {
    if (!this.#hasFiles) return;
    setClass(this.#world, this.#cluster, MANY, this.#unknownSets, (stays) => {
      this.#world.occur('class of files set');
      this.#oracles.setCopies(MANY.name, stays ? MANY.copies : undefined);
      this.#asker.otherClass = MANY.name;
      if (this.#world.random.chance(CHANGED.chance)) this.#changeClassLater(MANY.copies);
    });
    this.#clients.start();
    for (const clients of this.#others) clients.start();
    this.#strikeLater();
  }

  heal(): void {
    if (!this.#hasFiles) return;
    this.#isOver = true;
    this.#healedMs = this.#world.nowMs;
    this.#fileHands.healAll();
    this.#world.at(UNDONE_AFTER_MS, () => this.#fileHands.undrainAll());
    this.#world.at(2 * UNDONE_AFTER_MS, () => this.#fileHands.undrainAll());
  }

  stop(): void {
    this.#clients.stop();
    for (const clients of this.#others) clients.stop();
  }

  /** The operator gives up partitions: what becomes of the files there, nobody promises. */
  givenUp(partitions: readonly PartitionId[]): void {
    const digits = this.#digits();
    for (const path of PATHS) {
      if (partitions.includes(partitionOf(keyOf(path), digits))) this.#asker.giveUp(path);
    }
    const isGivenUp = (key: FileKey) => partitions.includes(partitionOf(key, digits));
    this.#givenUp.push(isGivenUp);
    for (const clients of this.#others) clients.giveUp(isGivenUp);
    if (partitions.includes(partitionOf(classKey(MANY.name), digits))) {
      this.#oracles.setCopies(MANY.name, undefined);
    }
  }

  /** Called when nobody asks anything any more. */
  check(): void {
    if (!this.#hasFiles) return;
    const paths = PATHS.filter((path) => !this.#asker.isGivenUp(path));
    const keys = [...paths.map(keyOf), ...this.#others.flatMap((each) => each.keys)];
    // A file server that had not heard of the loss for a while keeps what it took in that time, though no record names it:
    // by its map the record may be what was lost (FILES.md, F7). So that may be a blob of a name that clients made afterwards.
    const isProof = (key: FileKey) => !this.#givenUp.some((isGivenUp) => isGivenUp(key));
    const untilMs = this.#world.nowMs + SETTLED_WITHIN_MS;
    const problems = () => [
      ...this.#oracles.unsettled(keys, isProof),
      ...(this.#isChangingClass ? ['F4: nobody could change the number of copies of a class'] : []),
    ];
    while (problems().length > 0 && this.#world.nowMs < untilMs) {
      this.#world.runUntil(this.#world.nowMs + 500);
    }
    const asker = this.#asker;
    const broken = [
      ...problems(),
      ...asker.violations(),
      ...this.#others.flatMap((each) => each.violations?.() ?? []),
      ...asker.unlively(this.#healedMs + UNDONE_AFTER_MS + protocolTimes(1).setDeadlineMs / 2),
      ...asker.questions.unanswered(),
    ];
    for (const text of broken) this.#violation(`files: ${text}`);
  }

  #changeClassLater(former: number): void {
    this.#world.at(this.#world.random.between(...CHANGED.afterMs), () => {
      if (this.#isOver) return;
      const copies = CHANGED.to.find((each) => each !== former) ?? former;
      this.#oracles.setCopies(MANY.name, Math.min(former, copies));
      this.#isChangingClass = true;
      const change = { name: MANY.name, copies };
      setClass(this.#world, this.#cluster, change, this.#unknownSets, (stays) => {
        this.#isChangingClass = false;
        this.#world.occur(`class of files changed to ${copies}`);
        this.#oracles.setCopies(MANY.name, stays ? copies : undefined);
        this.#changeClassLater(copies);
      });
    });
  }

  get #hasFiles(): boolean {
    return this.#cluster.fileServers.length > 0;
  }

  #strikeLater(): void {
    const { random } = this.#world;
    const [fromMs, toMs] = this.#shape.gapMs;
    this.#world.at(random.between(Math.max(300, fromMs), Math.max(1500, toMs)), () => {
      if (this.#isOver) return;
      const mustWait = this.#shape.isCalm && this.#faults.hasActive;
      if (!mustWait) this.#strike(random.pick(KINDS));
      this.#strikeLater();
    });
  }

  #strike(kind: FileFaultKind): void {
    const { random } = this.#world;
    const alive = this.#cluster.fileServers.filter(({ process }) => process.alive);
    if (alive.length === 0) return;
    const node = random.pick(alive);
    const hands = this.#fileHands;
    const lastMs = this.#shape.lasts ? 20_000 : 4000;
    const durationMs = () => random.between(10, random.chance(0.3) ? lastMs : 800);
    switch (kind) {
      case 'kill':
        return hands.kill(node, false, durationMs());
      case 'power':
        return hands.kill(node, true, durationMs());
      case 'kill-all': {
        const power = random.chance(0.5);
        for (const each of alive) hands.kill(each, power, durationMs());
        return undefined;
      }
      case 'stop':
        return hands.stop(node, durationMs());
      case 'hang':
        return hands.hang(node, durationMs());
      case 'fill':
        return hands.fill(node, durationMs());
      case 'fail':
        return hands.fail(node, durationMs());
      case 'rot':
        return hands.rot(node);
      case 'replace':
        return hands.replaceDisk(node, durationMs());
      case 'drain':
        return hands.drain(node, durationMs());
      case 'pause':
        return this.#hands.pause(node, durationMs());
    }
  }
}
