// Lists the entries of one directory: all of them lie in one partition (file-key.ts), in which their keys are scattered among
// all others, so each page of it is looked through (FILES.md, "Keys").

import { CHUNK_RECORD_BYTES } from '../cluster/model/limits.ts';
import { partitionOf } from '../cluster/model/partition.ts';
import {
  type RecordHead,
  recordHead,
  recordKey,
  type StoredRecord,
} from '../cluster/model/record.ts';
import { VERSION_ZERO } from '../cluster/model/version.ts';
import type { PageOutcome } from '../coordinator/operations/scan/page.ts';
import { SCAN_START } from '../coordinator/operations/scan/position.ts';
import { entriesPrefix } from './file-key.ts';
import type { FileParts } from './file-parts.ts';
import { fileOf } from './file-record.ts';
import type { DirectoryEntry, ListDirectory, ListDirectoryOutcome } from './outcomes.ts';

/** @param callback called exactly once */
export function listDirectory(
  { pages, router }: Pick<FileParts, 'pages' | 'router'>,
  { domain, directory, after = SCAN_START.from, limit }: ListDirectory,
  callback: (outcome: ListDirectoryOutcome) => void,
): void {
  const prefix = entriesPrefix(domain, directory);
  if (prefix === undefined) return callback({ kind: 'page', entries: [], next: undefined });
  const { map } = router;
  if (map === undefined) return callback(NOT_READY);
  const partition = partitionOf(prefix, map.digits);
  const entries: DirectoryEntry[] = [];
  const take = (outcome: PageOutcome): void => {
    if (outcome.kind === 'failed') return callback(outcome);
    for (const head of outcome.heads) {
      const entry = entryOf(head as StoredRecord, prefix.length);
      if (entry === undefined) return callback(DAMAGED);
      entries.push(entry);
    }
    const { next } = outcome;
    if (next === undefined || entries.length >= limit) {
      return callback({ kind: 'page', entries, next });
    }
    return ask(next);
  };
  const ask = (from: typeof after) =>
    pages.page(
      {
        kind: 'scan',
        partition,
        from,
        prefix,
        values: true,
        deletes: false,
        since: VERSION_ZERO,
        bytes: CHUNK_RECORD_BYTES,
        count: limit - entries.length,
      },
      take,
    );
  return ask(after);
}

/** @returns undefined for a record that is no file's */
function entryOf(record: StoredRecord, prefixBytes: number): DirectoryEntry | undefined {
  const file = fileOf(record);
  if (file === undefined) return undefined;
  const { kind, content: _left, blob: _named, ...fields } = { ...PARTS, ...file.manifest };
  const name = Buffer.from(recordKey(record).subarray(prefixBytes));
  // A copy: a view would keep the whole page in memory as long as one entry of it.
  return { name, kind, fields, head: Buffer.from(recordHead(record)) as RecordHead };
}

const PARTS = { content: undefined, blob: undefined };
const NOT_READY = { kind: 'failed', code: 'not-ready', detail: 'no cluster map yet' } as const;
const DAMAGED = {
  kind: 'failed',
  code: 'internal',
  detail: 'the record of an entry is damaged',
} as const;
