// The shape of a run, drawn from its seed: cluster, keys, load, and how long faults last. Short runs are many and
// dense; long ones have keys in all partitions, more nodes and faults that last, and half of them strike one fault at a
// time.

import type { Epoch } from '../cluster/model/identity.ts';
import { CHUNK_RECORD_BYTES, protocolTimes } from '../cluster/model/limits.ts';
import { smallestDigits } from '../cluster/model/partition.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { ClusterShape } from './cluster.ts';
import { keysOfPartitions } from './keys.ts';
import type { ProgrammeName } from './programmes.ts';

export interface RunShape {
  readonly cluster: ClusterShape;
  readonly keys: readonly string[];
  /** A key in the same partition as the first of `keys`, which only one client sets (H30). */
  readonly loneKey: string;
  /** Two keys that are written under conditions as well (H39); undefined in runs that write none so. */
  readonly conditional: ConditionalKeys | undefined;
  /** The length of every value in bytes; 0: mostly short values, some longer. */
  readonly valueBytes: number;
  /** Share of the values that travel in chunks (D13). */
  readonly longShare: number;
  /** A store (not a cache) with less memory than all its values need. */
  readonly isTight: boolean;
  /** Whether backups are made during the run, and restored. */
  readonly isBackedUp: boolean;
  readonly clients: number;
  /** How many of the clients only read. */
  readonly readers: number;
  /** The longest pause between two operations of a client: of one that only reads, and of one that also writes. */
  readonly thinkMs: readonly [number, number];
  /** Whether one key at a time is set far more often than all others, without waiting for answers. */
  readonly hasHotKey: boolean;
  /** The share of sets that have a ttl, and the longest ttl in whole seconds, as the API takes them. */
  readonly ttl: { readonly share: number; readonly secondsMax: number };
  /** The longest distance in ms that a wall clock may jump. */
  readonly jumpMsMax: number;
  readonly faultsMs: number;
  /** How long after the end of all faults everything must work again. */
  readonly settledAfterMs: number;
  /** One fault at a time, on a network that loses nothing: then hardly any operation may fail (fault-log.ts). */
  readonly isCalm: boolean;
  /**
   * The shortest and longest gap before the next fault: from the end of the last one if calm, else from its beginning.
   */
  readonly gapMs: readonly [number, number];
  /** Whether faults may last for a minute. */
  readonly lasts: boolean;
  /** Whether faults may cost data that only the operator can give up. */
  readonly acceptsLosses: boolean;
  /** Whether the operator gives up partitions also when he merely cannot reach their members. */
  readonly isImpatient: boolean;
  /** The operator gives up a partition only when nobody has answered for it for this long. */
  readonly patienceMs: number;
}

export interface ConditionalKeys {
  /** In the first partition of `keys`: only incremented. */
  readonly counter: string;
  /** In the second one: set, deleted and swapped. */
  readonly register: string;
}

/** Every key that the clients of a run may write. */
export function allKeys({ keys, loneKey, conditional }: RunShape): readonly string[] {
  const others = conditional === undefined ? [] : [conditional.counter, conditional.register];
  return [...keys, loneKey, ...others];
}

/** The shortest time that an expired record may be kept for, at any moment of the run. */
export function expiryGraceMsOf({ cluster, isTight }: RunShape): number {
  const { expiryGraceMs, expiryGraceShortMs } = { ...protocolTimes(1), ...cluster.times };
  return isTight ? Math.min(expiryGraceMs, expiryGraceShortMs) : expiryGraceMs;
}

export type DrawnShape = Omit<RunShape, 'acceptsLosses'>;

/** A cache run: its values do not fit into the memory of its nodes, in bytes each. */
const CACHE = { valueBytes: 80, memoryBytes: [5000, 6200] } as const;
/**
 * A tight store has the cache's memory and some more. The two segments that are being filled are never cleaned; with
 * less than one further segment beside them, the four reserved ones and the indexes, deletes could make no room.
 */
const TIGHT = { keys: 9, moreBytes: 700 } as const;

/** The jump of a clock whose battery is empty. */
const ANY_JUMP_MS = 40 * 24 * 3_600_000;

/** The share of runs with a tight store: small, because a full store hides most other behaviour. */
const TIGHT_SHARE = 0.08;

/** An epoch as some thousand recoveries leave it: a controller that crashes at every start reaches it within hours. */
const SPENT_EPOCHS = 2 ** 32 - 2_500_000;

/** Programmes whose nodes have data directories, as their promises or copies must survive (D6). */
const KEEPS_DATA: readonly ProgrammeName[] = [
  'controller-loss',
  'controller-loss-accepted',
  'controller-loss-emptied',
  'controller-loss-twice',
  'full-witnesses',
  'last-copy',
  'old-copy',
];

/** Gaps between two strikes of the programmes that take long: a shorter one would let a strike undo the one before. */
const GAPS_MS: Readonly<Partial<Record<ProgrammeName, readonly [number, number]>>> = {
  'controller-loss-accepted': [500, 14_000],
  'controller-loss-emptied': [2000, 8000],
  'controller-loss-twice': [2500, 4000],
  'late-word': [3000, 5000],
};

export function shortRun(random: SeededRandom, programme: ProgrammeName | undefined): DrawnShape {
  // 'controller-loss-accepted' needs a third member, which both sides of the cut reach.
  const isAccepted = programme === 'controller-loss-accepted';
  // 'controller-loss-emptied' takes records by a loss of power, which takes only unsynced ones: not with `always`.
  const losesRecords = programme === 'controller-loss-emptied';
  const redundancy = isAccepted ? 3 : 2 + random.below(2);
  const cacheBytes = random.between(...CACHE.memoryBytes);
  const isCache =
    programme === 'evicting-copy' || (programme !== 'last-copy' && random.chance(0.25));
  const isTight = !isCache && programme === undefined && random.chance(TIGHT_SHARE);
  const memoryBytes = isTight ? cacheBytes + TIGHT.moreBytes : cacheBytes;
  const digits = smallestDigits(1);
  const sparse = programme !== undefined || random.chance(0.6);
  return {
    cluster: {
      storages: 4 + random.below(2),
      frontends: 3,
      redundancy,
      // A recovery counts only the promises of stores that still have them, so these programmes keep data (D6).
      fsync:
        !KEEPS_DATA.some((name) => name === programme) && random.chance(0.3)
          ? undefined
          : losesRecords
            ? 'interval'
            : random.pick(['interval', 'always'] as const),
      controllerInMemory: random.chance(0.1),
      firstEpoch: (random.chance(0.1) ? SPENT_EPOCHS : 1) as Epoch,
      whenFull: isCache ? 'evict' : 'refuse',
      memoryBytesOf: () => (isCache || isTight ? memoryBytes : undefined),
      copyChunkBytes: random.pick([1, CHUNK_RECORD_BYTES]),
      logFileBytes: random.pick([300, 1000, 1_000_000]),
      times: {
        antiEntropyMs: 600,
        ...gracesOf(random.pick([300, 1200]), isTight),
      },
    },
    // Two partitions only, so that keys share a partition and a delete of one shows what it does to the others.
    keys: keysOfPartitions(digits, 2, isTight ? TIGHT.keys : isCache ? 5 : 3),
    loneKey: loneKeyOf(digits),
    conditional: isCache || isTight ? undefined : conditionalKeys(random, digits, 0.5),
    valueBytes: isCache || isTight ? CACHE.valueBytes : 0,
    longShare: random.pick([0, 0, 0.002]),
    isTight,
    isBackedUp: false,
    clients: 8,
    readers: 3,
    thinkMs: [25, 120],
    hasHotKey: programme === 'sleeping-frontend' || random.chance(0.2),
    ttl: { share: random.pick([0, 0.1]), secondsMax: 6 },
    jumpMsMax: random.pick([500, 10_000, ANY_JUMP_MS]),
    faultsMs: isAccepted || losesRecords ? 14_000 : 8000,
    settledAfterMs: 9000,
    isCalm: false,
    // Sparse faults let the cluster settle in a wrong state, which dense faults would hide.
    gapMs: (programme && GAPS_MS[programme]) ?? (sparse ? [500, 2500] : [30, 400]),
    lasts: false,
    isImpatient: isAccepted || random.chance(0.2),
    patienceMs: 2500,
  };
}

/**
 * Times for which deletes and expired records are kept: shorter than the network's longest delays, so that a set sent
 * before a delete can arrive after that was forgotten. Half of the tight runs keep deletes for longer than the run
 * lasts, unless memory is short.
 */
function gracesOf(tombstoneGraceMs: number, isTight: boolean) {
  const short = { tombstoneGraceShortMs: 300, expiryGraceShortMs: 500 };
  const isPatient = isTight && tombstoneGraceMs > short.tombstoneGraceShortMs;
  return isPatient
    ? { ...short, tombstoneGraceMs: 3_600_000, expiryGraceMs: 300_000 }
    : { ...short, tombstoneGraceMs, expiryGraceMs: short.expiryGraceShortMs };
}

/** The key after all those that any run has in its first partition. */
function loneKeyOf(digits: number): string {
  return keysOfPartitions(digits, 1, TIGHT.keys + 1)[TIGHT.keys] ?? '';
}

/**
 * A store short of memory forgets deletes soon, so that sets are stamped anew there, and a cache promises nothing of
 * conditions: runs of these have no such keys.
 */
function conditionalKeys(
  random: SeededRandom,
  digits: number,
  share: number,
): ConditionalKeys | undefined {
  if (!random.chance(share)) return undefined;
  const keys = keysOfPartitions(digits, 2, TIGHT.keys + 2);
  const counter = keys[TIGHT.keys + 1];
  const register = keys.at(-1);
  return counter === undefined || register === undefined ? undefined : { counter, register };
}

export function longRun(random: SeededRandom): DrawnShape {
  const redundancy = 2 + random.below(2);
  const isCalm = random.chance(0.5);
  const isBackedUp = random.chance(0.4);
  const digits = smallestDigits(1);
  return {
    cluster: {
      storages: redundancy + 1 + random.below(9 - redundancy - 1),
      spares: random.below(2),
      frontends: 2 + random.below(2),
      workers: random.chance(0.3) ? 2 : 1,
      redundancy,
      fsync: random.chance(0.25) ? undefined : random.pick(['interval', 'always'] as const),
      controllerInMemory: random.chance(0.2),
      firstEpoch: (random.chance(0.1) ? SPENT_EPOCHS : 1) as Epoch,
      whenFull: 'refuse',
      logFileBytes: random.pick([1000, 4000, 1_000_000]),
      times: { antiEntropyMs: 4000, tombstoneGraceMs: 5000, expiryGraceMs: 3000 },
    },
    keys: keysOfPartitions(digits, 16, 2),
    loneKey: loneKeyOf(digits),
    conditional: isBackedUp ? undefined : conditionalKeys(random, digits, 0.5),
    valueBytes: 0,
    longShare: random.pick([0, 0, 0.001]),
    isTight: false,
    isBackedUp,
    clients: 8,
    readers: 4,
    thinkMs: [250, 350],
    hasHotKey: random.chance(0.3),
    ttl: { share: random.pick([0, 0.1]), secondsMax: 60 },
    jumpMsMax: random.pick([500, 10_000, ANY_JUMP_MS]),
    faultsMs: 120_000,
    settledAfterMs: 20_000,
    isCalm,
    gapMs: isCalm ? [11_000, 16_000] : [1000, 12_000],
    lasts: true,
    isImpatient: !isCalm && random.chance(0.3),
    patienceMs: 8000,
  };
}
