// A write that must succeed before the process can go on: it is repeated each second until it does. The log says when
// the repetition begins, and when it is over.

import type { Logger, Timers } from './ports.ts';
import { explained } from './shortage.ts';

const AGAIN_MS = 1000;

export interface PersistentWrite {
  /** Makes one attempt. */
  readonly write: (written: (failure: string | undefined) => void) => void;
  /** Whether another attempt may succeed after this failure. */
  readonly isWaitedFor: (failure: string) => boolean;
  /** The log lines for the first failure, and for the success after failures. */
  readonly failed: string;
  readonly succeeded: string;
}

/** @param done called once: with undefined after success, or with a failure that another attempt cannot mend */
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
