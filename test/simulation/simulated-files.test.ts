// The simulated files: the contract of the port, and what a crash, a loss of power, a full or a broken disk leaves.

import { describe, expect, test } from 'vitest';
import type { Files, FilesCallback, FilesResult, NewFile } from '../../src/cluster/files.ts';
import { SimulatedProcess } from '../../src/simulation/process.ts';
import { SimulatedFiles } from '../../src/simulation/simulated-files.ts';
import { World } from '../../src/simulation/world.ts';
import { filesContract } from '../contracts/files.ts';

function machine(seed = 1) {
  const process = new SimulatedProcess(new World(seed), 'process');
  process.start();
  return { process, disk: new SimulatedFiles(process), world: process.world };
}

filesContract('simulated files', async () => {
  const { process, disk, world } = machine();
  return {
    files: disk.port(),
    reopen: async () => {
      process.crash();
      disk.tear();
      process.start();
      return disk.port();
    },
    settled: async (promise) => {
      // Whatever is under way ends within this much virtual time.
      for (let left = 20; left > 0; left--) {
        world.runUntil(world.nowMs + 1000);
        await Promise.resolve();
      }
      return promise;
    },
  };
});

class Played {
  readonly #machine;
  files: Files;

  constructor(seed: number) {
    this.#machine = machine(seed);
    this.files = this.#machine.disk.port();
  }

  get disk() {
    return this.#machine.disk;
  }

  get world() {
    return this.#machine.world;
  }

  asked<T>(ask: (callback: FilesCallback<T>) => void): FilesResult<T> {
    let answer: FilesResult<T> | undefined;
    ask((result) => {
      answer = result;
    });
    this.world.runUntil(this.world.nowMs + 1000);
    if (answer === undefined) throw new Error('it has not ended');
    return answer;
  }

  done<T>(ask: (callback: FilesCallback<T>) => void): T {
    const answer = this.asked(ask);
    if (answer.kind === 'failed') throw new Error(answer.detail);
    return answer.value;
  }

  create(path: string): NewFile {
    return this.done<NewFile>((callback) => this.files.create(path, callback));
  }

  append(file: NewFile, text: string) {
    return this.asked<undefined>((callback) => file.append([Buffer.from(text)], callback));
  }

  synced(path: string, text: string): void {
    const file = this.create(path);
    this.append(file, text);
    this.done<undefined>((callback) => file.sync(callback));
  }

  rename(from: string, to: string): void {
    this.done<undefined>((callback) => this.files.rename([{ from, to }], callback));
  }

  crash(power: boolean): void {
    const { process, disk } = this.#machine;
    process.crash();
    if (power) disk.losePower();
    else disk.tear();
    process.start();
    this.files = disk.port();
  }

  read(path: string): string | undefined {
    return this.disk.contentOf(path)?.toString();
  }
}

const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1);

/** @returns how many of the seeds had each outcome */
function outcomes(play: (played: Played) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const seed of SEEDS) {
    const outcome = play(new Played(seed));
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return counts;
}

describe('a loss of power', () => {
  test('takes what was not synced, all or some of it, and names that were not settled', () => {
    const left = outcomes((played) => {
      const file = played.create('file');
      played.append(file, 'bytes');
      played.crash(true);
      const text = played.read('file');
      return text === undefined ? 'no name' : text === 'bytes' ? 'all' : 'some';
    });
    for (const outcome of ['no name', 'all', 'some']) {
      expect(left.get(outcome), outcome).toBeGreaterThan(0);
    }
  });

  test('leaves synced bytes under a settled name, also where that replaced another', () => {
    const left = outcomes((played) => {
      played.synced('file', 'old');
      played.rename('file', 'home');
      played.synced('file', 'new');
      played.rename('file', 'home');
      played.crash(true);
      return `${played.read('file')} ${played.read('home')}`;
    });
    expect([...left]).toEqual([['undefined new', SEEDS.length]]);
  });

  test('leaves the names that a directory had when it was made once more', () => {
    const left = outcomes((played) => {
      played.synced('file', 'bytes');
      const make = () => played.done<undefined>((done) => played.files.makeDirectory('home', done));
      make();
      played.files.rename([{ from: 'file', to: 'home/file' }], () => undefined);
      played.crash(false);
      const isMoved = played.read('home/file') !== undefined;
      if (isMoved) make();
      played.crash(true);
      return `${isMoved ? 'moved' : 'not moved'} ${played.read('home/file')}`;
    });
    expect([...left.keys()].sort()).toEqual(['moved bytes', 'not moved undefined']);
  });

  test('never leaves a file at neither of its names, whenever it comes', () => {
    const left = outcomes((played) => {
      played.synced('file', 'bytes');
      played.rename('file', 'before');
      played.files.rename([{ from: 'before', to: 'after' }], () => undefined);
      played.crash(true);
      return `${played.read('before') ?? '-'} ${played.read('after') ?? '-'}`;
    });
    expect([...left.keys()].sort()).toEqual(['- bytes', 'bytes -']);
  });

  test('may bring back what was unlinked, and take what was linked', () => {
    const left = outcomes((played) => {
      played.synced('file', 'bytes');
      played.rename('file', 'name');
      played.done<undefined>((callback) =>
        played.files.link({ from: 'name', to: 'link' }, callback),
      );
      played.done<undefined>((callback) => played.files.unlink('name', callback));
      played.crash(true);
      return `${played.read('name') ?? '-'} ${played.read('link') ?? '-'}`;
    });
    for (const outcome of ['bytes -', '- bytes', 'bytes bytes']) {
      expect(left.get(outcome), outcome).toBeGreaterThan(0);
    }
  });

  test('takes bytes that a failed sync said it could not write, though the next one succeeds', () => {
    const left = outcomes((played) => {
      const file = played.create('file');
      played.rename('file', 'name');
      played.append(file, 'bytes');
      played.disk.fail('sync', 'broken');
      expect(played.asked<undefined>((callback) => file.sync(callback)).kind).toBe('failed');
      played.done<undefined>((callback) => file.sync(callback));
      played.crash(true);
      return played.read('name') === 'bytes' ? 'all' : 'less';
    });
    expect([...left.keys()]).toEqual(['less']);
  });
});

test('a crash of the process leaves all that was done, and tears what was under way', () => {
  const left = outcomes((played) => {
    const file = played.create('file');
    played.append(file, 'done');
    file.append([Buffer.from(' torn')], () => undefined);
    played.crash(false);
    const text = played.read('file') ?? '';
    expect('done torn'.startsWith(text) && text.startsWith('done')).toBe(true);
    return text;
  });
  expect(left.size).toBeGreaterThan(3);
});

test('a full disk takes what fits, refuses the rest, and needs no room to unlink', () => {
  const played = new Played(1);
  played.synced('other', '12345');
  const file = played.create('file');
  played.disk.limit(3);
  expect(played.append(file, 'bytes')).toMatchObject({ kind: 'failed', fault: 'full' });
  expect(played.read('file')).toBe('byt');
  played.done<undefined>((callback) => played.files.unlink('other', callback));
  const next = played.create('next');
  expect(played.append(next, '12345').kind).toBe('done');
});

test('a disk that hangs holds everything up, and goes on', () => {
  const played = new Played(1);
  const { world } = played;
  let isDone = false;
  played.disk.hang(500);
  played.files.create('file', () => {
    isDone = true;
  });
  world.runUntil(world.nowMs + 400);
  expect(isDone).toBe(false);
  world.runUntil(world.nowMs + 300);
  expect(isDone).toBe(true);
});

test('what rots reads as other bytes, and is no survivor in name only', () => {
  const played = new Played(1);
  played.synced('file', 'bytes');
  expect(played.disk.survivorAt('file')).toBeUndefined();
  played.rename('file', 'name');
  expect(played.disk.survivorAt('name')?.toString()).toBe('bytes');
  played.disk.rot('name');
  expect(played.read('name')).not.toBe('bytes');
  expect(played.disk.isRotten('name')).toBe(true);
});
