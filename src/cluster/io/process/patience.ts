// Repeats a system call a few times when the system is short of something for a moment, such as open files. If that
// does not help, the caller gets the error and may go on trying; a full disk is reported at once.

import { setTimeout as pause } from 'node:timers/promises';

/** A call that fails with one of these has not done anything yet. */
const MOMENTARY: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'EINTR']);
/** Each pause is twice the one before; together they are two and a half seconds. */
const PAUSES_MS = [20, 40, 80, 160, 320, 640, 1280];

/**
 * @param work may be called several times, so a failed call must leave nothing that must not be done twice
 * @throws the last error of `work`, or the first that is not momentary
 */
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
