// Mutants of the records that a storage node has in memory.

import { type Mutant, SEEDS, tests } from '../mutant.ts';

const ASIDES = 'src/storage/memory/asides.ts';
const CLEANER = 'src/storage/memory/cleaner.ts';
const HASH_INDEX = 'src/storage/memory/hash-index.ts';
const MEMORY_LIMIT = 'src/storage/memory/memory-limit.ts';
const PARTITION_RECORDS = 'src/storage/memory/partition-records.ts';
const ROOM = 'src/storage/memory/room.ts';
const SEGMENTS = 'src/storage/memory/segments.ts';
const SEGMENT_STORE = 'src/storage/memory/segment-store.ts';

const ASIDES_TESTS = 'test/storage/memory/asides.test.ts';
const CACHES_SCHEDULES = 'test/simulation/schedules-caches.test.ts';
const EVICTION_TESTS = 'test/storage/memory/eviction.test.ts';
const FULL_MEMORY_TESTS = 'test/storage/memory/full-memory.test.ts';
const FULL_RESTART_TESTS = 'test/storage/memory/full-restart.test.ts';
const MEMORY_LIMIT_TESTS = 'test/storage/memory/memory-limit.test.ts';
const REPLICA_TESTS = 'test/storage/replication/replica.test.ts';
const RETURNING_SCHEDULES = 'test/simulation/schedules-returning.test.ts';
const SEGMENTS_TESTS = 'test/storage/memory/segments.test.ts';
const SEGMENT_STORE_TESTS = 'test/storage/memory/segment-store.test.ts';

export const STORAGE_MEMORY_MUTANTS: readonly Mutant[] = [
  {
    name: 'answers-from-what-is-set-aside',
    rule: 'H15',
    edits: [{ file: ASIDES, find: 'this.#partitions.set(partition, empty);', replace: '' }],
    fate: tests(REPLICA_TESTS, 'a joiner begins with nothing'),
  },
  {
    name: 'taken-back-by-key-alone',
    rule: 'H15',
    edits: [{ file: ASIDES, find: 'if (!isSameHead(record, head)) return false;', replace: '' }],
    fate: tests(RETURNING_SCHEDULES, 'copies only what differs'),
  },
  {
    name: 'taken-back-over-a-greater-one',
    rule: 'H15',
    edits: [
      {
        file: ASIDES,
        find: 'if (at !== undefined && compareRecords(record, this.#segments.at(at)) <= 0) return true;',
        replace: '',
      },
    ],
    fate: tests(ASIDES_TESTS, 'not over a greater one'),
  },
  {
    name: 'log-loses-what-is-below',
    rule: 'H15',
    edits: [{ file: ASIDES, find: 'below: present });', replace: 'below: undefined });' }],
    fate: tests(ASIDES_TESTS, 'is in the log as it is here'),
  },
  {
    name: 'cleaner-falls-behind',
    rule: 'H35',
    edits: [{ file: CLEANER, find: 'const AHEAD = 1.25;', replace: 'const AHEAD = 0.5;' }],
    fate: tests(SEGMENT_STORE_TESTS, 'of what others have, before a set is refused'),
  },
  {
    name: 'large-records-cost-nothing-to-evict',
    rule: 'H40',
    edits: [
      {
        file: CLEANER,
        find: 'Math.max(passed, entry.record.length)',
        replace: 'passed',
      },
      {
        file: CLEANER,
        find: 'const { isFull } = this;',
        replace: 'const isFull = this.#sifting !== undefined || this.isFull;',
      },
    ],
    fate: tests(EVICTION_TESTS, 'no more goes than must'),
  },
  {
    name: 'one-queue',
    rule: 'H40',
    edits: [{ file: CLEANER, find: 'const SMALL_QUEUE = 0.1;', replace: 'const SMALL_QUEUE = 2;' }],
    fate: tests(EVICTION_TESTS, 'keeps what is asked for'),
  },
  {
    name: 'old-table-not-searched',
    rule: 'I11',
    edits: [
      {
        file: HASH_INDEX,
        find: 'if (this.#old === undefined) return undefined;\n    const oldSlot',
        replace: 'if (this.#old === undefined || hash !== 0) return undefined;\n    const oldSlot',
      },
    ],
    fate: tests(SEGMENT_STORE_TESTS, 'with all the memory'),
  },
  {
    name: 'old-table-not-listed',
    rule: 'R8',
    edits: [
      { file: HASH_INDEX, find: '    this.#old?.collect(piece, flags, found);\n', replace: '' },
    ],
    fate: tests(SEGMENT_STORE_TESTS, 'with all the memory'),
  },
  {
    name: 'spilled-slots-not-listed',
    rule: 'R8',
    edits: [
      {
        file: HASH_INDEX,
        find: 'if (location === EMPTY || (next',
        replace: 'if (next > own || location === EMPTY || (next',
      },
    ],
    fate: tests(SEGMENT_STORE_TESTS, 'with all the memory'),
  },
  {
    name: 'raised-limit-is-for-more-records',
    rule: 'D7',
    edits: [
      {
        file: MEMORY_LIMIT,
        find: ' && (!isRaised || this.#fits(recordBytes, replacedBytes))',
        replace: ' && (isRaised || replacedBytes >= 0)',
      },
    ],
    fate: tests(MEMORY_LIMIT_TESTS, 'nothing grows above'),
  },
  {
    name: 'raised-limit-never-falls',
    rule: 'D7',
    edits: [{ file: MEMORY_LIMIT, find: '    this.#lower();\n    return', replace: '    return' }],
    fate: tests(FULL_RESTART_TESTS, 'keeps to the limit again'),
  },
  {
    name: 'old-place-not-released',
    rule: 'I11',
    edits: [
      {
        file: PARTITION_RECORDS,
        find: '    this.index.replace(hash, from, to, isPerishable(record));\n    this.#segments.release(from);',
        replace: '    this.index.replace(hash, from, to, isPerishable(record));',
      },
    ],
    fate: tests(SEGMENT_STORE_TESTS, 'gives its place back'),
  },
  {
    name: 'wanted-memory-forgotten',
    rule: 'H35',
    edits: [
      {
        file: ROOM,
        find: '      this.#limit.want(more + length);\n',
        replace: '',
      },
    ],
    fate: tests(SEGMENT_STORE_TESTS, 'for what needs much at once'),
  },
  {
    name: 'floor-for-what-is-absent-only',
    rule: 'H26',
    edits: [
      {
        file: SEGMENT_STORE,
        find: 'if (isBelow(recordVersion(record), floor)) return',
        replace:
          'if (this.get(partition, recordKey(record)) === undefined && isBelow(recordVersion(record), floor)) return',
      },
    ],
    fate: tests(SEGMENT_STORE_TESTS, 'is refused, also where an older record'),
  },
  {
    name: 'dropped-memory-only-paid-for',
    rule: 'H15',
    edits: [
      {
        file: SEGMENT_STORE,
        find: 'this.#dropped.release(DROPPED_SLOTS_IDLE);\n    const isGrowing',
        replace: 'const isGrowing',
      },
    ],
    fate: tests(SEGMENT_STORE_TESTS, 'of a dropped partition'),
  },
  {
    name: 'evicted-without-a-floor',
    rule: 'H40',
    edits: [{ file: SEGMENT_STORE, find: '    state.raiseFloor(version);\n', replace: '' }],
    fate: tests(EVICTION_TESTS, 'takes no older set'),
  },
  {
    name: 'evicted-though-asked-for',
    rule: 'H40',
    edits: [
      {
        file: SEGMENT_STORE,
        find: 'return wasAccessed ? this.#keep(entry) : this.#evict(entry);',
        replace: 'return wasAccessed && false ? this.#keep(entry) : this.#evict(entry);',
      },
    ],
    fate: tests(EVICTION_TESTS, 'keeps what is asked for'),
  },
  {
    name: 'replay-keeps-to-the-limit',
    rule: 'D7',
    edits: [
      {
        file: SEGMENT_STORE,
        find: 'isStore ? ALSO_ABOVE_THE_LIMIT :',
        replace: 'isStore ? AS_MUCH_AS_IT_TAKES :',
      },
    ],
    fate: tests(FULL_RESTART_TESTS, 'starts again with it'),
  },
  {
    name: 'one-set-evicts-as-much-as-it-takes',
    rule: 'H40',
    edits: [
      {
        file: SEGMENT_STORE,
        find: 'this.#put(partition, record, AS_MUCH_AS_A_TURN_TAKES)',
        replace: 'this.#put(partition, record, AS_MUCH_AS_IT_TAKES)',
      },
    ],
    fate: tests(EVICTION_TESTS, 'no more than a turn may take'),
  },
  {
    name: 'eviction-without-floor',
    rule: 'H40',
    edits: [
      {
        file: SEGMENT_STORE,
        find: 'state.raiseFloor(version);\n',
        replace: '',
      },
    ],
    fate: tests(CACHES_SCHEDULES, 'is not followed by a set of before it'),
  },
  {
    name: 'deletes-need-room',
    rule: 'R10',
    edits: [
      {
        file: SEGMENT_STORE,
        find: 'if (from !== undefined && fitsInPlace) {',
        replace: 'if (from !== undefined && fitsInPlace && this.#evicted < 0) {',
      },
    ],
    fate: tests(FULL_MEMORY_TESTS, 'takes every delete'),
  },
  {
    name: 'only-deletes-take-a-place',
    rule: 'R10',
    edits: [
      {
        file: SEGMENT_STORE,
        find: 'if (from !== undefined && fitsInPlace) {',
        replace: 'if (from !== undefined && fitsInPlace && record.length < replacedBytes) {',
      },
    ],
    fate: tests(FULL_MEMORY_TESTS, 'takes every value'),
  },
  {
    name: 'a-replay-takes-memory-before-a-place',
    rule: 'D7',
    edits: [{ file: ROOM, find: 'mayRaise && needsRoom', replace: 'mayRaise' }],
    fate: tests(FULL_RESTART_TESTS, 'never much'),
  },
  {
    name: 'refusal-tells-nobody',
    rule: 'R10',
    edits: [{ file: SEGMENT_STORE, find: '    this.refused();\n', replace: '' }],
    fate: tests(FULL_MEMORY_TESTS, 'takes every delete'),
  },
  {
    name: 'retained-is-never-reclaimed',
    rule: 'H29',
    edits: [
      {
        file: SEGMENT_STORE,
        find: ' && this.#dropped.isEmpty) this.reclaim();',
        replace: ') return EQUAL;',
      },
      { file: ROOM, find: 'isEmpty && !this.#store.reclaim()', replace: 'isEmpty' },
    ],
    fate: tests(SEGMENT_STORE_TESTS, 'of what others have'),
  },
  {
    name: 'evicted-and-no-floor-raised',
    rule: 'H40',
    edits: [
      {
        file: SEGMENT_STORE,
        find: '    state.raiseFloor(version);\n    state.remove(hash, location);',
        replace: '    state.remove(hash, location);',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'segment-freed-in-use',
    rule: 'I11',
    edits: [
      {
        file: SEGMENTS,
        find: 'if (segment.used === 0 && !segment.isHead)',
        replace: 'if (!segment.isHead)',
      },
    ],
    fate: tests(SEGMENT_STORE_TESTS, 'with all the memory'),
  },
  {
    name: 'moved-large-record-leaves-its-number',
    rule: 'I11',
    edits: [
      {
        file: SEGMENTS,
        find: '      source.bytes.writeUInt32BE(GONE, offset + ENTRY_HEADER_BYTES);\n',
        replace: '',
      },
    ],
    fate: tests(EVICTION_TESTS, 'that the cleaner had moved'),
  },
  {
    name: 'rest-of-what-was-deleted-is-walked-into',
    rule: 'R10',
    edits: [{ file: SEGMENTS, find: '    fillWithNothing(bytes, rest, end);\n', replace: '' }],
    fate: tests(FULL_MEMORY_TESTS, 'takes every delete'),
  },
  {
    name: 'rest-of-what-was-deleted-stays-in-use',
    rule: 'R10',
    edits: [{ file: SEGMENTS, find: '    segment.used -= end - rest;\n', replace: '' }],
    fate: tests(FULL_MEMORY_TESTS, 'takes every delete'),
  },
  {
    name: 'large-value-overwritten-while-it-is-sent',
    rule: 'R10',
    edits: [
      {
        file: SEGMENTS,
        find: '      this.#large[number] = copyOf(record);\n',
        replace:
          '      const old = this.#largeAt(number);\n      old.set(record);\n      this.#large[number] = old.subarray(0, record.length) as StoredRecord;\n',
      },
    ],
    fate: tests(SEGMENTS_TESTS, 'who still sends a large value'),
  },
  {
    name: 'a-delete-is-something-live',
    rule: 'docs/api.md',
    edits: [
      {
        file: SEGMENT_STORE,
        find: '  if (isTombstone(present)) return APPLIED_ALONE;\n',
        replace: '',
      },
    ],
    fate: tests(REPLICA_TESTS, 'something live was replaced'),
  },
];
