// Judges the files of a finished backup: they must hold what gets of all keys would have returned that began with the
// backup and ended with it. So a backup is turned into such gets, which history.ts judges.

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

/** The version of an absent key: a tombstone or an expired record may be forgotten by now, so no version is too low. */
const ABOVE_ALL = (2n ** 64n - 1n) as Version;

export interface BackupTimes {
  readonly begunMs: number;
  readonly endedMs: number;
}

/**
 * @param keys the keys of the history; further keys of the backup are read as well
 * @param nameOf the history's name of a value
 * @returns the gets; or what is wrong with the files
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

/** @returns the backup's records by key; or what is wrong with the files */
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
