// Reads a whole backup before any of it is restored, so that a damaged backup changes nothing: every file in the
// manifest must exist, with the length, the checksum and the numbers of records that the manifest has, and contain
// nothing but records.

import type { PartitionId } from '../cluster/model/partition.ts';
import { isPerishable, isTombstone, type StoredRecord } from '../cluster/model/record.ts';
import type { Folder } from '../cluster/ports.ts';
import { type Content, fileOf, type Manifest } from './manifest.ts';
import { RecordFile } from './record-file.ts';

/**
 * @param done gets what is wrong, with file and byte; undefined when nothing is
 * @param seen called with each record
 */
export function verifyFiles(
  folder: Folder,
  manifest: Manifest,
  done: (problem: string | undefined) => void,
  seen: (record: StoredRecord) => void = () => undefined,
): void {
  const files = [...manifest.partitions];
  const next = (): void => {
    const file = files.shift();
    if (file === undefined) return done(undefined);
    return verifyFile(folder, manifest, file, seen, (problem) =>
      problem === undefined ? next() : done(problem),
    );
  };
  next();
}

function verifyFile(
  folder: Folder,
  { digits }: Manifest,
  [partition, content]: readonly [PartitionId, Content],
  seen: (record: StoredRecord) => void,
  done: (problem: string | undefined) => void,
): void {
  const name = fileOf(partition, digits);
  openRecords(folder, name, content, (opened) => {
    if ('problem' in opened) return done(opened.problem);
    const { records, bytes, close } = opened;
    const end = (problem: string | undefined) => {
      close();
      done(problem);
    };
    if (content.complete && bytes > content.bytes) {
      return end(`${name}, byte ${content.bytes}: there is more than the manifest says`);
    }
    const found = { records: 0, deletes: 0, expiring: 0 };
    const look = (): void => {
      for (let record = records.take(); record !== undefined; record = records.take()) {
        found.records++;
        seen(record);
        if (isTombstone(record)) found.deletes++;
        else if (isPerishable(record)) found.expiring++;
      }
      if (records.state.kind === 'open') return records.read(look);
      if (records.state.kind === 'damaged') return end(problemOf(name, records));
      const wrong = (['records', 'deletes', 'expiring'] as const).find(
        (what) => found[what] !== content[what],
      );
      if (wrong === undefined) return end(undefined);
      return end(`${name}: ${found[wrong]} ${wrong}, and the manifest says ${content[wrong]}`);
    };
    return look();
  });
}

export interface OpenRecords {
  readonly records: RecordFile;
  /** Length of the file, which may be more than the manifest covers. */
  readonly bytes: number;
  close(): void;
}

export function openRecords(
  folder: Folder,
  name: string,
  content: Content,
  done: (opened: OpenRecords | { readonly problem: string }) => void,
): void {
  folder.open(name, { create: false }, (result) => {
    if (result.kind === 'failed') {
      const what = result.detail === 'ENOENT' ? 'it is missing' : result.detail;
      return done({ problem: `${name}: ${what}` });
    }
    const file = result.value;
    const records = new RecordFile(file, content);
    return done({ records, bytes: file.bytes, close: () => file.close() });
  });
}

export function problemOf(name: string, { state }: RecordFile): string {
  return state.kind === 'damaged' ? `${name}, byte ${state.byte}: ${state.reason}` : name;
}
