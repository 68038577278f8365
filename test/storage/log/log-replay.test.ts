// A log over several files is read back, whole and damaged in every way: what a crash explains is cut off, all else
// stops the start (H8).

import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FatalError } from '../../../src/cluster/http/errors.ts';
import type { StoreId } from '../../../src/cluster/model/identity.ts';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { encodeRecord, recordKey } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { DiskImage } from '../../../src/simulation/disk.ts';
import type { FsyncMode } from '../../../src/storage/log/durability.ts';
import { encodeFileHeader, FILE_HEADER_BYTES } from '../../../src/storage/log/log-block.ts';
import type { LogEntry } from '../../../src/storage/log/log-entry.ts';
import { logFileName } from '../../../src/storage/log/log-files.ts';
import type { ReplayOptions } from '../../../src/storage/log/log-replay.ts';
import { Machine, STORE } from '../../helpers/machine.ts';

const FILE_BYTES = 700;

function recordOf(key: string, value: string | Buffer = 'value'): LogEntry {
  const record = encodeRecord({
    key: Buffer.from(key),
    version: 1n as Version,
    value: Buffer.from(value),
  });
  return { kind: 'record', partition: 1 as PartitionId, record };
}

const nameOf = (entry: LogEntry) =>
  entry.kind === 'record' ? recordKey(entry.record).toString() : entry.kind;

/** A log of blocks of one record each, its first `syncedTo` synced. */
function written(
  keys: readonly string[],
  { fsync = 'never' as FsyncMode, syncedTo = keys.length, fileBytes = FILE_BYTES } = {},
): Machine {
  const machine = new Machine(1);
  const log = machine.log(machine.create(), fileBytes, fsync);
  for (const [index, key] of keys.entries()) {
    log.append(recordOf(key));
    machine.wait<void>((done) => log.whenDurable(done));
    if (index + 1 === syncedTo) machine.wait((done) => log.sync(done));
  }
  machine.crash();
  return machine;
}

function read(machine: Machine, asked: Partial<ReplayOptions> = {}) {
  const keys: string[] = [];
  const replayed = machine.replay((entry) => keys.push(nameOf(entry)), asked);
  return { keys, ...replayed };
}

/** As `written`, but only the disk is made again. */
function copied(image: DiskImage): Machine {
  const machine = new Machine(1);
  machine.disk.restore(image);
  return machine;
}

const KEYS = Array.from({ length: 30 }, (_, index) => `key ${index}`);
const BLOCK_BYTES = 28 + 3 + 28 + 'key 10'.length + 'value'.length;

describe('a whole log', () => {
  test('is read in its order from all of its files', () => {
    const machine = written(KEYS);
    const { keys, files, cutBytes, bytes } = read(machine);
    expect(keys).toEqual(KEYS);
    expect(files.length).toBeGreaterThan(2);
    expect(cutBytes).toBe(0);
    const logs = [...machine.disk.image().logs.values()];
    expect(bytes).toBe(logs.reduce((sum, { length }) => sum + length, 0));
  });

  test('may have blocks of any length, also above what is read at once', () => {
    const machine = new Machine(1);
    const log = machine.log(machine.create(), 2 ** 26);
    const lengths = [1, 3_500_000, 10, 400_000, 700_000, 1_048_400, 1_048_576, 5, 2_100_000, 20];
    for (const [index, length] of lengths.entries()) {
      log.append(recordOf(`${index}`, Buffer.alloc(length, index)));
      if (index % 3 === 0) machine.wait<void>((done) => log.whenDurable(done));
    }
    for (let index = 0; index < 60_000; index++) log.append(recordOf(`more ${index}`));
    machine.wait((done) => log.sync(done));
    machine.crash();
    const sums: number[] = [];
    let more = 0;
    machine.replay((entry) => {
      if (entry.kind !== 'record') return;
      const key = recordKey(entry.record).toString();
      const value = entry.record.subarray(28 + key.length);
      if (key.startsWith('more')) more++;
      else if (value.every((byte) => byte === Number(key))) sums.push(value.length);
    });
    expect(sums).toEqual(lengths);
    expect(more).toBe(60_000);
  });

  test('is written on after it was read, and read again', () => {
    const machine = written(KEYS);
    const log = machine.log(read(machine), FILE_BYTES);
    for (const key of ['one', 'two']) log.append(recordOf(key));
    machine.wait((done) => log.sync(done));
    machine.crash();
    expect(read(machine).keys).toEqual([...KEYS, 'one', 'two']);
  });
});

describe('a log that a crash has torn', () => {
  test('is cut to its last whole block, wherever the last file ends', () => {
    const image = written(KEYS).disk.image();
    const last = [...image.logs.keys()].at(-1) ?? '';
    const length = image.logs.get(last)?.length ?? 0;
    for (let end = length - 1; end >= 0; end--) {
      const machine = copied(image);
      machine.alter((logs) => logs.set(last, logs.get(last)?.subarray(0, end) ?? Buffer.alloc(0)));
      const { keys } = read(machine);
      const whole = Math.max(0, Math.floor((length - FILE_HEADER_BYTES) / BLOCK_BYTES));
      const left = Math.max(0, Math.floor((end - FILE_HEADER_BYTES) / BLOCK_BYTES));
      expect(keys, `cut at ${end}`).toEqual(KEYS.slice(0, KEYS.length - whole + left));
      const log = machine.log(read(machine), FILE_BYTES);
      log.append(recordOf('behind'));
      machine.wait((done) => log.sync(done));
      expect(read(machine).keys).toEqual([...keys, 'behind']);
    }
  });

  test('has no hole where a value holds a piece of a log', () => {
    const machine = new Machine(1);
    const log = machine.log(machine.create(), 2 ** 26);
    const inner = written(KEYS, { fileBytes: 2 ** 20 });
    const copy = inner.disk.image().logs.get(logFileName(1)) ?? Buffer.alloc(0);
    log.append(recordOf('first'));
    machine.wait<void>((done) => log.whenDurable(done));
    const length = log.figures().bytes;
    log.append(recordOf('holds a log', copy));
    machine.wait((done) => log.sync(done));
    machine.crash();
    machine.alter((logs) => {
      const bytes = logs.get(logFileName(1)) ?? Buffer.alloc(0);
      logs.set(logFileName(1), bytes.subarray(0, -1));
    });
    const { keys, files } = read(machine);
    expect(keys).toEqual(['first']);
    expect(files).toEqual([{ number: 1, bytes: length }]);
  });
});

describe('a damaged log', () => {
  const flip = (machine: Machine, name: string, place: number) =>
    machine.alter((logs) => {
      const bytes = Buffer.from(logs.get(name) ?? Buffer.alloc(0));
      bytes[place] = (bytes[place] ?? 0) ^ (1 << (place % 8));
      logs.set(name, bytes);
    });

  test.each([false, true])(
    'with a flipped bit anywhere before the last block is not used (what was synced: power lost %s)',
    (mayHaveHoles) => {
      // Synced after the last block but one, so that the last one says so.
      const image = written(KEYS, { syncedTo: KEYS.length - 1 }).disk.image();
      const names = [...image.logs.keys()];
      for (const [index, name] of names.entries()) {
        const length = image.logs.get(name)?.length ?? 0;
        const end = index === names.length - 1 ? length - BLOCK_BYTES : length;
        for (let place = 0; place < end; place += 5) {
          const machine = copied(image);
          flip(machine, name, place);
          const before = machine.disk.image();
          expect(() => read(machine, { mayHaveHoles }), `${name} ${place}`).toThrow(
            /records-0000000\d\.log (cannot be used: it (is damaged at byte \d+|has format)|is missing)/,
          );
          expect(machine.disk.image()).toEqual(before);
        }
      }
    },
  );

  test('with a hole in what was not synced stops the start when the machine ran on, and is cut when not (H8)', () => {
    const hole = (machine: Machine) =>
      machine.alter((logs) => {
        const name = logFileName(2);
        const bytes = Buffer.from(logs.get(name) ?? Buffer.alloc(0));
        bytes.fill(0, FILE_HEADER_BYTES + BLOCK_BYTES + 10, FILE_HEADER_BYTES + BLOCK_BYTES + 20);
        logs.set(name, bytes);
      });
    // Files that are finished are synced in time; here the power was gone before that.
    const hasThird = (count: number) => {
      return written(KEYS.slice(0, count), { syncedTo: 3 }).disk.image().logs.size === 3;
    };
    const keys = KEYS.slice(0, 1 + KEYS.findIndex((_, index) => hasThird(index + 1)));
    const ranOn = written(keys, { syncedTo: 3 });
    hole(ranOn);
    expect(() => read(ranOn)).toThrow(
      /records-00000002\.log cannot be used: it is damaged at byte/,
    );
    const lostPower = written(keys, { syncedTo: 3 });
    hole(lostPower);
    const first = read(lostPower, { mayHaveHoles: true });
    expect(first.keys.length).toBeGreaterThan(7);
    expect(first.keys).toEqual(keys.slice(0, first.keys.length));
    expect(first.cutBytes).toBeGreaterThan(0);
    expect(first.files.map(({ number }) => number)).toEqual([1, 2]);
    expect(lostPower.disk.image().logs.size).toBe(2);
    const again = read(lostPower);
    expect(again.keys).toEqual(first.keys);
    expect(again.cutBytes).toBe(0);
  });

  /** As the store is closed: all of it is on disk, and where it ends is noted. */
  const closed = (keys = KEYS) => {
    const machine = written(keys);
    const { files } = read(machine);
    const { number, bytes } = files.at(-1) ?? { number: 0, bytes: 0 };
    return { machine, number, closedAt: { file: number, offset: bytes } };
  };

  test('that was closed is not used with any bit of its last block turned over, nor without bytes at its end (H8)', () => {
    const { machine, number, closedAt } = closed();
    const name = logFileName(number);
    const image = machine.disk.image();
    const refuses = (change: (bytes: Buffer) => Buffer) => {
      const changed = copied(image);
      changed.alter((logs) => logs.set(name, change(Buffer.from(logs.get(name) ?? []))));
      const before = changed.disk.image();
      // The machine may have been started anew since: a store that was closed is complete.
      const asked = { closedAt, machineRanOn: false };
      expect(() => read(changed, asked)).toThrow(
        /records-0000000\d\.log cannot be used: it is damaged/,
      );
      expect(changed.disk.image()).toEqual(before);
    };
    for (let place = closedAt.offset - BLOCK_BYTES; place < closedAt.offset; place++) {
      refuses((bytes) => bytes.fill((bytes[place] ?? 0) ^ (1 << (place % 8)), place, place + 1));
    }
    // The last end is one that the log could have: whole blocks are gone, and leave no trace in it.
    for (let gone = 1; gone <= BLOCK_BYTES; gone++) refuses((bytes) => bytes.subarray(0, -gone));
    const without = copied(image);
    without.alter((logs) => logs.delete(name));
    expect(() => read(without, { closedAt })).toThrow(`${name} is missing`);
    expect(read(copied(image), { closedAt }).keys).toEqual(KEYS);
  });

  test('that was closed is cut where something was still written behind that, and torn', () => {
    const { machine, number, closedAt } = closed();
    machine.alter((logs) => {
      const bytes = logs.get(logFileName(number)) ?? Buffer.alloc(0);
      logs.set(logFileName(number), Buffer.concat([bytes, Buffer.alloc(7)]));
    });
    const { keys, cutBytes } = read(machine, { closedAt });
    expect([keys, cutBytes]).toEqual([KEYS, 7]);
  });

  test('whose last block is no beginning of one is used only after the machine was started anew (H8)', () => {
    const image = written(KEYS).disk.image();
    const name = [...image.logs.keys()].at(-1) ?? '';
    const length = image.logs.get(name)?.length ?? 0;
    // But for the length: with another one the block may be the beginning of a longer one.
    const places = Array.from({ length: BLOCK_BYTES }, (_, index) => index).filter(
      (index) => index < 4 || index >= 8,
    );
    for (const place of places) {
      const machine = copied(image);
      flip(machine, name, length - BLOCK_BYTES + place);
      const before = machine.disk.image();
      expect(() => read(machine), `${place}`).toThrow(
        `${name} cannot be used: it is damaged at byte ${length - BLOCK_BYTES}`,
      );
      expect(machine.disk.image()).toEqual(before);
      machine.crash();
      expect(read(machine, { machineRanOn: false }).keys).toEqual(KEYS.slice(0, -1));
    }
  });

  test('whose last header is no beginning of one is used only after the machine was started anew (H8)', () => {
    const machine = new Machine(1);
    const log = machine.log(machine.create(), 2 ** 26);
    log.append(recordOf('key'));
    machine.wait((done) => log.sync(done));
    machine.wait<number>((done) => log.beginFile(done));
    machine.crash();
    flip(machine, logFileName(2), 50);
    expect(() => read(machine)).toThrow(
      `${logFileName(2)} cannot be used: it is damaged at byte 0`,
    );
    machine.crash();
    expect(read(machine, { machineRanOn: false }).keys).toEqual(['key']);
  });

  test('whose files are of another store, another format, or in each other’s place is not used', () => {
    const header = { number: 1, first: 1, before: 0, synced: { file: 0, offset: 0 } };
    const refused = (change: (logs: Map<string, Buffer>) => void, message: RegExp) => {
      const machine = written(KEYS);
      machine.alter(change);
      const before = machine.disk.image();
      expect(() => read(machine)).toThrow(message);
      expect(machine.disk.image()).toEqual(before);
    };
    const [one, two, three] = [1, 2, 3].map((number) => logFileName(number)) as [
      string,
      string,
      string,
    ];
    refused(
      (logs) => logs.set(one, encodeFileHeader({ ...header, store: 'another' as StoreId })),
      /records-00000001\.log cannot be used: it belongs to the store another, not to of-a-test/,
    );
    refused((logs) => {
      const bytes = Buffer.from(logs.get(two) ?? Buffer.alloc(0));
      logs.set(three, bytes);
    }, /records-00000003\.log cannot be used: it was written as records-00000002\.log/);
    refused((logs) => logs.delete(two), /records-00000002\.log is missing/);
    refused((logs) => logs.delete(one), /records-00000001\.log is missing/);
    refused((logs) => logs.clear(), /records-00000001\.log is missing/);
    refused(
      (logs) => logs.set('records.log', Buffer.alloc(0)),
      /records\.log was written by an earlier version/,
    );
    // The rest of a file is gone, to the byte.
    refused((logs) => {
      const bytes = logs.get(two) ?? Buffer.alloc(0);
      logs.set(two, bytes.subarray(0, bytes.length - BLOCK_BYTES));
    }, /records-00000002\.log cannot be used: it is damaged at byte \d+/);
  });

  test('without the first file, or one that was dropped, is told from a compacted one', () => {
    const machine = written(KEYS);
    const log = machine.log(read(machine), FILE_BYTES);
    const last = log.figures().files;
    machine.wait((done) => log.dropBefore(last, done));
    machine.crash();
    const compacted = read(machine);
    expect(compacted.first).toBe(last);
    expect(compacted.keys.length).toBeLessThan(KEYS.length);
    // A crash before the old files were gone: they are not read, and removed.
    const image = written(KEYS).disk.image().logs;
    machine.alter((logs) => {
      for (const [name, bytes] of image) if (!logs.has(name)) logs.set(name, bytes);
    });
    expect(machine.disk.image().logs.size).toBeGreaterThan(compacted.files.length);
    expect(read(machine).keys).toEqual(compacted.keys);
    expect(machine.disk.image().logs.size).toBe(compacted.files.length);
    machine.alter((logs) => logs.delete(logFileName(last)));
    expect(() => read(machine)).toThrow(`${logFileName(last)} is missing`);
  });
});

describe('a log of another version', () => {
  /** Changes what the checksum at that place is of, up to the end, and the checksum with it. */
  const rewritten = (
    bytes: Buffer,
    crcAt: number,
    end: number,
    change: (bytes: Buffer) => void,
  ) => {
    const changed = Buffer.from(bytes);
    change(changed);
    changed.writeUInt32BE(crc32(changed.subarray(crcAt + 4, end)), crcAt);
    return changed;
  };
  const withFormat = (bytes: Buffer, format: number) =>
    rewritten(bytes, 8, FILE_HEADER_BYTES, (header) => header.writeUInt32BE(format, 12));
  const formats = (machine: Machine) =>
    [...machine.disk.image().logs.values()].map((bytes) => bytes.readUInt32BE(12));

  test('that is earlier is read, and what is new goes into files that say so', () => {
    const machine = written(KEYS.slice(0, 5));
    machine.alter((logs) => {
      for (const [name, bytes] of logs) logs.set(name, withFormat(bytes, 2));
    });
    const before = machine.disk.image().logs.get(logFileName(1));
    const log = machine.log(read(machine), FILE_BYTES);
    log.append(recordOf('new'));
    machine.wait((done) => log.sync(done));
    machine.crash();
    expect(formats(machine)).toEqual([2, 3]);
    expect(machine.disk.image().logs.get(logFileName(1))).toEqual(before);
    const again = read(machine);
    expect(again.keys).toEqual([...KEYS.slice(0, 5), 'new']);
    expect(again.needsNewFile).toBe(false);
  });

  test('that is later is not used, and both versions are named', () => {
    const machine = written(KEYS);
    machine.alter((logs) => {
      const [name, bytes] = [...logs].at(-1) ?? ['', Buffer.alloc(0)];
      logs.set(name, withFormat(bytes, 4));
    });
    const before = machine.disk.image();
    expect(() => read(machine)).toThrow(
      /log cannot be used: it has format 4, and this version reads 2 to 3\. Nothing was changed/,
    );
    expect(machine.disk.image()).toEqual(before);
  });

  test('whose sound block has an entry that is not known is not used, and says so', () => {
    const machine = written(KEYS.slice(0, 2));
    const second = FILE_HEADER_BYTES + BLOCK_BYTES - 1;
    machine.alter((logs) => {
      const bytes = logs.get(logFileName(1)) ?? Buffer.alloc(0);
      const changed = rewritten(bytes, second, bytes.length, (all) =>
        all.writeUInt8(9, second + 28),
      );
      logs.set(logFileName(1), changed);
    });
    const before = machine.disk.image();
    expect(() => read(machine)).toThrow(FatalError);
    machine.crash();
    expect(() => read(machine)).toThrow(
      `records-00000001.log cannot be read: the block at byte ${second} has an entry of kind 9, which this version cannot read`,
    );
    expect(machine.disk.image()).toEqual(before);
  });
});

describe('a new log', () => {
  test('is not made over another one', () => {
    const machine = written(KEYS);
    const before = machine.disk.image();
    expect(() => machine.create()).toThrow('there are records in records-00000001.log and no');
    expect(machine.disk.image()).toEqual(before);
  });

  test('is not made beside files of another one whose first is gone', () => {
    const machine = written(KEYS);
    machine.alter((logs) => {
      for (const name of [...logs.keys()]) if (name !== logFileName(2)) logs.delete(name);
    });
    const before = machine.disk.image();
    expect(() => machine.create()).toThrow('there are records in records-00000002.log and no');
    expect(machine.disk.image()).toEqual(before);
  });

  test('is made over one that no store was made for', () => {
    const machine = new Machine(1);
    machine.create();
    machine.crash();
    machine.alter((logs) => {
      const bytes = logs.get(logFileName(1)) ?? Buffer.alloc(0);
      logs.set(logFileName(1), bytes.subarray(0, 50));
    });
    machine.create();
    expect(STORE).toBe('of-a-test');
    expect(read(machine).keys).toEqual([]);
  });
});
