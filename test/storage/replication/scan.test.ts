// What a storage node answers to a scan: who may (R1), which records, in which order, and how much work one answer is.

import { describe, expect, test } from 'vitest';
import { SCAN_LOOKED_AT_MAX } from '../../../src/cluster/model/limits.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import {
  encodeRecord,
  type RecordFields,
  recordKey,
  recordValue,
} from '../../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../../src/cluster/model/version.ts';
import { SeededRandom } from '../../../src/cluster/seeded-random.ts';
import type { Answer, Cursor } from '../../../src/cluster/wire/operations.ts';
import type { ScanOperation } from '../../../src/cluster/wire/scan-operation.ts';
import { bucketOf } from '../../../src/storage/memory/digest.ts';
import { FIRST } from '../../../src/storage/memory/partition-store.ts';
import { SegmentStore } from '../../../src/storage/memory/segment-store.ts';
import { Listings } from '../../../src/storage/replication/listings.ts';

const PARTITION = 3 as PartitionId;
const NOW_MS = 1_000_000;
const CHUNK_BYTES = 4096;
const SCAN: ScanOperation = {
  kind: 'scan',
  partition: PARTITION,
  from: FIRST,
  prefix: Buffer.alloc(0),
  values: false,
  deletes: false,
  since: VERSION_ZERO,
  bytes: 2 ** 32 - 1,
  count: 2 ** 32 - 1,
};

function storeOf(records: readonly Partial<RecordFields>[]): SegmentStore {
  const store = new SegmentStore();
  for (const fields of records) {
    const tombstone = fields.tombstone ?? false;
    const value = tombstone ? Buffer.alloc(0) : Buffer.from('value');
    store.put(
      PARTITION,
      encodeRecord({ key: Buffer.from('key'), version: 5n as Version, value, ...fields }),
    );
  }
  return store;
}

const keysOf = (answer: Answer): readonly string[] => {
  if (answer.kind === 'heads') return answer.heads.map((head) => recordKey(head).toString());
  if (answer.kind === 'records') return answer.records.map((each) => recordKey(each).toString());
  throw new Error(answer.kind);
};
const nextOf = (answer: Answer): Cursor | undefined =>
  answer.kind === 'heads' || answer.kind === 'records' ? answer.next : undefined;

/** All pages of a scan from each store in turn, as if a member answered each that has the same records. */
function pages(stores: readonly SegmentStore[], scan: Partial<ScanOperation> = {}): Answer[] {
  const listings = stores.map((store) => new Listings(store, CHUNK_BYTES));
  const answers: Answer[] = [];
  let from: Cursor | undefined = FIRST;
  for (let page = 0; from !== undefined; page++) {
    const listing = listings[page % listings.length];
    if (listing === undefined || page > 100_000) throw new Error('it never ends');
    const answer = listing.scan({ ...SCAN, ...scan, from }, NOW_MS);
    answers.push(answer);
    from = nextOf(answer);
  }
  return answers;
}

const allKeys = (stores: readonly SegmentStore[], scan: Partial<ScanOperation> = {}) =>
  pages(stores, scan).flatMap(keysOf);

const named = (count: number, prefix = 'key ') =>
  Array.from({ length: count }, (_, index) => ({ key: Buffer.from(`${prefix}${index}`) }));

describe('a scan lists', () => {
  test('live records: neither deletes nor what has expired (H30)', () => {
    const store = storeOf([
      { key: Buffer.from('live') },
      { key: Buffer.from('later'), expiresAtMs: NOW_MS + 1 },
      { key: Buffer.from('expired'), expiresAtMs: NOW_MS },
      { key: Buffer.from('deleted'), tombstone: true },
    ]);
    expect(allKeys([store]).toSorted()).toEqual(['later', 'live']);
    expect(allKeys([store], { deletes: true }).toSorted()).toEqual(['deleted', 'later', 'live']);
  });

  test('keys with the prefix alone', () => {
    const keys = ['a', 'ab', 'abc', 'b', 'ba'].map((text) => ({ key: Buffer.from(text) }));
    const store = storeOf(keys);
    expect(allKeys([store], { prefix: Buffer.from('ab') }).toSorted()).toEqual(['ab', 'abc']);
    // The bytes behind a short key are not part of it.
    expect(allKeys([store], { prefix: Buffer.from('bval') })).toEqual([]);
  });

  test('versions from the given one on', () => {
    const store = storeOf([
      { key: Buffer.from('old'), version: 4n as Version },
      { key: Buffer.from('same'), version: 5n as Version },
      { key: Buffer.from('new'), version: 6n as Version },
    ]);
    expect(allKeys([store], { since: 5n as Version }).toSorted()).toEqual(['new', 'same']);
  });

  test('whole records where values are wanted', () => {
    const [answer] = pages([storeOf([{}])], { values: true });
    expect(answer?.kind).toBe('records');
    if (answer?.kind !== 'records') return;
    expect(answer.records.map((each) => recordValue(each).toString())).toEqual(['value']);
  });
});

describe('the pages of a scan', () => {
  test('have each key once, from stores that grew in different orders', () => {
    const random = new SeededRandom(1);
    const records = named(5000);
    const shuffled = records.toSorted(() => random.fraction() - 0.5);
    const [one, other] = [storeOf(records), storeOf(shuffled)];
    const wanted = records.map(({ key }) => key.toString()).toSorted();
    for (const scan of [{}, { count: 7 }, { bytes: 200 }, { values: true }]) {
      expect(allKeys([one, other], scan).toSorted()).toEqual(wanted);
    }
  });

  test('have at most as many records and bytes as they may', () => {
    const store = storeOf(named(3000));
    for (const answer of pages([store], { count: 10 })) {
      expect(keysOf(answer).length).toBeLessThanOrEqual(10);
    }
    for (const answer of pages([store], { values: true })) {
      if (answer.kind !== 'records') throw new Error(answer.kind);
      const bytes = answer.records.reduce((sum, { length }) => sum + length, 0);
      expect(bytes).toBeLessThan(CHUNK_BYTES + 100);
    }
  });

  test('come of a bounded number of records, though the prefix matches none of them', () => {
    const store = storeOf(named(20_000));
    const answers = pages([store], { prefix: Buffer.from('none') });
    expect(answers.flatMap(keysOf)).toEqual([]);
    expect(answers.length).toBeGreaterThan(20_000 / SCAN_LOOKED_AT_MAX);
    expect(answers.length).toBeLessThan((3 * 20_000) / SCAN_LOOKED_AT_MAX);
  });

  test('have each key that stays once, while others come and go', () => {
    const random = new SeededRandom(2);
    const store = storeOf(named(2000));
    const listings = new Listings(store, CHUNK_BYTES);
    const listed: string[] = [];
    let from: Cursor | undefined = FIRST;
    while (from !== undefined) {
      const answer = listings.scan({ ...SCAN, from, count: 50 }, NOW_MS);
      listed.push(...keysOf(answer));
      from = nextOf(answer);
      for (let index = 0; index < 200; index++) {
        const key = Buffer.from(`other ${random.below(1000)}`);
        if (random.chance(0.5)) store.forget(PARTITION, key, 5n as Version);
        else store.put(PARTITION, encodeRecord({ key, version: 5n as Version, value: key }));
      }
    }
    const stayed = listed.filter((key) => key.startsWith('key ')).toSorted();
    expect(stayed).toEqual(
      named(2000)
        .map(({ key }) => key.toString())
        .toSorted(),
    );
  });

  test('go on behind a key whatever bucket the place names with it', () => {
    const store = storeOf(named(500));
    const keys = allKeys([store]);
    const afterKey = Buffer.from(keys[99] ?? '');
    const wrong = (bucketOf(afterKey) + 1) % 64;
    const answer = new Listings(store, 2 ** 20).scan(
      { ...SCAN, from: { bucket: wrong, afterKey } },
      NOW_MS,
    );
    expect(keysOf(answer)).toEqual(keys.slice(100));
  });
});
