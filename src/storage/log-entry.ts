// What a log is made of: records, and between them marks that say what was dropped (D7). A mark has
// the layout of a record under a form of its own, so one reader checks both.

import { unreachable } from '../cluster/assert.ts';
import type { PartitionId } from '../cluster/partition.ts';
import {
  encodeRecord,
  type ParsedRecord,
  parseRecord,
  recordKey,
  recordValue,
  recordVersion,
  type StoredRecord,
} from '../cluster/record.ts';
import { VERSION_ZERO, type Version } from '../cluster/version.ts';

export type LogEntry =
  | { readonly kind: 'record'; readonly record: StoredRecord }
  /** The floor of the partition rose to this version: deletes up to it may be forgotten (H24). */
  | { readonly kind: 'floor'; readonly partition: PartitionId; readonly version: Version }
  /** Everything of the partition was dropped, its floor too (H15). */
  | { readonly kind: 'reset'; readonly partition: PartitionId }
  /** The record of the key, of this version, was dropped (H26). */
  | { readonly kind: 'forget'; readonly key: Buffer; readonly version: Version }
  /** The record of the key was dropped to make room, and the floor rose to its version at least (H40). */
  | {
      readonly kind: 'evicted';
      readonly partition: PartitionId;
      readonly key: Buffer;
      readonly version: Version;
    };

const FORMS = { floor: 2, reset: 3, forget: 4, evicted: 5 } as const;
const EMPTY = Buffer.alloc(0);
const FORM_OFFSET = 23;

export function encodeEntry(entry: LogEntry): Buffer {
  switch (entry.kind) {
    case 'record':
      return entry.record;
    case 'floor':
      return mark(FORMS.floor, partitionKey(entry.partition), entry.version);
    case 'reset':
      return mark(FORMS.reset, partitionKey(entry.partition), VERSION_ZERO);
    case 'forget':
      return mark(FORMS.forget, entry.key, entry.version);
    case 'evicted': {
      const { key, version, partition } = entry;
      return encodeRecord({ key, version, value: partitionKey(partition) }, FORMS.evicted);
    }
    default:
      return unreachable(entry);
  }
}

export type ParsedEntry =
  | { readonly kind: 'entry'; readonly entry: LogEntry; readonly length: number }
  | Exclude<ParsedRecord, { kind: 'record' }>;

export function parseEntry(bytes: Buffer, offset: number): ParsedEntry {
  const form = bytes[offset + FORM_OFFSET];
  const known = Object.values(FORMS).find((other) => other === form);
  const parsed = parseRecord(bytes, offset, known);
  if (parsed.kind !== 'record') return parsed;
  const { record } = parsed;
  const { length } = record;
  if (known === undefined) return { kind: 'entry', entry: { kind: 'record', record }, length };
  const key = recordKey(record);
  const version = recordVersion(record);
  if (known === FORMS.forget) {
    return { kind: 'entry', entry: { kind: 'forget', key: Buffer.from(key), version }, length };
  }
  if (known === FORMS.evicted) {
    const partition = recordValue(record).readUInt16BE(0) as PartitionId;
    const entry: LogEntry = { kind: 'evicted', partition, key: Buffer.from(key), version };
    return { kind: 'entry', entry, length };
  }
  if (key.length !== 2) return { kind: 'malformed', reason: 'a mark without a partition' };
  const partition = key.readUInt16BE(0) as PartitionId;
  const entry: LogEntry =
    known === FORMS.floor ? { kind: 'floor', partition, version } : { kind: 'reset', partition };
  return { kind: 'entry', entry, length };
}

function mark(form: number, key: Buffer, version: Version): Buffer {
  return encodeRecord({ key, version, value: EMPTY }, form);
}

function partitionKey(partition: PartitionId): Buffer {
  const key = Buffer.alloc(2);
  key.writeUInt16BE(partition);
  return key;
}
