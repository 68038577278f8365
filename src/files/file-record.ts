// Reads and sets the record of a file, in which it becomes visible: whatever is done to a file ends with one such set.

import type { Condition } from '../cluster/model/condition.ts';
import { recordValue, type StoredRecord } from '../cluster/model/record.ts';
import type { WriteRequest } from '../coordinator/operations/set/decision.ts';
import { storedRecordOf } from '../coordinator/operations/set/set-record.ts';
import type { FileKey } from './file-key.ts';
import type { FileOperations } from './file-parts.ts';
import { decodeManifest } from './manifest.ts';
import type { FileVersion, PutFile, SetFileOutcome } from './outcomes.ts';

export interface FileRecordSet {
  readonly key: FileKey;
  /** As `encodeManifest` makes it. */
  readonly manifest: Buffer;
  /** What the record must be (H39); `NO_CONDITION` overwrites whatever there is. */
  readonly condition: Condition;
  /** As in PutFile. */
  readonly confirm?: PutFile['confirm'];
}

type FileWriters = Pick<FileOperations, 'writer' | 'conditional'>;

/** @param callback called exactly once */
export function setFileRecord(
  writers: FileWriters,
  { confirm, ...set }: FileRecordSet,
  callback: (outcome: SetFileOutcome) => void,
): void {
  if (confirm === undefined) return setNow(writers, set, callback);
  return confirm((isRight) =>
    isRight ? setNow(writers, set, callback) : callback({ kind: 'unmet', file: undefined }),
  );
}

function setNow(
  { writer, conditional }: FileWriters,
  { key, manifest: value, condition }: FileRecordSet,
  callback: (outcome: SetFileOutcome) => void,
): void {
  const stored = (record: StoredRecord, created: boolean) =>
    callback({ kind: 'stored', file: { manifest: decodeManifest(value), record }, created });
  if (isAny(condition)) {
    const request: WriteRequest = { key, value, ...UNADORNED };
    return writer.set(request, (outcome) =>
      outcome.kind === 'stored'
        ? stored(storedRecordOf(request, outcome), outcome.created)
        : callback(outcome),
    );
  }
  const change = { kind: 'put', value, attributes: [], expiresAtMs: 0 } as const;
  return conditional.write({ key, condition, change }, (outcome) => {
    switch (outcome.kind) {
      case 'stored':
        return stored(outcome.record, outcome.created);
      case 'unmet':
        return callback({ kind: 'unmet', file: outcome.record && fileOf(outcome.record) });
      case 'not-stored':
      case 'unknown':
        return callback(outcome);
    }
  });
}

/** Whether whatever there is may be replaced. */
export function isAny({ ifMatch, ifNoneMatch }: Condition): boolean {
  return ifMatch === undefined && ifNoneMatch === undefined;
}

/** @returns undefined for a record that is no file's */
export function fileOf(record: StoredRecord): FileVersion | undefined {
  try {
    return { manifest: decodeManifest(recordValue(record)), record };
  } catch {
    return undefined;
  }
}

const UNADORNED = { tombstone: false, expiresAtMs: 0, attributes: [] } as const;
