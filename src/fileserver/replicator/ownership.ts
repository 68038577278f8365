// What the owner of a blob says of it: one get of its record is the proof (FILES.md, 1). Pure but for the get.

import { recordValue } from '../../cluster/model/record.ts';
import type { ReadOutcome } from '../../coordinator/operations/get/round.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { ReplicationClass } from '../../files/file-key.ts';
import { decodeManifest } from '../../files/manifest.ts';

export type Ownership =
  /** The record names this blob. */
  | { readonly kind: 'named'; readonly replicationClass: ReplicationClass }
  /** The record is there, and names another blob or none: the file was overwritten. */
  | { readonly kind: 'superseded' }
  /** A member in sync says that there is no record. */
  | { readonly kind: 'absent' }
  /** Nobody could say, or nobody understands what is there: that proves nothing (F7). */
  | { readonly kind: 'unknown' };

const SUPERSEDED: Ownership = { kind: 'superseded' };
const ABSENT: Ownership = { kind: 'absent' };
const UNKNOWN: Ownership = { kind: 'unknown' };

/** @param outcome of the get of the owner's key */
export function ownershipOf(id: BlobId, outcome: ReadOutcome): Ownership {
  switch (outcome.kind) {
    case 'absent':
      return ABSENT;
    case 'failed':
      return UNKNOWN;
    case 'value':
      break;
  }
  try {
    const manifest = decodeManifest(recordValue(outcome.record));
    if (manifest.kind !== 'blob' || manifest.blob !== id) return SUPERSEDED;
    return { kind: 'named', replicationClass: manifest.replicationClass };
  } catch {
    // Newer software may have written it.
    return UNKNOWN;
  }
}
