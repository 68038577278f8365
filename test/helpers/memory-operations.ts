// The operations of a file layer on records in memory: reads, sets and conditional writes as the cluster judges them (H39), each
// of which a test may hold back, or let end otherwise.

import { type Condition, type ETag, etagOf } from '../../src/cluster/model/condition.ts';
import { encodeRecord, recordVersion, type StoredRecord } from '../../src/cluster/model/record.ts';
import { VERSION_ZERO, type Version } from '../../src/cluster/model/version.ts';
import type {
  ConditionalCallback,
  ConditionalOutcome,
  ConditionalRequest,
} from '../../src/coordinator/operations/conditional/decision.ts';
import type { ReadCallback, ReadOutcome } from '../../src/coordinator/operations/get/round.ts';
import type { WriteCallback, WriteRequest } from '../../src/coordinator/operations/set/decision.ts';
import type { FileOperations } from '../../src/files/file-parts.ts';

const EMPTY = Buffer.alloc(0);

export class MemoryOperations {
  /** What was done, in this order: `get`, `set` or `write`, and the key. */
  readonly done: string[] = [];
  /** How the next ones end; undefined for as they should. */
  gets: ReadOutcome | undefined;
  writes: ConditionalOutcome | undefined;
  /** What linearizable reads find where that is not what others find. */
  settled: ReadOutcome | undefined;
  readonly #records = new Map<string, StoredRecord>();
  #version = 0x0196c6f1f2c40000n;

  readonly operations: Omit<FileOperations, 'pages'> = {
    reader: { get: (key, callback) => this.#get(key, callback) },
    linearizable: {
      get: (key, callback) =>
        this.settled === undefined ? this.#get(key, callback) : callback(this.settled),
    },
    writer: { set: (request, callback) => this.#set(request, callback) },
    conditional: { write: (request, callback) => this.#write(request, callback) },
  };

  keep(key: Buffer, value: Buffer, expiresAtMs = 0): StoredRecord {
    const version = this.#version++ as Version;
    const record = encodeRecord({ key, version, value, attributes: [], expiresAtMs });
    this.#records.set(key.toString('latin1'), record);
    return record;
  }

  recordOf(key: Buffer): StoredRecord | undefined {
    return this.#records.get(key.toString('latin1'));
  }

  #get(key: Buffer, callback: ReadCallback): void {
    this.done.push(`get ${nameOf(key)}`);
    const record = this.recordOf(key);
    const found: ReadOutcome =
      record === undefined ? { kind: 'absent', version: VERSION_ZERO } : { kind: 'value', record };
    callback(this.gets ?? found);
  }

  #set({ key, value, expiresAtMs }: WriteRequest, callback: WriteCallback): void {
    this.done.push(`set ${nameOf(key)}`);
    const created = this.recordOf(key) === undefined;
    const record = this.keep(key, value, expiresAtMs);
    callback({ kind: 'stored', version: recordVersion(record), created, record });
  }

  #write({ key, condition, change }: ConditionalRequest, callback: ConditionalCallback): void {
    this.done.push(`write ${nameOf(key)}`);
    if (this.writes !== undefined) return callback(this.writes);
    const present = this.recordOf(key);
    if (!holds(condition, present) || change.kind === 'incr' || change.kind === 'append') {
      return callback({ kind: 'unmet', why: 'condition', record: present });
    }
    const created = present === undefined;
    const previous = change.kind === 'getset' ? present : undefined;
    if (change.kind !== 'delete') {
      const record = this.keep(key, change.value, change.expiresAtMs);
      return callback({ kind: 'stored', record, previous, created });
    }
    const version = this.#version++ as Version;
    const record = encodeRecord({ key, version, value: EMPTY, tombstone: true });
    this.#records.delete(key.toString('latin1'));
    return callback({ kind: 'stored', record, previous, created });
  }
}

function holds({ ifMatch, ifNoneMatch }: Condition, present: StoredRecord | undefined): boolean {
  const isAmong = (tags: 'any' | readonly ETag[]) => {
    if (present === undefined) return false;
    const { version, hash } = etagOf(present);
    return tags === 'any' || tags.some((tag) => tag.version === version && tag.hash === hash);
  };
  if (ifMatch !== undefined && !isAmong(ifMatch)) return false;
  return ifNoneMatch === undefined || !isAmong(ifNoneMatch);
}

/** A key without its first bytes, which are those of all internal keys. */
function nameOf(key: Buffer): string {
  return key.toString('latin1').slice(2).replace('\0', ' ');
}
