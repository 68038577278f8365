// What to do when the system is short of something for a moment, such as of open files: try again, a few times. Who
// gets the error in the end still learns of what, and may go on trying; a full disk it learns of at once.

import { setTimeout as pause } from 'node:timers/promises';

/** Nothing was done yet when a call ends with one of these. */
const MOMENTARY: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'EINTR']);
/** Twice as long each time: two and a half seconds, all together. */
const PAUSES_MS = [20, 40, 80, 160, 320, 640, 1280];

/** @param work may be done several times, and once it fails so has done nothing that it may not do again */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await work();
    } catch (error) {
      if (!MOMENTARY.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      await pause(pauseMs);
    }
  }
  return await work();
}
