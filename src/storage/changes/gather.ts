// Answers a follower from the ring of changes: what the keys that changed have now, and of which partitions changes may be
// missing (H46). Pure; when to answer is change-links.ts's.

import { PartitionSet } from '../../cluster/model/partition-set.ts';
import { type RecordHead, recordHead, type StoredRecord } from '../../cluster/model/record.ts';
import type { Changes, Follow, GoneKey } from '../../cluster/wire/follow-messages.ts';
import type { PartitionReader } from '../memory/partition-store.ts';
import type { ChangeRing } from './change-ring.ts';

/** How many changes one look goes through, so that a follower who fell behind does not hold up gets and sets. */
const LOOKED_AT_MAX = 2048;
/** The bytes of records that one answer may have; at least one record is told. */
const ANSWER_BYTES = 64 * 1024;

export interface Gathered {
  /** Its records are views, valid until the next put. */
  readonly changes: Changes;
  /** Whether there is anything to tell. */
  readonly isNews: boolean;
}

/** @param from the first change to tell */
export function gather(
  ring: ChangeRing,
  reader: Pick<PartitionReader, 'peek' | 'floor'>,
  follow: Follow,
  from: number,
): Gathered {
  const { partitions, values } = follow;
  // Whoever asks for changes that were forgotten goes on with those to come.
  if (!ring.has(from)) {
    const changes = { next: ring.next, lost: partitions, gone: [], heads: [] };
    return { changes, isNews: true };
  }
  const lost = PartitionSet.of(new Uint8Array(partitions.bytes.length));
  const gone: GoneKey[] = [];
  const heads: RecordHead[] = [];
  const told = new Set<string>();
  const end = Math.min(ring.next, from + LOOKED_AT_MAX);
  let bytes = 0;
  let next = from;
  for (; next < end && bytes < ANSWER_BYTES; next++) {
    const partition = ring.partitionOf(next);
    if (!partitions.has(partition)) continue;
    const key = ring.keyOf(next);
    if (key.length === 0) {
      lost.add(partition);
      continue;
    }
    if (!isWanted(follow, key)) continue;
    const name = key.toString('latin1');
    // A key that changed twice is told once, as it is now.
    if (told.has(name)) continue;
    told.add(name);
    const record = reader.peek(partition, key);
    if (record === undefined) gone.push({ key, version: reader.floor(partition) });
    else heads.push(values ? record : recordHead(record));
    bytes += record === undefined ? key.length : toldBytes(record, values);
  }
  const isNews = heads.length > 0 || gone.length > 0 || !lost.isEmpty;
  return { changes: { next, lost, gone, heads }, isNews };
}

function isWanted({ prefix, isExact }: Follow, key: Buffer): boolean {
  if (isExact) return key.equals(prefix);
  return (
    key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0
  );
}

function toldBytes(record: StoredRecord, values: boolean): number {
  return values ? record.length : recordHead(record).length;
}
