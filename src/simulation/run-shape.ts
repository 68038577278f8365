// How large a run is, how long, and what it is made of, as its seed draws it. Short runs are many and dense; long
// ones have all partitions, more nodes, faults that last, and half of them one fault at a time.

import type { Epoch } from '../cluster/model/identity.ts';
import { CHUNK_RECORD_BYTES } from '../cluster/model/limits.ts';
import { smallestDigits } from '../cluster/model/partition.ts';
import type { SeededRandom } from '../cluster/seeded-random.ts';
import type { ClusterShape } from './cluster.ts';
import { keysOfPartitions } from './oracles.ts';
import type { ProgrammeName } from './programmes.ts';

export interface RunShape {
  readonly cluster: ClusterShape;
  readonly keys: readonly string[];
  /** In one of their partitions; one client has it for itself. */
  readonly loneKey: string;
  /** All values are so long; 0: mostly short ones, some longer. */
  readonly valueBytes: number;
  /** Share of the values that travel in chunks (D13). */
  readonly longShare: number;
  /** A store whose memory does not have room for all that is set. */
  readonly isTight: boolean;
  /** Whether somebody makes backups, and puts them back. */
  readonly isBackedUp: boolean;
  readonly clients: number;
  /** The first so many only read. */
  readonly readers: number;
  /** The longest pause of a client between two operations, of those that only read and of the others. */
  readonly thinkMs: readonly [number, number];
  /** Whether one key is set far more often than all others, without waiting for answers. */
  readonly hasHotKey: boolean;
  /** Of the sets with a ttl, the share and how long it is; whole seconds, as the API has them. */
  readonly ttl: { readonly share: number; readonly secondsMax: number };
  /** How far a clock may jump at most. */
  readonly jumpMsMax: number;
  readonly faultsMs: number;
  /** From the end of all faults to when everything works again. */
  readonly settledAfterMs: number;
  /** One fault at a time, on a network that loses nothing: then hardly anything may fail. */
  readonly isCalm: boolean;
  /** From the end of one fault, or in a storm from its beginning, to the next. */
  readonly gapMs: readonly [number, number];
  /** Whether faults may last for a minute. */
  readonly lasts: boolean;
  /** Whether there are losses that only the operator can accept. */
  readonly acceptsLosses: boolean;
  /** Whether the operator gives up also what he merely does not reach. */
  readonly isImpatient: boolean;
  /** So long nobody answers for a partition before the operator gives it up. */
  readonly patienceMs: number;
}

type DrawnShape = Omit<RunShape, 'acceptsLosses'>;

/** Of a cache: more keys, and longer values, than its nodes have memory for. */
const CACHE = { valueBytes: 80, memoryBytes: [5000, 6200] } as const;
/**
 * Of a store the same, and some more: the two segments that are filled are never cleaned, and with less than one
 * further beside them, the four that are reserved and the indexes, what is deleted would make no room.
 */
const TIGHT = { keys: 9, moreBytes: 700 } as const;

/** The battery of a machine's clock is empty. */
const ANY_JUMP_MS = 40 * 24 * 3_600_000;

/** Rare enough to leave most of the runs to what else there is. */
const TIGHT_SHARE = 0.08;

/** What some thousand recoveries of a controller spend, within hours if it crashes at every start. */
const SPENT_EPOCHS = 2 ** 32 - 2_500_000;

/** Programmes that need a data directory at every storage node. */
const KEEPS_DATA: readonly ProgrammeName[] = [
  'controller-loss',
  'controller-loss-accepted',
  'controller-loss-emptied',
  'controller-loss-twice',
  'full-witnesses',
  'last-copy',
  'old-copy',
];

/** Between two strikes of programmes that take longer than others: one would undo the other. */
const GAPS_MS: Readonly<Partial<Record<ProgrammeName, readonly [number, number]>>> = {
  'controller-loss-accepted': [500, 14_000],
  'controller-loss-emptied': [2000, 8000],
  'controller-loss-twice': [2500, 4000],
  'late-word': [3000, 5000],
};

export function shortRun(random: SeededRandom, programme: ProgrammeName | undefined): DrawnShape {
  // It takes a third member, which both sides reach.
  const isAccepted = programme === 'controller-loss-accepted';
  // Only what was not synced can be lost with the power.
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
      // What a recovery finds must have been kept (D6).
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
    // Two partitions only: what one key's delete does to another shows then.
    keys: keysOfPartitions(digits, 2, isTight ? TIGHT.keys : isCache ? 5 : 3),
    loneKey: loneKeyOf(digits),
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
    // Sparse faults let a state settle in; dense ones hide what it does.
    gapMs: (programme && GAPS_MS[programme]) ?? (sparse ? [500, 2500] : [30, 400]),
    lasts: false,
    isImpatient: isAccepted || random.chance(0.2),
    patienceMs: 2500,
  };
}

/**
 * Below the long tail of the network's delays, so that sets of before a delete come after it is forgotten; half of the
 * tight runs keep deletes for longer than they last, unless memory is short.
 */
function gracesOf(tombstoneGraceMs: number, isTight: boolean) {
  const short = { tombstoneGraceShortMs: 300, expiryGraceShortMs: 500 };
  const isPatient = isTight && tombstoneGraceMs > short.tombstoneGraceShortMs;
  return isPatient
    ? { ...short, tombstoneGraceMs: 3_600_000, expiryGraceMs: 300_000 }
    : { ...short, tombstoneGraceMs, expiryGraceMs: short.expiryGraceShortMs };
}

/** The one after those that any run has in its first partition. */
function loneKeyOf(digits: number): string {
  return keysOfPartitions(digits, 1, TIGHT.keys + 1)[TIGHT.keys] ?? '';
}

export function longRun(random: SeededRandom): DrawnShape {
  const redundancy = 2 + random.below(2);
  const isCalm = random.chance(0.5);
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
    valueBytes: 0,
    longShare: random.pick([0, 0, 0.001]),
    isTight: false,
    isBackedUp: random.chance(0.4),
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
