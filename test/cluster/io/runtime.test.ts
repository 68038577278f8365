// The contract of the ports on the real ones.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openDisk } from '../../../src/cluster/io/disk/disk.ts';
import { openHost, systemClock, systemTimers } from '../../../src/cluster/io/process/system.ts';
import { diskContract, timeContract } from '../../contracts/runtime.ts';
import { until } from '../../helpers/cluster.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

timeContract('the system', () => ({
  clock: systemClock,
  timers: systemTimers,
  passUntil: until,
}));

diskContract('a real directory', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
  directories.push(directory);
  const disk = await openDisk(directory);
  // The lock is this process's: only another process can open the directory a second time.
  return { disk, reopen: async () => disk };
});

test('a directory that is open is refused, by whatever path', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
  directories.push(directory);
  await openDisk(directory);
  await expect(openDisk(`${directory}/../${directory.split('/').at(-1)}/`)).rejects.toThrow(
    'is in use by another process',
  );
});

test('the id of the machine start does not change while the machine runs', () => {
  const host = openHost({ linesDropped: () => 0 });
  expect(host.bootId()).toBe(host.bootId());
});
