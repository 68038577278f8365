// Reads and sets the record of a file, in which it becomes visible: whatever is done to a file ends with one such set.

import { etagOf } from '../cluster/model/condition.ts';
import { recordValue, recordVersion, type StoredRecord } from '../cluster/model/record.ts';
import type { WriteRequest } from '../coordinator/operations/set/decision.ts';
import { storedRecordOf } from '../coordinator/operations/set/set-record.ts';
import type { FileKey } from './file-key.ts';
import type { FileOperations } from './file-parts.ts';
import { decodeManifest, encodeManifest, type FileManifest } from './manifest.ts';
import type { FileCondition, FileVersion, PutFile, SetFileOutcome } from './outcomes.ts';
import { type ChangeFate, keepIfClear } from './second-look.ts';

export interface FileRecordSet {
  readonly key: FileKey;
  readonly manifest: FileManifest;
  /** What the record must be (H39); `NO_CONDITION` overwrites whatever there is. */
  readonly condition: FileCondition;
  /** As in PutFile. */
  readonly confirm?: PutFile['confirm'];
  /** Asked before each set: why there must be none any more. */
  readonly refusal?: () => Extract<SetFileOutcome, { kind: 'not-stored' }> | undefined;
}

/** How often others may be faster before a set that is confirmed is given up. */
export const CONFIRMATIONS_MAX = 16;

type FileWriters = Pick<FileOperations, 'writer' | 'conditional'>;

/** @param callback called exactly once */
export function setFileRecord(
  writers: FileWriters,
  set: FileRecordSet,
  callback: (outcome: SetFileOutcome) => void,
  attempts = CONFIRMATIONS_MAX,
): void {
  const { confirm, manifest } = set;
  if (confirm === undefined) return setNow(writers, set, callback);
  return confirm((confirmed) => {
    if (confirmed === undefined) return callback({ kind: 'unmet', file: undefined });
    const { condition, ...fields } = confirmed;
    const next = { ...set, condition, manifest: { ...manifest, ...fields } };
    return setNow(writers, next, (outcome) => {
      const isOver = outcome.kind !== 'unmet' || attempts <= 1;
      return isOver ? callback(outcome) : setFileRecord(writers, set, callback, attempts - 1);
    });
  }, manifest);
}

function setNow(
  { writer, conditional }: FileWriters,
  { key, manifest, condition, refusal }: FileRecordSet,
  callback: (outcome: SetFileOutcome) => void,
): void {
  const refused = refusal?.();
  if (refused !== undefined) return callback(refused);
  const value = encodeManifest(manifest);
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
  const { lookAgain, ...present } = condition;
  // What was there before is needed where the set may have to be undone.
  const kind = lookAgain === undefined ? 'put' : 'getset';
  const change = { kind, value, attributes: [], expiresAtMs: 0 } as const;
  return conditional.write({ key, condition: present, change }, (outcome) => {
    switch (outcome.kind) {
      case 'stored': {
        const { record, previous, created } = outcome;
        const done = { key, own: record, former: previous, lookAgain };
        return keepIfClear(conditional, done, (fate, restored) =>
          fate === 'kept' ? stored(record, created) : callback(unkept(fate, record, restored)),
        );
      }
      case 'unmet':
        return callback({ kind: 'unmet', file: outcome.record && fileOf(outcome.record) });
      case 'not-stored':
      case 'unknown':
        return callback(outcome);
    }
  });
}

/** Whether whatever there is may be replaced, and nothing else counts. */
export function isAny({ ifMatch, ifNoneMatch, lookAgain }: FileCondition): boolean {
  return ifMatch === undefined && ifNoneMatch === undefined && lookAgain === undefined;
}

/** @returns how a change ends that was made and is not to stay */
export function unkept(
  fate: Exclude<ChangeFate, 'kept'>,
  own: StoredRecord,
  restored: StoredRecord | undefined,
): Extract<SetFileOutcome, { kind: 'unmet' | 'unknown' }> {
  return fate === 'undone'
    ? { kind: 'unmet', file: restored && fileOf(restored), isUndone: true }
    : { kind: 'unknown', version: recordVersion(own) };
}

/** @returns the condition that there is this very record still, or still none */
export function asFound(file: FileVersion | undefined): FileCondition {
  return file === undefined ? { ifNoneMatch: 'any' } : { ifMatch: [etagOf(file.record)] };
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
