// A file system of a few megabytes for a test that fills it. Mounting one needs root.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly path: string;
  /** Call once nothing uses it any more. */
  release(): void;
}

/** @returns undefined where none can be mounted */
export function smallDisk(megabytes: number): SmallDisk | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const path = mkdtempSync(join(tmpdir(), 'velour-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'velour-test', path], {
      stdio: 'pipe',
    });
  } catch {
    rmdirSync(path);
    return undefined;
  }
  execFileSync('mount', ['--make-private', path], { stdio: 'pipe' });
  return {
    path,
    release() {
      // Lazily: a lock may be held until the end of the process.
      execFileSync('umount', ['--lazy', path], { stdio: 'pipe' });
      rmdirSync(path);
    },
  };
}
