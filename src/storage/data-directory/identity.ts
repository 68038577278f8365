// The identity and the promise of a storage node, kept in its data directory, or in memory only (D3). A change is on
// disk before it counts, and each write includes all earlier ones. The form of the file is identity-file.ts's.

import { compareGenerations, type Generation } from '../../cluster/model/cluster-map.ts';
import type { Incarnation } from '../../cluster/model/identity.ts';
import type { PersistentWrite } from '../../cluster/persistent-write.ts';
import type { Disk } from '../../cluster/ports.ts';
import { explained, isShortage } from '../../cluster/shortage.ts';
import type { LogPlace } from '../log/log-block.ts';
import { encodeIdentity, IDENTITY_FILE, type Identity, incarnationsIn } from './identity-file.ts';

/** @param failure why the write is not on disk; undefined when it is */
type Written = (failure: string | undefined) => void;

/** H8: otherwise the next start would rely on records that may be lost. */
export const DISTRUST_NOT_NOTED =
  'a sync failed, and that cannot be noted: replace this disk before the node is started again';

/** Writes a new incarnation's identity. It waits for a full disk: the node cannot begin, but nothing is broken. */
export function identityWrite(write: PersistentWrite['write']): PersistentWrite {
  return {
    write,
    isWaitedFor: isShortage,
    failed: `${IDENTITY_FILE} cannot be written: the node waits until it can be`,
    succeeded: `${IDENTITY_FILE} can be written again`,
  };
}

/** Records that a sync failed, trying until it succeeds: otherwise the next start would rely on lost records (H8). */
export function distrustWrite(write: PersistentWrite['write']): PersistentWrite {
  return {
    write,
    isWaitedFor: () => true,
    failed: DISTRUST_NOT_NOTED,
    succeeded: 'the sync that failed is noted',
  };
}

/** Records a failed sync: acknowledged records may be lost, so no incarnation so far counts as complete (H8). */
export function distrusted({ incarnation }: Identity): Pick<Identity, 'completeSince'> {
  return { completeSince: (incarnation + 1) as Incarnation };
}

export class StoredIdentity {
  readonly #disk: Disk | undefined;
  /** The identity as it was last written or is being written; undefined without a data directory. */
  #written: Identity | undefined;
  #promised: Generation;
  /** The promise that will hold once the writes under way are on disk. */
  #highest: Generation;
  /** The incarnation that is on disk. */
  #incarnation: Incarnation | undefined;
  #problem: string | undefined;

  constructor(disk: Disk | undefined, identity: Identity | undefined) {
    this.#disk = disk;
    this.#written = identity;
    const { promisedGeneration = 0, promisedNonce } = identity ?? {};
    this.#promised = { generation: promisedGeneration, nonce: promisedNonce };
    this.#highest = this.#promised;
    this.#incarnation = identity?.incarnation;
  }

  /** All incarnations of the directory, including the present one (H8); undefined without a data directory. */
  get lives(): readonly Incarnation[] | undefined {
    return this.#written && incarnationsIn(this.#written);
  }

  /** Why the last write failed; undefined if it succeeded. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The durable promise: maps and grants of earlier generations are refused (H32). */
  get promised(): Generation {
    return this.#promised;
  }

  /**
   * Stores the incarnation that the controller has assigned, if it is another than the one on disk: it must be on
   * disk before it begins (3.5).
   */
  storeIncarnation(incarnation: Incarnation, written: Written): void {
    if (this.#incarnation === incarnation) return written(undefined);
    return this.#write({ incarnation, lives: this.lives }, (failure) => {
      if (failure === undefined) this.#incarnation = incarnation;
      written(failure);
    });
  }

  /**
   * Promises to the recovery that asks, if it is above the one that has the promise, in the order of generations, in which
   * the nonce decides between two of one number. The reply to another one says who has it, and that one goes above.
   *
   * It must not be the first of one number that keeps it. A recovery had the promise of this node and ended; another one,
   * of the same second, heard only others and published. It could not go above any more, and the entries of this node
   * stayed frozen for good (seed 500000165).
   */
  promise(asked: Generation, written: Written): void {
    // Another, higher promise may be on its way to the disk: this later write must not take it back.
    if (compareGenerations(asked, this.#highest) > 0) this.#highest = asked;
    const highest = this.#highest;
    const { generation: promisedGeneration, nonce: promisedNonce } = highest;
    this.#write({ promisedGeneration, promisedNonce }, (failure) => {
      if (failure === undefined && compareGenerations(highest, this.#promised) > 0) {
        this.#promised = highest;
      }
      written(failure);
    });
  }

  distrust(written: Written): void {
    if (this.#written !== undefined) this.#write(distrusted(this.#written), written);
  }

  /**
   * Records that everything is on disk: the next start need not ask whether the machine was restarted (H8).
   * @param closedAt where the log ends; undefined without a log
   */
  close(closedAt: LogPlace | undefined, written: Written): void {
    this.#write({ bootId: undefined, closedAt }, written);
  }

  #write(change: Partial<Identity>, written: Written): void {
    if (this.#disk === undefined || this.#written === undefined) return written(undefined);
    this.#written = { ...this.#written, ...change };
    return this.#disk.replace(IDENTITY_FILE, encodeIdentity(this.#written), (result) => {
      const failure = result.kind === 'done' ? undefined : result.detail;
      this.#problem = failure && `${IDENTITY_FILE} cannot be written: ${explained(failure)}`;
      written(failure);
    });
  }
}
