// Says in the words of the interface what the core of the direct client answers. Pure.

import {
  type Condition,
  etagOf,
  NO_CONDITION,
  parseETag,
  printETag,
} from '../cluster/model/condition.ts';
import {
  ATTRIBUTE_CONTENT_TYPE,
  printRecordVersion,
  type RecordHead,
  recordAttributes,
  recordExpiresAtMs,
  recordValue,
  type StoredRecord,
} from '../cluster/model/record.ts';
import { parseVersion, type Version } from '../cluster/model/version.ts';
import type { ConditionalOutcome } from '../coordinator/operations/conditional/decision.ts';
import type { ReadOutcome } from '../coordinator/operations/get/round.ts';
import { type CheckedCondition, checkMinVersion } from './arguments.ts';
import type { Outcome, UnknownCode } from './calls.ts';
import { ConditionFailedError, VelourError } from './errors.ts';
import type { GetOptions, Stored, StoredEntry, Valued } from './velour.ts';

const TYPE_DEFAULT = 'application/octet-stream';

export type WrittenRecord = Extract<ConditionalOutcome, { kind: 'stored' }>;

export function modelCondition(condition: CheckedCondition | undefined): Condition {
  if (condition === undefined) return NO_CONDITION;
  return { ifMatch: tagsOf(condition.ifMatch), ifNoneMatch: tagsOf(condition.ifNoneMatch) };
}

/** @throws VelourError for what is no version */
export function minVersionOf({ minVersion }: Pick<GetOptions, 'minVersion'>): Version | undefined {
  checkMinVersion(minVersion);
  return minVersion === undefined ? undefined : parseVersion(minVersion);
}

/** What is no ETag of velour-fog matches nothing, and so does a list of none. */
function tagsOf(tags: CheckedCondition['ifMatch']): Condition['ifMatch'] {
  if (tags === undefined) return undefined;
  if (tags === '*') return 'any';
  return tags.map(parseETag).filter((tag) => tag !== undefined);
}

export function foundIn(read: ReadOutcome, outcome: Outcome<StoredRecord | undefined>): void {
  switch (read.kind) {
    case 'value':
      return outcome.done(read.record);
    case 'absent':
      return outcome.done(undefined);
    case 'failed':
      return outcome.failed(new VelourError(read.code, read.detail));
  }
}

export function storedIn(
  written: ConditionalOutcome,
  unknown: UnknownCode,
  outcome: Outcome<WrittenRecord>,
): void {
  switch (written.kind) {
    case 'stored':
      return outcome.done(written);
    case 'unmet':
      return outcome.failed(unmetError(written));
    case 'not-stored': {
      const { code, detail } = written;
      return outcome.failed(new VelourError(code, `${detail}; nothing was stored`));
    }
    case 'unknown': {
      const what = 'not every storage node confirmed in time: it may or may not take effect';
      return outcome.failed(new VelourError(unknown, what));
    }
  }
}

function unmetError({ why, record }: Extract<ConditionalOutcome, { kind: 'unmet' }>): VelourError {
  switch (why) {
    case 'condition':
      return record === undefined
        ? new ConditionFailedError('the key has no value, and the call wants one', undefined)
        : new ConditionFailedError(
            'the key has another value than the call wants',
            printETag(etagOf(record)),
          );
    case 'not-a-number':
      return new VelourError(why, 'the value is no whole decimal number, to which incr could add');
    case 'overflow':
      return new VelourError(why, 'the sum would be beyond 2^53 - 1, or below its negative');
    case 'too-large':
      return new VelourError(
        'value-too-large',
        'the value would be longer than this cluster takes',
      );
  }
}

export function entryOf(record: StoredRecord): StoredEntry {
  const expiresAtMs = recordExpiresAtMs(record);
  const type = recordAttributes(record).find((each) => each.type === ATTRIBUTE_CONTENT_TYPE);
  return {
    ...valuedOf(record),
    contentType: type === undefined ? TYPE_DEFAULT : Buffer.from(type.bytes).toString('latin1'),
    expiresAtMs: expiresAtMs === 0 ? undefined : expiresAtMs,
  };
}

export function valuedOf(record: StoredRecord): Valued {
  return { value: copyOf(record), ...storedOf(record) };
}

export function storedOf(record: RecordHead): Stored {
  return { etag: printETag(etagOf(record)), version: printRecordVersion(record) };
}

/** The record is a view of all that came with it from a storage node, and the value may be kept for long. */
export function copyOf(record: StoredRecord): Uint8Array {
  return new Uint8Array(recordValue(record));
}
