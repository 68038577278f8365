// A write that must succeed before anything else can: it is tried again each second until it does. People hear when
// that begins, and when it is over.

import type { Logger, Timers } from './ports.ts';
import { explained } from './shortage.ts';

const AGAIN_MS = 1000;

export interface PersistentWrite {
  /** One attempt. */
  readonly write: (written: (failure: string | undefined) => void) => void;
  /** Whether another attempt may succeed after such a failure. */
  readonly isWaitedFor: (failure: string) => boolean;
  /** Log lines. */
  readonly failed: string;
  readonly succeeded: string;
}

/** @param done with the failure that is not waited for, if there is one */
export function writePersistently(
  { timers, logger }: { readonly timers: Timers; readonly logger: Logger },
  { write, isWaitedFor, failed, succeeded }: PersistentWrite,
  done: (failure: string | undefined) => void,
): void {
  let isRepeated = false;
  const attempt = () =>
    write((failure) => {
      if (failure !== undefined && isWaitedFor(failure)) {
        if (!isRepeated) logger.write('error', failed, { detail: explained(failure) });
        isRepeated = true;
        timers.after(AGAIN_MS, attempt);
        return;
      }
      if (failure === undefined && isRepeated) logger.write('info', succeeded);
      done(failure);
    });
  attempt();
}
