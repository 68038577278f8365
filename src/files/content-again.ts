// An upload of what is there already, under a key that is made of its content: the record is set anew and names the blob that
// it named before, so that a content which is stored every hour takes no more room each time. What was staged of it is the
// caller's to drop.

import { type Condition, etagOf } from '../cluster/model/condition.ts';
import { recordValue } from '../cluster/model/record.ts';
import { blobManifestOf } from './blob-naming.ts';
import { lookAtBlob } from './commits.ts';
import type { FileKey } from './file-key.ts';
import type { FileParts } from './file-parts.ts';
import { setFileRecord } from './file-record.ts';
import { askWhoHas } from './have.ts';
import type { FileFields } from './manifest.ts';
import type { SetFileOutcome } from './outcomes.ts';
import { type PlacedServer, placementOf } from './placement.ts';

export interface ContentAgain {
  readonly key: FileKey;
  /** What the record is to say of the content from now on. */
  readonly fields: FileFields;
  readonly condition: Condition;
  /** So many copies must be there before the file is acknowledged. */
  readonly copies: number;
  /** So many there are to be in the end. */
  readonly all: number;
}

/**
 * @param callback called exactly once, with how the set of the record has ended; undefined where the content is to be stored
 *   like any other, because it is not there, or with too few copies, or somebody else was faster
 */
export function nameContentAgain(
  parts: FileParts,
  { key, fields, condition, copies, all }: ContentAgain,
  callback: (outcome: SetFileOutcome | undefined) => void,
): void {
  if (!isMetByAnyRecord(condition)) return callback(undefined);
  return parts.reader.get(key, (read) => {
    const record = read.kind === 'value' ? read.record : undefined;
    const named = record && blobManifestOf(recordValue(record));
    if (named === undefined || record === undefined || named.sha512 !== fields.sha512) {
      return callback(undefined);
    }
    const { blob } = named;
    const { runtime, router, times, watch } = parts;
    const up = placementOf(blob, router.map?.fileServers).filter(({ id }) => watch.isUp(id));
    return askWhoHas(runtime, times, new Map([[blob, up]]), (answers) => {
      const holders = up.filter(({ id }) => answers.of(id, blob) === 'has');
      if (!areEnough(holders, up, copies)) return callback(undefined);
      // F2: the blob stays named only where its record is still there; a delete in between has made it garbage.
      const still = { ifMatch: [etagOf(record)] };
      const set = { key, manifest: { ...fields, kind: 'blob', blob }, condition: still } as const;
      return setFileRecord(parts, set, (outcome) => {
        if (outcome.kind === 'unmet') return callback(undefined);
        const isShort = outcome.kind === 'stored' && holders.length < all;
        if (isShort) lookAtBlob(runtime, times, blob, holders.slice(0, 1));
        return callback(outcome);
      });
    });
  });
}

/** Whether the condition holds of the record that is there, whichever that is. */
function isMetByAnyRecord({ ifMatch, ifNoneMatch }: Condition): boolean {
  return ifNoneMatch === undefined && (ifMatch === undefined || ifMatch === 'any');
}

/** F1: as many copies as a new upload would have, on as many hosts. */
function areEnough(
  holders: readonly PlacedServer[],
  up: readonly PlacedServer[],
  copies: number,
): boolean {
  return holders.length >= copies && hostsOf(holders) >= Math.min(copies, hostsOf(up));
}

function hostsOf(servers: readonly PlacedServer[]): number {
  return new Set(servers.map(({ entry }) => entry.host)).size;
}
