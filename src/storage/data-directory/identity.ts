// Who a storage node is, and what it promised: in its data directory, or in memory only (D3). What changes is
// on disk before it counts, and each write has all that earlier ones have.

import type { Generation } from '../../cluster/model/cluster-map.ts';
import type { Incarnation } from '../../cluster/model/identity.ts';
import type { PersistentWrite } from '../../cluster/persistent-write.ts';
import type { Disk } from '../../cluster/ports.ts';
import { explained, isShortage } from '../../cluster/shortage.ts';
import type { LogPlace } from '../log/log-block.ts';
import { encodeIdentity, IDENTITY_FILE, type Identity, livesOf } from './identity-file.ts';

/** @param failure why it is not on disk */
type Written = (failure: string | undefined) => void;

/** H8: the next start would believe what may be gone. */
export const DISTRUST_NOT_NOTED =
  'a sync failed, and that cannot be noted: replace this disk before the node is started again';

/** While the disk is full a node cannot begin a life, but there is nothing wrong with it. */
export function identityWrite(write: PersistentWrite['write']): PersistentWrite {
  return {
    write,
    isWaitedFor: isShortage,
    failed: `${IDENTITY_FILE} cannot be written: the node waits until it can be`,
    succeeded: `${IDENTITY_FILE} can be written again`,
  };
}

/** H8: until it is noted the next start would believe what may be gone. */
export function distrustWrite(write: PersistentWrite['write']): PersistentWrite {
  return {
    write,
    isWaitedFor: () => true,
    failed: DISTRUST_NOT_NOTED,
    succeeded: 'the sync that failed is noted',
  };
}

/** Of what a failed sync should have brought to disk some may be gone, though it was acknowledged (H8). */
export function distrusted({ incarnation }: Identity): Pick<Identity, 'completeSince'> {
  return { completeSince: (incarnation + 1) as Incarnation };
}

export class StoredIdentity {
  readonly #disk: Disk | undefined;
  /** As it was written last, or is being written; none without a data directory. */
  #written: Identity | undefined;
  #promised: Generation;
  /** The same, once what is being written is on disk. */
  #highest: Generation;
  /** The one that is on disk. */
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

  /** All that the directory had, this one among them (H8); undefined without one. */
  get lives(): readonly Incarnation[] | undefined {
    return this.#written && livesOf(this.#written);
  }

  /** Why the last write failed, if it did. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Durable; maps and grants of earlier generations are nothing any more (H32). */
  get promised(): Generation {
    return this.#promised;
  }

  /** The controller knows a later life than the disk does; that one is on disk before it is lived (3.5). */
  live(incarnation: Incarnation, written: Written): void {
    if (this.#incarnation === incarnation) return written(undefined);
    return this.#write({ incarnation, lives: this.lives }, (failure) => {
      if (failure === undefined) this.#incarnation = incarnation;
      written(failure);
    });
  }

  /**
   * One number is promised to one recovery, the first that asks for it: two that began in the same second must
   * not both believe that they have this node. Whoever comes second hears whose it is, and goes above.
   */
  promise(asked: Generation, written: Written): void {
    // Another, higher promise may be on its way to the disk: what is written last must not take it back.
    if (asked.generation > this.#highest.generation) this.#highest = asked;
    const highest = this.#highest;
    const { generation: promisedGeneration, nonce: promisedNonce } = highest;
    this.#write({ promisedGeneration, promisedNonce }, (failure) => {
      if (failure === undefined && highest.generation > this.#promised.generation) {
        this.#promised = highest;
      }
      written(failure);
    });
  }

  distrust(written: Written): void {
    if (this.#written !== undefined) this.#write(distrusted(this.#written), written);
  }

  /**
   * Everything is on disk: the next life need not ask whether the machine was started anew (H8).
   * @param closedAt where the log ends; undefined without one
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
