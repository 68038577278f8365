// What every runtime must do, as one suite: it runs on the real ports, and on any that stand in for
// them.

import { describe, expect, test } from 'vitest';
import type { Clock, Disk, DiskResult, LogFile, Timers } from '../../src/cluster/ports.ts';

export interface TimeFixture {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Lets time pass until the condition holds. */
  passUntil(condition: () => boolean): Promise<void>;
}

export function timeContract(name: string, make: () => TimeFixture): void {
  describe(`${name}: clock and timers`, () => {
    test('the monotonic clock never goes back', () => {
      const { clock } = make();
      let last = clock.monotonicMs();
      for (let index = 0; index < 1000; index++) {
        const now = clock.monotonicMs();
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
      }
    });

    test('a timer comes once, not before its time, and never inside the call that set it', async () => {
      const { clock, timers, passUntil } = make();
      let calls = 0;
      let elapsedMs = 0;
      const startedMs = clock.monotonicMs();
      timers.after(5, () => {
        calls++;
        elapsedMs = clock.monotonicMs() - startedMs;
      });
      expect(calls).toBe(0);
      let later = false;
      timers.after(30, () => {
        later = true;
      });
      await passUntil(() => later);
      expect(calls).toBe(1);
      // Node rounds a timer's time down to whole milliseconds.
      expect(elapsedMs).toBeGreaterThan(4);
    });

    test('a cancelled timer never comes, and timers come in the order of their times', async () => {
      const { timers, passUntil } = make();
      const order: string[] = [];
      timers.after(20, () => order.push('last'));
      const cancel = timers.after(10, () => order.push('cancelled'));
      timers.after(1, () => order.push('first'));
      cancel();
      await passUntil(() => order.includes('last'));
      expect(order).toEqual(['first', 'last']);
    });
  });
}

export interface DiskFixture {
  readonly disk: Disk;
  /** The same directory, as the next process finds it. */
  reopen(): Promise<Disk>;
}

export function diskContract(name: string, make: () => Promise<DiskFixture>): void {
  const read = (disk: Disk, file: string) =>
    new Promise<DiskResult<Buffer | undefined>>((resolve) => disk.read(file, resolve));
  const replace = (disk: Disk, file: string, text: string) =>
    new Promise<DiskResult<undefined>>((resolve) => disk.replace(file, Buffer.from(text), resolve));
  const openLog = (disk: Disk, create: boolean) =>
    new Promise<LogFile>((resolve, reject) =>
      disk.openLog('log', { create }, (result) =>
        result.kind === 'done' ? resolve(result.value) : reject(new Error(result.detail)),
      ),
    );
  /** One that asks for more than there is. */
  const readFrom = async (log: LogFile, position: number, bytes: number) => {
    const into = Buffer.alloc(bytes + 10);
    const read = await new Promise<DiskResult<number>>((resolve) =>
      log.read(position, into, resolve),
    );
    if (read.kind === 'failed') throw new Error(read.detail);
    return into.subarray(0, read.value).toString();
  };
  const append = (log: LogFile, text: string) =>
    new Promise((resolve) => log.append(Buffer.from(text), resolve));
  const contentOf = async (disk: Disk) => {
    const log = await openLog(disk, false);
    return readFrom(log, 0, log.length);
  };

  describe(`${name}: disk`, () => {
    test('a file that is not there is undefined, not a failure', async () => {
      const { disk } = await make();
      expect(await read(disk, 'missing')).toEqual({ kind: 'done', value: undefined });
    });

    test('a replaced file is there for the next process, whole', async () => {
      const { disk, reopen } = await make();
      expect((await replace(disk, 'file', 'one')).kind).toBe('done');
      expect((await replace(disk, 'file', 'two, longer')).kind).toBe('done');
      expect(await read(await reopen(), 'file')).toEqual({
        kind: 'done',
        value: Buffer.from('two, longer'),
      });
    });

    test('replacements asked for at once end in their order, the last one stays', async () => {
      const { disk } = await make();
      const ended: number[] = [];
      await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          await replace(disk, 'file', `content ${index}`);
          ended.push(index);
        }),
      );
      expect(ended).toEqual(Array.from({ length: 20 }, (_, index) => index));
      expect(await read(disk, 'file')).toEqual({ kind: 'done', value: Buffer.from('content 19') });
    });

    test('a log that is not there is only made when asked for', async () => {
      const { disk } = await make();
      await expect(openLog(disk, false)).rejects.toThrow('ENOENT');
      await openLog(disk, true);
      expect(await contentOf(disk)).toBe('');
    });

    test('what was appended is read back in order, after what was there', async () => {
      const { disk, reopen } = await make();
      const log = await openLog(disk, true);
      await append(log, 'one two ');
      await append(log, 'three');
      const again = await reopen();
      expect(await contentOf(again)).toBe('one two three');
      const second = await openLog(again, false);
      await new Promise((resolve) => second.truncate(8, resolve));
      await append(second, '2nd life');
      expect(
        (await new Promise<DiskResult<undefined>>((resolve) => second.sync(resolve))).kind,
      ).toBe('done');
      expect(await contentOf(again)).toBe('one two 2nd life');
    });

    test('what is rewritten stays where it is, also in a log that is appended to', async () => {
      const { disk } = await make();
      const log = await openLog(disk, true);
      await append(log, '0123456789');
      const rewritten = await new Promise<DiskResult<undefined>>((resolve) =>
        log.rewrite(3, Buffer.from('345'), resolve),
      );
      expect(rewritten.kind).toBe('done');
      await append(log, 'abc');
      expect(await contentOf(disk)).toBe('0123456789abc');
    });

    test('a log is read from any place, and no further than its end', async () => {
      const { disk } = await make();
      const log = await openLog(disk, true);
      expect(log.length).toBe(0);
      await append(log, '0123456789');
      expect(await readFrom(log, 4, 3)).toBe('456789');
      expect(await readFrom(log, 10, 3)).toBe('');
      expect(await readFrom(log, 20, 3)).toBe('');
      log.close();
    });

    test('what was removed is not listed, nor there for the next process; removing it again is no failure', async () => {
      const { disk, reopen } = await make();
      const list = (of: Disk) =>
        new Promise<readonly string[]>((resolve, reject) =>
          of.list((result) =>
            result.kind === 'done' ? resolve(result.value) : reject(new Error(result.detail)),
          ),
        );
      const remove = () => new Promise((resolve) => disk.remove('log', resolve));
      await openLog(disk, true);
      await replace(disk, 'file', 'one');
      expect(await list(disk)).toEqual(expect.arrayContaining(['file', 'log']));
      expect(await remove()).toEqual({ kind: 'done', value: undefined });
      expect(await remove()).toEqual({ kind: 'done', value: undefined });
      const again = await reopen();
      expect(await list(again)).not.toContain('log');
      expect(await list(again)).toContain('file');
      await expect(openLog(again, false)).rejects.toThrow('ENOENT');
    });
  });
}
