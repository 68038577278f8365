// The record log over files whose writes the test ends by hand. How it is read back is log-replay.test.ts's.

import { describe, expect, test } from 'vitest';
import type { StoreId } from '../../../src/cluster/model/identity.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord, recordKey, type StoredRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { Disk, DiskResult, LogFile, Timers } from '../../../src/cluster/ports.ts';
import type { LogProblem } from '../../../src/storage/log/durability.ts';
import { RecordLog } from '../../../src/storage/log/log.ts';
import {
  BLOCK_HEADER_BYTES,
  decodeFileHeader,
  FILE_HEADER_BYTES,
} from '../../../src/storage/log/log-block.ts';
import { readEntries } from '../../../src/storage/log/log-entry.ts';

function record(name: string, bytes = 10): StoredRecord {
  return encodeRecord({
    key: Buffer.from(name),
    version: 1n as Version,
    value: Buffer.alloc(bytes),
  });
}

/** What is asked of a disk waits until the test ends it, in its order. */
class ManualDisk implements Pick<Disk, 'openLog' | 'remove'> {
  readonly names: string[] = [];
  readonly removed: string[] = [];
  /** What was appended to any file. */
  readonly groups: Buffer[] = [];
  syncs = 0;
  /** What a file that is opened has already. */
  lengthOfOpened = 0;
  readonly truncated: number[] = [];
  readonly #pending: ((failure: string | undefined) => void)[] = [];

  openLog(name: string, _: unknown, callback: (result: DiskResult<LogFile>) => void): void {
    this.names.push(name);
    this.#later(this.file(this.lengthOfOpened), callback);
  }

  remove(name: string, callback: (result: DiskResult<undefined>) => void): void {
    this.removed.push(name);
    this.#later(undefined, callback);
  }

  file(length: number): LogFile {
    return {
      id: 'of a test',
      length,
      read: () => undefined,
      truncate: (to, callback) => {
        this.truncated.push(to);
        this.#later(undefined, callback);
      },
      rewrite: () => undefined,
      close: () => undefined,
      append: (bytes, callback) => {
        this.groups.push(Buffer.from(bytes));
        this.#later(undefined, callback);
      },
      sync: (callback) => {
        this.syncs++;
        this.#later(undefined, callback);
      },
    };
  }

  end(failure?: string): void {
    this.#pending.shift()?.(failure);
  }

  endAll(): void {
    while (this.#pending.length > 0) this.end();
  }

  #later<T>(value: T, callback: (result: DiskResult<T>) => void): void {
    this.#pending.push((failure) =>
      callback(
        failure === undefined ? { kind: 'done', value } : { kind: 'failed', detail: failure },
      ),
    );
  }
}

function namesIn(block: Buffer | undefined): string[] {
  const names: string[] = [];
  if (block === undefined) return names;
  readEntries(block, BLOCK_HEADER_BYTES, block.length, (entry) =>
    names.push(entry.kind === 'record' ? recordKey(entry.record).toString() : entry.kind),
  );
  return names;
}

function manualTimers(): Timers & { fire(): void } {
  const due: (() => void)[] = [];
  return {
    after(_milliseconds, callback) {
      due.push(callback);
      return () => {
        if (due.includes(callback)) due.splice(due.indexOf(callback), 1);
      };
    },
    fire: () => {
      for (const callback of due.splice(0)) callback();
    },
  };
}

const P = 3 as PartitionId;

function fixture(fsync: 'always' | 'interval' | 'never', fileBytes = 2 ** 26) {
  const file = new ManualDisk();
  const timers = manualTimers();
  const heard = { syncFailures: 0, synced: 0, problems: [] as (LogProblem | undefined)[] };
  const open = {
    files: [{ number: 1, bytes: FILE_HEADER_BYTES }],
    current: file.file(FILE_HEADER_BYTES),
    first: 1,
    needsNewFile: false,
  };
  const clock = { monotonicMs: () => 0, wallMs: () => 0 };
  const log = new RecordLog({ clock, timers }, file as unknown as Disk, open, {
    store: 'of a test' as StoreId,
    fsync,
    fileBytes,
    syncFailed: () => heard.syncFailures++,
    synced: () => heard.synced++,
    problem: (problem) => heard.problems.push(problem),
  });
  const down: string[] = [];
  const append = (name: string, bytes?: number) => {
    log.append({ kind: 'record', partition: P, record: record(name, bytes) });
    log.whenDurable(() => down.push(name));
  };
  return { file, timers, log, down, append, heard };
}

describe('the record log', () => {
  test('writes what was appended, though the store moved it and used its place again meanwhile', () => {
    const { file, log, append } = fixture('interval');
    append('first');
    const view = Buffer.from(record('second')) as StoredRecord;
    log.append({ kind: 'record', partition: P, record: view });
    view.fill(0);
    file.end();
    expect(file.groups[1]?.includes(record('second'))).toBe(true);
  });

  test('acknowledges nothing before its write ended, and in order', () => {
    const { file, down, append } = fixture('interval');
    append('a');
    expect(down).toEqual([]);
    append('b');
    append('c');
    expect(file.groups).toHaveLength(1);
    file.end();
    expect(down).toEqual(['a']);
    expect(file.groups).toHaveLength(2);
    expect(namesIn(file.groups[1])).toEqual(['b', 'c']);
    file.end();
    expect(down).toEqual(['a', 'b', 'c']);
  });

  test('with always, nothing before the sync that follows the write', () => {
    const { file, down, append } = fixture('always');
    append('a');
    file.end();
    expect(file.syncs).toBe(1);
    expect(down).toEqual([]);
    file.end();
    expect(down).toEqual(['a']);
  });

  test('with interval, one sync a second however many writes; with never, none', () => {
    const interval = fixture('interval');
    for (const name of ['a', 'b', 'c']) {
      interval.append(name);
      interval.file.end();
    }
    interval.timers.fire();
    expect(interval.file.syncs).toBe(1);
    const never = fixture('never');
    never.append('a');
    never.file.end();
    never.timers.fire();
    expect(never.file.syncs).toBe(0);
    expect(never.down).toEqual(['a']);
  });

  test('with interval, what is written during a sync is synced by the next one, though nobody sets more (D11)', () => {
    const { file, timers, append, down } = fixture('interval');
    append('a');
    file.end();
    append('b');
    timers.fire(); // the sync begins, and does not cover what is being written
    file.end();
    expect([down, file.syncs]).toEqual([['a', 'b'], 1]);
    file.end();
    timers.fire();
    expect(file.syncs).toBe(2);
    file.end();
    timers.fire();
    expect(file.syncs).toBe(2);
  });

  test('one who asks while nothing is under way is answered at once', () => {
    const { log, down } = fixture('interval');
    log.whenDurable(() => down.push('now'));
    expect(down).toEqual(['now']);
  });

  test('one who appended nothing still waits for what others appended (I14)', () => {
    const { file, log, down } = fixture('interval');
    log.append({ kind: 'record', partition: P, record: record('a') });
    log.whenDurable(() => down.push('equal'));
    expect(down).toEqual([]);
    file.end();
    expect(down).toEqual(['equal']);
  });

  test('one who waits for a sync hears of a failure, before and after it', () => {
    const { file, log, append } = fixture('interval');
    const heard: (string | undefined)[] = [];
    append('a');
    log.sync((failure) => heard.push(failure));
    file.end();
    file.end();
    expect(heard).toEqual([undefined]);
    append('b');
    log.sync((failure) => heard.push(failure));
    file.end('EIO');
    log.sync((failure) => heard.push(failure));
    expect(heard).toEqual([undefined, 'EIO', 'EIO']);
  });

  test('while one write takes too long it is not writable (H35)', () => {
    const { file, timers, log, append } = fixture('never');
    append('a');
    expect(log.isWritable).toBe(true);
    timers.fire();
    expect(log.isWritable).toBe(false);
    expect(log.problem).toBeUndefined();
    file.end();
    expect(log.isWritable).toBe(true);
  });

  test('while the sync of each second takes too long it is not writable (H35)', () => {
    const { file, timers, log, append, down } = fixture('interval');
    append('a');
    file.end();
    timers.fire();
    expect([file.syncs, log.isWritable]).toEqual([1, true]);
    timers.fire();
    expect(log.isWritable).toBe(false);
    expect(log.problem).toBeUndefined();
    file.end();
    expect(log.isWritable).toBe(true);
    expect(down).toEqual(['a']);
  });

  test.each(['always', 'interval'] as const)(
    'after a failed write or sync nobody is acknowledged any more (H35), %s',
    (fsync) => {
      const { file, log, down, append, heard } = fixture(fsync);
      append('a');
      append('b');
      if (fsync === 'always') file.end();
      file.end('EIO');
      expect(log.problem).toMatchObject({ detail: 'EIO', isFinal: true });
      expect(log.refusal).toBe('disk-failed');
      expect(log.isWritable).toBe(false);
      // What was synced before is there; of what a sync should have brought to disk, nobody knows (H8).
      expect(heard.syncFailures).toBe(fsync === 'always' ? 1 : 0);
      append('c');
      expect(down).toEqual([]);
      expect(file.groups).toHaveLength(1);
    },
  );

  test('one write is bounded, however much waits, and a long record goes alone', () => {
    const { file, append, down } = fixture('never');
    append('first');
    for (let index = 0; index < 40; index++) append(`${index}`, 100 * 1024);
    append('long', 3 * 1024 * 1024);
    append('last');
    file.end();
    expect(file.groups[1]?.length).toBeGreaterThan(900 * 1024);
    expect(file.groups[1]?.length).toBeLessThanOrEqual(1024 * 1024);
    file.endAll();
    expect(down).toHaveLength(43);
    const alone = file.groups.find((group) => group.length > 2 ** 20);
    expect(namesIn(alone)).toEqual(['long']);
  });

  test('takes no sets while too much waits for the disk, and takes them again when it is down (H35)', () => {
    const { file, log, append } = fixture('never');
    for (let index = 0; index < 70; index++) append(`${index}`, 1024 * 1024);
    expect(log.refusal).toBe('full');
    expect(log.isWritable).toBe(false);
    expect(log.problem).toBeUndefined();
    file.endAll();
    expect(log.figures().queuedBytes).toBe(0);
    expect(log.refusal).toBeUndefined();
    expect(log.isWritable).toBe(true);
  });
});

const SHORTAGES = ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'EINTR'] as const;

describe('while the disk is full, or something else is short (H35)', () => {
  test.each(SHORTAGES)(
    '%s: what was appended is written when that is over, in its order',
    (code) => {
      const { file, timers, log, down, append, heard } = fixture('interval');
      append('a');
      append('b');
      for (let attempt = 1; attempt < 9; attempt++) {
        file.end(code);
        expect([log.refusal, log.isWritable, log.isCalm]).toEqual(['full', false, false]);
        expect(file.groups).toHaveLength(attempt);
        append(`c${attempt}`);
        timers.fire();
        expect(down).toEqual([]);
      }
      file.endAll();
      expect(down).toEqual(['a', 'b', ...Array.from({ length: 8 }, (_, index) => `c${index + 1}`)]);
      expect(file.groups.slice(0, 9).map((group) => group.readUInt32BE(16))).toEqual(
        Array(9).fill(FILE_HEADER_BYTES),
      );
      expect([log.refusal, log.isWritable, heard.syncFailures]).toEqual([undefined, true, 0]);
      expect(heard.problems).toEqual([
        { what: 'records-00000001.log cannot be written', detail: code, isFinal: false },
        undefined,
      ]);
    },
  );

  test.each([
    ['cannot be opened', 0],
    ['cannot be written', 1],
  ] as const)('the next file that %s is begun when that is over', (what, step) => {
    const { file, timers, log, down, append, heard } = fixture('never', 400);
    append('a', 400);
    file.end();
    append('b');
    for (let attempt = 0; attempt < 3; attempt++) {
      if (step === 1) file.end();
      file.end('ENOSPC');
      expect(log.refusal).toBe('full');
      timers.fire();
    }
    // What an attempt left of the header is cut off.
    file.lengthOfOpened = 50;
    file.end('EMFILE');
    timers.fire();
    file.endAll();
    expect(file.truncated).toEqual([0]);
    expect(down).toEqual(['a', 'b']);
    expect(new Set(file.names)).toEqual(new Set(['records-00000002.log']));
    expect(heard.problems[0]).toMatchObject({ what: `records-00000002.log ${what}` });
    expect(heard.problems.at(-1)).toBeUndefined();
    expect(log.figures().files).toBe(2);
  });

  test('no file is begun behind what a failed write left in the one before', () => {
    const { file, timers, log, append } = fixture('never');
    append('a');
    log.beginFile(() => undefined);
    for (let attempt = 0; attempt < 3; attempt++) {
      file.end('ENOSPC');
      timers.fire();
      expect(file.names).toEqual([]);
    }
    file.end();
    expect(file.names).toEqual(['records-00000002.log']);
  });

  test('who waits for a sync is told at once, so that a node on a full disk can stop', () => {
    const { file, log, append } = fixture('interval');
    const heard: (string | undefined)[] = [];
    append('a');
    log.sync((failure) => heard.push(failure));
    file.end('ENOSPC');
    log.sync((failure) => heard.push(failure));
    expect(heard).toEqual(['ENOSPC', 'ENOSPC']);
  });

  test('a sync is trusted no more, whatever it failed for (H8)', () => {
    const { file, log, append, heard, down } = fixture('always');
    append('a');
    file.end();
    file.end('ENOSPC');
    expect(log.problem).toMatchObject({ detail: 'ENOSPC', isFinal: true });
    expect([heard.syncFailures, down]).toEqual([1, []]);
  });

  test('what waits is bounded: beyond, the log has failed', () => {
    const { file, log, append } = fixture('never');
    append('a');
    file.end('ENOSPC');
    for (let index = 0; index < 140 && !log.hasFailed; index++) append(`${index}`, 1024 * 1024);
    expect(log.hasFailed).toBe(true);
  });
});

describe('the files of the log', () => {
  test('a full file is followed by the next one, whose header knows how long it was', () => {
    const { file, append, log, down } = fixture('always', 1000);
    for (const name of ['a', 'b', 'c']) append(name, 500);
    file.endAll();
    append('d', 500);
    file.endAll();
    expect(file.names).toEqual(['records-00000002.log']);
    const header = decodeFileHeader(file.groups.at(-2) ?? Buffer.alloc(0));
    const bytes = log.figures().bytes - FILE_HEADER_BYTES - (file.groups.at(-1)?.length ?? 0);
    // With `always` each block was synced before the next one was written.
    expect(header).toMatchObject({
      number: 2,
      first: 1,
      before: bytes,
      synced: { file: 1, offset: bytes },
    });
    expect(log.figures().files).toBe(2);
    expect(down).toEqual(['a', 'b', 'c', 'd']);
  });

  test('with always no file follows one whose header is not synced (H8)', () => {
    const { file, log } = fixture('always');
    const begun: number[] = [];
    log.beginFile((number) => begun.push(number));
    log.beginFile((number) => begun.push(number));
    file.end();
    file.end();
    expect([file.syncs, file.names.length]).toEqual([1, 1]);
    expect(begun).toEqual([]);
    file.end();
    expect(begun).toEqual([2]);
    expect(file.names.length).toBe(2);
  });

  test('a finished file is synced beside what is written on, and a stop waits for that', () => {
    const { file, append, log, heard } = fixture('interval', 400);
    append('a', 400);
    file.end();
    append('b');
    file.end(); // the file is open
    file.end(); // its header is written
    expect(file.syncs).toBe(1);
    let failure: string | undefined = 'not yet';
    log.sync((result) => {
      failure = result;
    });
    expect(file.syncs).toBe(1);
    file.end();
    expect(file.syncs).toBe(1);
    file.end();
    expect(failure).toBe('not yet');
    expect(file.syncs).toBe(2);
    file.end();
    expect(failure).toBeUndefined();
    expect(heard.synced).toBe(2);
  });

  test('a file that is begun while the sync of an earlier one fails does not call that one synced (H8)', () => {
    const { file, append, log } = fixture('interval', 400);
    append('a', 400);
    file.end();
    log.beginFile(() => undefined);
    file.end(); // the second file is open
    file.end(); // its header is written, and the first one is being synced
    log.beginFile(() => undefined);
    file.end('EIO');
    expect(log.hasFailed).toBe(true);
    file.end(); // the third file is open
    const header = decodeFileHeader(file.groups.at(-1) ?? Buffer.alloc(0));
    expect(header).toMatchObject({ number: 3, synced: { file: 1, offset: FILE_HEADER_BYTES } });
  });

  test('a finished file that cannot be synced ends all writing, and the store is distrusted (H8)', () => {
    const { file, append, log, heard } = fixture('never', 400);
    append('a', 400);
    file.end();
    append('b');
    file.end();
    file.end();
    file.end('EIO');
    expect(log.hasFailed).toBe(true);
    expect(heard.syncFailures).toBe(1);
  });

  test('files are removed, the oldest first, when what says so is synced', () => {
    const { file, append, log } = fixture('never', 400);
    for (const name of ['a', 'b', 'c']) {
      append(name, 400);
      file.endAll();
    }
    expect(log.figures().files).toBe(3);
    let left: string | undefined = 'not yet';
    log.dropBefore(3, (failure) => {
      left = failure;
    });
    file.end();
    file.end();
    const header = decodeFileHeader(file.groups.at(-1) ?? Buffer.alloc(0));
    expect(header).toMatchObject({ number: 4, first: 3 });
    // The finished file, then the header.
    file.end();
    expect(file.removed).toEqual([]);
    file.end();
    expect(file.removed).toEqual(['records-00000001.log']);
    file.end();
    expect(file.removed).toEqual(['records-00000001.log', 'records-00000002.log']);
    file.end();
    expect(left).toBeUndefined();
    expect(log.figures().files).toBe(2);
  });
});
