// The record log over a file whose writes the test ends by hand, and the replay over damaged bytes.

import { describe, expect, test } from 'vitest';
import { encodeRecord, recordKey, type StoredRecord } from '../../src/cluster/record.ts';
import type { DiskResult, LogFile, Timers } from '../../src/cluster/runtime.ts';
import type { Version } from '../../src/cluster/version.ts';
import { LogReplay, RecordLog } from '../../src/storage/log.ts';

const DONE: DiskResult<undefined> = { kind: 'done', value: undefined };

function record(name: string, bytes = 10): StoredRecord {
  return encodeRecord({
    key: Buffer.from(name),
    version: 1n as Version,
    value: Buffer.alloc(bytes),
  });
}

class ManualFile implements LogFile {
  readonly groups: (readonly Buffer[])[] = [];
  syncs = 0;
  #pending: ((result: DiskResult<undefined>) => void)[] = [];

  readAll(): void {}
  truncate(): void {}
  append(blocks: readonly Buffer[], callback: (result: DiskResult<undefined>) => void): void {
    this.groups.push(blocks);
    this.#pending.push(callback);
  }
  sync(callback: (result: DiskResult<undefined>) => void): void {
    this.syncs++;
    this.#pending.push(callback);
  }
  end(result: DiskResult<undefined> = DONE): void {
    this.#pending.shift()?.(result);
  }
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

function fixture(fsync: 'always' | 'interval' | 'never') {
  const file = new ManualFile();
  const timers = manualTimers();
  const heard = { syncFailures: 0 };
  const log = new RecordLog(file, timers, fsync, () => heard.syncFailures++);
  const down: string[] = [];
  const append = (name: string) => {
    log.append({ kind: 'record', record: record(name) });
    log.whenDown(() => down.push(name));
  };
  return { file, timers, log, down, append, heard };
}

describe('the record log', () => {
  test('writes what was appended, though the store moved it and used its place again meanwhile', () => {
    const { file, log, append } = fixture('interval');
    append('first');
    const view = Buffer.from(record('second')) as StoredRecord;
    log.append({ kind: 'record', record: view });
    view.fill(0);
    file.end();
    expect(file.groups[1]).toEqual([Buffer.from(record('second'))]);
  });

  test('acknowledges nothing before its write ended, and in order (PROTOCOL 3.5)', () => {
    const { file, down, append } = fixture('interval');
    append('a');
    expect(down).toEqual([]);
    append('b');
    append('c');
    expect(file.groups).toHaveLength(1);
    file.end();
    expect(down).toEqual(['a']);
    expect(file.groups).toHaveLength(2);
    expect(file.groups[1]).toHaveLength(2);
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

  test('one who asks while nothing is under way is answered at once', () => {
    const { log, down } = fixture('interval');
    log.whenDown(() => down.push('now'));
    expect(down).toEqual(['now']);
  });

  test('one who appended nothing still waits for what others appended (I14)', () => {
    const { file, log, down } = fixture('interval');
    log.append({ kind: 'record', record: record('a') });
    log.whenDown(() => down.push('equal'));
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
    file.end({ kind: 'failed', detail: 'ENOSPC' });
    log.sync((failure) => heard.push(failure));
    expect(heard).toEqual([undefined, 'ENOSPC', 'ENOSPC']);
  });

  test('while one write takes too long it is not writable (H35)', () => {
    const { file, timers, log, append } = fixture('never');
    append('a');
    expect(log.isWritable).toBe(true);
    timers.fire();
    expect(log.isWritable).toBe(false);
    expect(log.failure).toBeUndefined();
    file.end();
    expect(log.isWritable).toBe(true);
  });

  test.each(['always', 'interval'] as const)(
    'after a failed write or sync nobody is acknowledged any more (H35), %s',
    (fsync) => {
      const { file, log, down, append, heard } = fixture(fsync);
      append('a');
      append('b');
      if (fsync === 'always') file.end();
      file.end({ kind: 'failed', detail: 'ENOSPC' });
      expect(log.failure).toBe('ENOSPC');
      expect(log.isWritable).toBe(false);
      // What was synced before is there; of what a sync should have brought to disk, nobody knows (H8).
      expect(heard.syncFailures).toBe(fsync === 'always' ? 1 : 0);
      append('c');
      expect(down).toEqual([]);
      expect(file.groups).toHaveLength(1);
    },
  );

  test('one write is bounded, however much waits', () => {
    const { file, log } = fixture('never');
    for (let index = 0; index < 40; index++)
      log.append({ kind: 'record', record: record(`${index}`, 1024 * 1024) });
    file.end();
    const second = file.groups[1] ?? [];
    expect(second.length).toBeGreaterThan(1);
    expect(second.length).toBeLessThan(10);
  });
});

describe('the replay', () => {
  const records = Array.from({ length: 20 }, (_, index) => record(`key ${index}`, index * 7));
  const whole = Buffer.concat(records);

  function replay(bytes: Buffer, pieceBytes: number) {
    const keys: string[] = [];
    const replayed = new LogReplay((entry) =>
      keys.push(entry.kind === 'record' ? recordKey(entry.record).toString() : entry.kind),
    );
    for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
      replayed.push(bytes.subarray(offset, offset + pieceBytes));
    }
    return { keys, ...replayed.end() };
  }

  test.each([1, 7, 28, 100, 4096])('reads every record from pieces of %i bytes', (pieceBytes) => {
    const { keys, length, hole } = replay(whole, pieceBytes);
    expect(keys).toEqual(records.map((read) => recordKey(read).toString()));
    expect(length).toBe(whole.length);
    expect(hole).toBe(false);
  });

  test('cut off anywhere, it keeps the whole records before the cut and sees no hole', () => {
    for (let cut = 0; cut < whole.length; cut++) {
      const { keys, length, hole } = replay(whole.subarray(0, cut), 64);
      expect(hole).toBe(false);
      expect(length).toBe(Buffer.concat(records.slice(0, keys.length)).length);
      expect(length).toBeLessThanOrEqual(cut);
    }
  });

  test('a flipped bit anywhere before the last record is a hole, never a shorter log', () => {
    const last = whole.length - (records.at(-1)?.length ?? 0);
    for (let place = 0; place < last; place++) {
      const damaged = Buffer.from(whole);
      damaged[place] = (damaged[place] ?? 0) ^ (1 << (place % 8));
      const { keys, hole } = replay(damaged, 64);
      expect(hole, `byte ${place}`).toBe(true);
      expect(keys).toEqual(records.slice(0, keys.length).map((read) => recordKey(read).toString()));
    }
  });
});
