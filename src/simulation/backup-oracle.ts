// What a directory with a finished backup must have: what a client would have read that asked for every key as
// the backup began, and was answered as it ended. So a backup is judged as gets are (history.ts).

import { fileOf, MANIFEST_FILE, parseManifest } from '../backup/manifest.ts';
import {
  isTombstone,
  parseRecord,
  recordKey,
  recordValue,
  recordVersion,
  type StoredRecord,
} from '../cluster/model/record.ts';
import type { Version } from '../cluster/model/version.ts';
import type { DiskImage } from './disk.ts';
import type { ClientOperation } from './history.ts';

/** A key that is not there may have been deleted or have expired, and that be forgotten: no version says when. */
const ABOVE_ALL = (2n ** 64n - 1n) as Version;

export interface BackupTimes {
  readonly begunMs: number;
  readonly endedMs: number;
}

/**
 * @param keys of the history; what the backup has beside them is read as well
 * @param nameOf what the history calls a value
 * @returns gets; or what is wrong with the files themselves
 */
export function backupReads(
  { files }: DiskImage,
  keys: Iterable<string>,
  { begunMs, endedMs }: BackupTimes,
  nameOf: (value: Buffer) => string = (value) => value.toString(),
): readonly ClientOperation[] | string {
  const records = recordsIn(files);
  if (typeof records === 'string') return records;
  return [...new Set([...keys, ...records.keys()])].map((key) => {
    const record = records.get(key);
    const isValue = record !== undefined && !isTombstone(record);
    return {
      kind: 'get',
      key,
      startMs: begunMs,
      endMs: endedMs,
      value: isValue ? nameOf(recordValue(record)) : undefined,
      ok: true,
      version: record === undefined ? ABOVE_ALL : recordVersion(record),
      refused: false,
    };
  });
}

/** By key; or what is wrong. */
export function recordsIn(
  files: ReadonlyMap<string, Buffer>,
): ReadonlyMap<string, StoredRecord> | string {
  const bytes = files.get(MANIFEST_FILE);
  const manifest = bytes === undefined ? 'there is no manifest' : parseManifest(bytes);
  if (typeof manifest === 'string') return manifest;
  if (manifest.finishedAtMs === undefined) return 'the manifest is not finished';
  const records = new Map<string, StoredRecord>();
  for (const [partition, content] of manifest.partitions) {
    const name = fileOf(partition, manifest.digits);
    const file = files.get(name) ?? Buffer.alloc(0);
    if (file.length !== content.bytes) return `${name} has ${file.length} bytes`;
    for (let at = 0; at < file.length; ) {
      const parsed = parseRecord(file, at);
      if (parsed.kind !== 'record') return `${name}, byte ${at}: no record`;
      const key = recordKey(parsed.record).toString();
      if (records.has(key)) return `${name}, byte ${at}: ${key} is there twice`;
      records.set(key, parsed.record);
      at += parsed.record.length;
    }
  }
  return records;
}
