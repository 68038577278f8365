// The simulated disk does what a real one may do, and no more: what a crash, an error, a full disk or time
// leave of files and names, over many seeds.

import { describe, expect, test } from 'vitest';
import type { Disk, DiskResult, LogFile } from '../../src/cluster/ports.ts';
import { SimulatedDisk } from '../../src/simulation/disk.ts';
import { DISK_FAULT_KINDS, drawDiskFault, strikeDisk } from '../../src/simulation/disk-faults.ts';
import { DISK_OPERATIONS } from '../../src/simulation/disk-steps.ts';
import { SimulatedProcess } from '../../src/simulation/process.ts';
import { World } from '../../src/simulation/world.ts';

const MANY = Array.from({ length: 60 }, (_, index) => index + 1);

/** A process with a disk that holds a synced file and a synced log. */
class Machine {
  readonly world: World;
  readonly process: SimulatedProcess;
  readonly disk: SimulatedDisk;
  port: Disk;

  constructor(seed: number) {
    this.world = new World(seed);
    this.process = new SimulatedProcess(this.world, 'process');
    this.disk = new SimulatedDisk(this.process);
    this.process.start();
    this.port = this.disk.port();
    this.replace('file', 'old');
    const log = this.open('log');
    this.append(log, '0123456789');
    this.wait<undefined>((done) => log.sync(done));
  }

  /** @throws what failed */
  wait<T>(begin: (done: (result: DiskResult<T>) => void) => void): T {
    const results: DiskResult<T>[] = [];
    begin((result) => results.push(result));
    this.world.runUntil(this.world.nowMs + 100_000);
    const [result] = results;
    if (result === undefined) throw new Error('it never ends');
    if (result.kind === 'failed') throw new Error(result.detail);
    return result.value;
  }

  replace(name: string, text: string): void {
    this.wait<undefined>((done) => this.port.replace(name, Buffer.from(text), done));
  }

  open(name: string, create = true): LogFile {
    return this.wait((done) => this.port.openLog(name, { create }, done));
  }

  append(log: LogFile, text: string): void {
    this.wait<undefined>((done) => log.append(Buffer.from(text), done));
  }

  /** In the middle of whatever is under way. */
  kill(power = false): void {
    this.process.crash();
    if (power) this.disk.losePower();
    else this.disk.tear();
    this.process.start();
    this.port = this.disk.port();
  }

  /** Each by its name; undefined when there is none. */
  textOf(name: string): string | undefined {
    const { files, logs } = this.disk.image();
    return (files.get(name) ?? logs.get(name))?.toString();
  }
}

/** What all seeds came to, each once. */
function outcomes(play: (machine: Machine) => string): readonly string[] {
  return [...new Set(MANY.map((seed) => play(new Machine(seed))))].sort();
}

const nothing = () => undefined;

describe('a crash in the middle', () => {
  test('of a replacement leaves the old or the new, and maybe a temporary file', () => {
    const found = outcomes((machine) => {
      machine.port.replace('file', Buffer.from('new'), nothing);
      machine.kill();
      return `${machine.textOf('file')}, ${machine.textOf('file.new')}`;
    });
    expect(found).toEqual(expect.arrayContaining(['new, undefined', 'old, undefined', 'old, new']));
    expect(found.every((each) => /^(old, (undefined|n?e?w?)|new, undefined)$/.test(each))).toBe(
      true,
    );
  });

  test('of several replacements has begun none behind the first that did not end', () => {
    const found = outcomes((machine) => {
      for (const text of ['1', '2', '3']) {
        machine.port.replace(text, Buffer.from(text), nothing);
      }
      machine.kill();
      return ['1', '2', '3'].map((name) => machine.textOf(name) ?? '-').join('');
    });
    expect(found).toEqual(expect.arrayContaining(['---', '1--', '12-']));
    expect(found.every((each) => /^(1(2(3|-)|--)|---)$/.test(each))).toBe(true);
  });

  test('of a replacement whose name was not synced: a later loss of power may bring the old back', () => {
    const found = outcomes((machine) => {
      machine.port.replace('file', Buffer.from('new'), nothing);
      machine.kill();
      const before = machine.textOf('file');
      machine.kill(true);
      return `${before} ${machine.textOf('file')}`;
    });
    expect(found).toEqual(['new new', 'new old', 'old old']);
  });

  test('of making a log leaves none or an empty one, which is safe once it was opened to be made', () => {
    const made = (create: boolean) =>
      outcomes((machine) => {
        machine.port.openLog('another', { create: true }, nothing);
        machine.kill();
        const before = machine.textOf('another');
        if (create || before !== undefined) machine.open('another', create);
        machine.kill(true);
        return `${before} ${machine.textOf('another')}`;
      });
    expect(made(false)).toEqual([' ', ' undefined', 'undefined undefined']);
    expect(made(true)).toEqual([' ', 'undefined ']);
  });

  test('of a removal leaves the file or not, and a loss of power may bring it back', () => {
    const found = outcomes((machine) => {
      machine.port.remove('log', nothing);
      machine.kill();
      const isThere = machine.textOf('log') !== undefined;
      machine.kill(true);
      return `${isThere} ${machine.textOf('log') !== undefined}`;
    });
    expect(found).toEqual(['false false', 'false true', 'true true']);
  });

  test('of a truncation leaves all or what is left, and a loss of power may undo it', () => {
    const found = outcomes((machine) => {
      const log = machine.open('log');
      log.truncate(4, nothing);
      machine.kill();
      const before = machine.textOf('log');
      machine.kill(true);
      return `${before} ${machine.textOf('log')}`;
    });
    expect(found).toEqual(['0123 0123', '0123 0123456789', '0123456789 0123456789']);
  });

  test('of an append leaves a part of it, none of which a loss of power must leave', () => {
    const found = outcomes((machine) => {
      const log = machine.open('log');
      log.append(Buffer.from('abc'), nothing);
      machine.kill();
      return machine.textOf('log') ?? '';
    });
    expect(found).toEqual(['0123456789', '0123456789a', '0123456789ab', '0123456789abc']);
  });

  test('is found by the next process when this one ended itself', () => {
    const found = outcomes((machine) => {
      const log = machine.open('log');
      log.append(Buffer.from('abc'), nothing);
      machine.process.crash();
      machine.process.start();
      machine.port = machine.disk.port();
      const length = machine.open('log').length;
      machine.world.runUntil(machine.world.nowMs + 1000);
      return `${length === machine.textOf('log')?.length}`;
    });
    expect(found).toEqual(['true']);
  });
});

test('what was done is there after any loss of power', () => {
  const found = outcomes((machine) => {
    machine.replace('file', 'new');
    machine.open('another');
    machine.wait<undefined>((done) => machine.port.remove('log', done));
    machine.kill(true);
    return ['file', 'another', 'log'].map((name) => machine.textOf(name)).join();
  });
  expect(found).toEqual(['new,,']);
});

test('a machine whose power was lost once has on its disk what it found then', () => {
  for (const seed of MANY) {
    const machine = new Machine(seed);
    machine.append(machine.open('log'), 'abcdef');
    machine.kill(true);
    const first = machine.disk.image();
    machine.kill(true);
    expect(machine.disk.image()).toEqual(first);
  }
});

describe('an error', () => {
  test.each(DISK_OPERATIONS)('of %s is EIO as often as asked for', (kind) => {
    const machine = new Machine(1);
    const log = machine.open('log');
    const { port } = machine;
    const begin = {
      read: () => machine.wait((done) => port.read('file', done)),
      replace: () => machine.replace('file', 'new'),
      open: () => machine.open('another'),
      list: () => machine.wait((done) => port.list(done)),
      remove: () => machine.wait<undefined>((done) => port.remove('another', done)),
      append: () => machine.append(log, 'abc'),
      truncate: () => machine.wait<undefined>((done) => log.truncate(3, done)),
      sync: () => machine.wait<undefined>((done) => log.sync(done)),
    }[kind];
    machine.disk.fail(kind, 2);
    expect(begin).toThrow('EIO');
    expect(begin).toThrow('EIO');
    expect(begin).not.toThrow();
  });

  test('of a log is one of reading it as well', () => {
    const machine = new Machine(1);
    const log = machine.open('log');
    machine.disk.fail('read');
    const read = () => machine.wait<number>((done) => log.read(0, Buffer.alloc(3), done));
    expect(read).toThrow('EIO');
    expect(read()).toBe(3);
  });

  test('of a sync takes what it should have brought to disk, in whole or in part, and nothing else', () => {
    const found = outcomes((machine) => {
      const log = machine.open('log');
      machine.append(log, 'abc');
      machine.disk.fail('sync');
      expect(() => machine.wait<undefined>((done) => log.sync(done))).toThrow('EIO');
      expect(machine.disk.hasUntoldLoss).toBe(true);
      machine.wait<undefined>((done) => log.sync(done));
      machine.kill(true);
      return machine.textOf('log')?.replaceAll('\0', '-') ?? '';
    });
    expect(found).toContain('0123456789');
    expect(found.every((each) => /^0123456789([a-c-]{3})?$/.test(each) && !/abc/.test(each))).toBe(
      true,
    );
  });

  test('of a sync may leave what only memory has: rewritten, it survives, and so does what was synced', () => {
    const found = outcomes((machine) => {
      const log = machine.open('log');
      machine.append(log, 'abc');
      machine.disk.fail('sync');
      expect(() => machine.wait<undefined>((done) => log.sync(done))).toThrow('EIO');
      if (machine.textOf('log') !== '0123456789abc') return 'something is gone';
      machine.wait<undefined>((done) => log.rewrite(5, Buffer.from('56789abc'), done));
      machine.wait<undefined>((done) => log.sync(done));
      machine.kill(true);
      return machine.textOf('log') ?? '';
    });
    expect(found).toEqual(['0123456789abc', 'something is gone']);
  });

  test('of a sync is told once the identity was written that was asked for afterwards', () => {
    const machine = new Machine(1);
    const log = machine.open('log');
    machine.disk.fail('sync');
    log.sync(nothing);
    machine.port.replace('storage.identity', Buffer.from('of before'), nothing);
    machine.world.runUntil(machine.world.nowMs + 1000);
    expect(machine.disk.hasUntoldLoss).toBe(true);
    machine.replace('storage.map', 'says nothing of it');
    expect(machine.disk.hasUntoldLoss).toBe(true);
    machine.replace('storage.identity', 'distrusted');
    expect(machine.disk.hasUntoldLoss).toBe(false);
  });
});

describe('a small disk', () => {
  test('counts what is on it, and a write that has no room ends short', () => {
    const machine = new Machine(1);
    const log = machine.open('log');
    expect(machine.disk.usedBytes).toBe('old'.length + 10);
    machine.disk.limit(17);
    machine.append(log, 'ab');
    expect(machine.disk.isFull).toBe(false);
    expect(() => machine.append(log, 'cdef')).toThrow('ENOSPC');
    expect(machine.textOf('log')).toBe('0123456789abcd');
    expect(machine.disk.isFull).toBe(true);
    machine.disk.free();
    expect(machine.disk.isFull).toBe(false);
    machine.append(log, '!');
  });

  test('needs room for the new beside the old, and has room again when files go', () => {
    const machine = new Machine(1);
    machine.disk.limit(13 + 2);
    expect(() => machine.replace('file', 'new')).toThrow('ENOSPC');
    expect(machine.textOf('file')).toBe('old');
    machine.wait<undefined>((done) => machine.port.remove('log', done));
    machine.replace('file', 'new');
  });

  test('that is full takes no block and no file', () => {
    for (const seed of MANY) {
      const machine = new Machine(seed);
      machine.disk.fill();
      expect(machine.disk.isFull).toBe(true);
      expect(() => machine.replace('file', 'x'.repeat(28))).toThrow('ENOSPC');
      expect(() => machine.append(machine.open('log'), 'x'.repeat(28))).toThrow('ENOSPC');
    }
  });
});

test('a slow disk takes its time for each operation, and only for a while', () => {
  const machine = new Machine(1);
  const tookMs = () => {
    const beganMs = machine.world.nowMs;
    let endedMs = beganMs;
    machine.port.read('file', () => {
      endedMs = machine.world.nowMs;
    });
    machine.world.runUntil(beganMs + 1000);
    return endedMs - beganMs;
  };
  machine.disk.slow([300, 500], 2500);
  expect([tookMs(), tookMs(), tookMs()].every((each) => each > 300)).toBe(true);
  expect([tookMs(), tookMs(), tookMs()].some((each) => each < 2)).toBe(true);
});

describe('rot', () => {
  /** Two synced appends, of which the second is the last whole one, and one that is not synced. */
  const withAppends = (seed: number) => {
    const machine = new Machine(seed);
    const log = machine.open('log');
    machine.append(log, 'abc');
    machine.wait<undefined>((done) => log.sync(done));
    machine.append(log, 'xyz');
    return machine;
  };

  test('turns a bit over of a file that was synced, but for the last whole append of the newest log', () => {
    const rotten = new Set<string>();
    for (const seed of MANY) {
      const machine = withAppends(seed);
      const name = machine.disk.rot() ?? '';
      rotten.add(name);
      expect(machine.disk.rotten).toEqual([name]);
      const text = machine.textOf(name) ?? '';
      const before = name === 'file' ? 'old' : '0123456789abcxyz';
      const differing = [...text].filter((character, at) => character !== before[at]);
      expect(differing.length).toBe(1);
      if (name === 'log') expect(text.slice(10)).toBe('abcxyz');
    }
    expect([...rotten].sort()).toEqual(['file', 'log']);
  });

  test('is gone with the file', () => {
    const machine = withAppends(1);
    expect(machine.disk.rot(1, (name) => name === 'log')).toBe('file');
    expect(machine.disk.swallowed).toEqual([]);
    machine.wait((done) => machine.port.read('file', done));
    expect(machine.disk.swallowed).toEqual(['file']);
    expect(machine.disk.excuses('file cannot be used')).toBe(true);
    machine.replace('file', 'new');
    expect(machine.disk.rotten).toEqual([]);
    // What the process took for what was written it still has.
    expect(machine.disk.swallowed).toEqual(['file']);
    expect(machine.disk.excuses('file cannot be used')).toBe(false);
    expect(machine.disk.rot(1, () => true)).toBe(undefined);
  });
});

test('every fault that is drawn can strike, and the same seed draws the same', () => {
  const said = (seed: number) => {
    const machine = new Machine(seed);
    const fault = drawDiskFault(machine.world.random, undefined, true);
    return `${fault.kind}: ${strikeDisk(machine.disk, fault)}`;
  };
  expect(new Set(MANY.map((seed) => said(seed).split(':')[0])).size).toBe(DISK_FAULT_KINDS.length);
  for (const seed of MANY) expect(said(seed)).toBe(said(seed));
});
