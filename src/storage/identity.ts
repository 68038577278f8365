// Who a storage node is, and what it promised: in its data directory, or in memory only (D3). What changes is
// on disk before it counts, and each write has all that earlier ones have.

import type { Incarnation } from '../cluster/identity.ts';
import type { Disk } from '../cluster/runtime.ts';
import { encodeIdentity, IDENTITY_FILE, type Identity } from './identity-file.ts';

/** @param failure why it is not on disk */
type Written = (failure: string | undefined) => void;

/** H8: the next start would believe what may be gone. */
export const DISTRUST_NOT_NOTED =
  'a sync failed, and that cannot be noted: replace this disk before the node is started again';

/** Of what a failed sync should have brought to disk some may be gone, though it was acknowledged (H8). */
export function distrusted({ incarnation }: Identity): Pick<Identity, 'completeSince'> {
  return { completeSince: (incarnation + 1) as Incarnation };
}

export class StoredIdentity {
  readonly #disk: Disk | undefined;
  /** As it was written last, or is being written; none without a data directory. */
  #written: Identity | undefined;
  #promisedGeneration: number;

  constructor(disk: Disk | undefined, identity: Identity | undefined) {
    this.#disk = disk;
    this.#written = identity;
    this.#promisedGeneration = identity?.promisedGeneration ?? 0;
  }

  /** Durable; maps and grants of earlier generations are nothing any more (H32). */
  get promisedGeneration(): number {
    return this.#promisedGeneration;
  }

  /** The controller knows a later life than the disk does; that one is on disk before it is lived (3.5). */
  live(incarnation: Incarnation, written: Written): void {
    if (this.#written?.incarnation === incarnation) written(undefined);
    else this.#write({ incarnation }, written);
  }

  promise(generation: number, written: Written): void {
    // Another, higher promise may be on its way to the disk: what is written last must not take it back.
    const highest = Math.max(generation, this.#written?.promisedGeneration ?? 0);
    this.#write({ promisedGeneration: highest }, (failure) => {
      if (failure === undefined) {
        this.#promisedGeneration = Math.max(this.#promisedGeneration, highest);
      }
      written(failure);
    });
  }

  distrust(written: Written): void {
    if (this.#written !== undefined) this.#write(distrusted(this.#written), written);
  }

  /** Everything is on disk: the next life need not ask whether the machine was started anew (H8). */
  close(written: Written): void {
    this.#write({ bootId: undefined }, written);
  }

  #write(change: Partial<Identity>, written: Written): void {
    if (this.#disk === undefined || this.#written === undefined) return written(undefined);
    this.#written = { ...this.#written, ...change };
    return this.#disk.replace(IDENTITY_FILE, encodeIdentity(this.#written), (result) =>
      written(result.kind === 'done' ? undefined : result.detail),
    );
  }
}
