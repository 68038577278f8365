// The end of whatever makes a blob, an upload or a link: enough copies are committed, and then the record of the file names it
// (FILES.md, PUT (7) and (8)). The blob that the record named before is garbage from then on.

import { recordValue } from '../cluster/model/record.ts';
import type { BlobId } from './blob-id.ts';
import { type CommittedCopies, dropBlob, lookAtBlob } from './commits.ts';
import type { FileKey } from './file-key.ts';
import type { FileParts } from './file-parts.ts';
import { type FileRecordSet, setFileRecord } from './file-record.ts';
import { decodeManifest, type FileManifest } from './manifest.ts';
import type { SetFileOutcome } from './outcomes.ts';
import { placementOf } from './placement.ts';

export type BlobManifest = Extract<FileManifest, { kind: 'blob' }>;

export interface BlobNaming {
  readonly blob: BlobId;
  readonly record: FileRecordSet;
  /** How many copies there are to be in the end (N). */
  readonly all: number;
  /** When its copies began to be committed, by the monotonic clock. */
  readonly beganMs: number;
  readonly former: FormerBlob | undefined;
}

/**
 * @param copies as many as the acknowledgement needs; they are dropped where the record certainly does not name the blob
 * @param callback called exactly once
 */
export function nameBlob(
  parts: FileParts,
  { blob, record, all, beganMs, former }: BlobNaming,
  { holders, asked }: CommittedCopies,
  callback: (outcome: SetFileOutcome) => void,
): void {
  const { runtime, times } = parts;
  const drop = () => dropBlob(runtime, times, blob, asked);
  // FILES.md, Replicator (d): whoever finds the blob without a manifest from then on may take it for garbage.
  const refusal = () =>
    runtime.clock.monotonicMs() - beganMs > times.manifestMs ? TOO_LATE : undefined;
  return setFileRecord(parts, { ...record, refusal }, (outcome) => {
    switch (outcome.kind) {
      case 'stored': {
        const { replicationClass } = outcome.file.manifest;
        const isAsMade = replicationClass === record.manifest.replicationClass;
        if (holders.length < all || !isAsMade) {
          lookAtBlob(runtime, times, blob, holders.slice(0, 1));
        }
        former?.lookAt();
        break;
      }
      case 'unmet':
      case 'not-stored':
        drop();
        break;
      case 'unknown':
        break;
    }
    callback(outcome);
  });
}

/** The blob that the record of a file named before it was set, as far as that is known in time. */
export class FormerBlob {
  readonly #parts: FileParts;
  #manifest: BlobManifest | undefined;

  constructor(parts: FileParts, key: FileKey) {
    this.#parts = parts;
    parts.reader.get(key, (outcome) => {
      if (outcome.kind === 'value') this.#manifest = blobManifestOf(recordValue(outcome.record));
    });
  }

  /** Its holders would find out by themselves that nothing names it any more, but late. */
  lookAt(): void {
    if (this.#manifest === undefined) return;
    const { blob, replicationClass } = this.#manifest;
    const { runtime, router, times, classes } = this.#parts;
    const copies = classes.lately(replicationClass);
    const holders = placementOf(blob, router.map?.fileServers).slice(0, copies);
    lookAtBlob(runtime, times, blob, holders);
  }
}

/** @returns undefined for what names no blob */
export function blobManifestOf(value: Buffer): BlobManifest | undefined {
  try {
    const manifest = decodeManifest(value);
    return manifest.kind === 'blob' ? manifest : undefined;
  } catch {
    // It is no file's, or newer software has written it.
    return undefined;
  }
}

const TOO_LATE = {
  kind: 'not-stored',
  code: 'not-stored',
  detail: 'the file took too long: its copies may be collected',
} as const;
