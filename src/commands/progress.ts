// Shows the progress of long work on standard error while that is a terminal, and takes it away when the work ends or
// is interrupted. Elsewhere nothing is shown. What the line says is progress-text.ts's.

import { systemClock } from '../cluster/io/process/system.ts';
import { say } from './printing.ts';
import { ProgressText, type WorkDone } from './progress-text.ts';
import { isTerminal } from './terminal.ts';

const REDRAW_MS = 200;
const CLEAR_LINE = '\r\x1b[K';
const COLUMNS_DEFAULT = 80;
const INTERRUPTED = 130;

export interface ProgressOf {
  /** Such as `export`. */
  readonly what: string;
  /** Of the items, such as `keys`. */
  readonly unit: string;
  /** Whether the work prints to stdout: on one terminal the line would be between its lines. */
  readonly printsData: boolean;
  done(): WorkDone;
}

/** @returns the function that ends it */
export function showProgressLine({ what, unit, printsData, done }: ProgressOf): () => void {
  if (!isTerminal(process.stderr) || (printsData && process.stdout.isTTY === true)) {
    return () => undefined;
  }
  const text = new ProgressText(what, unit, done(), systemClock.monotonicMs());
  const timer = setInterval(() => {
    // A terminal may say 0 where it does not know.
    const columns = process.stderr.columns || COLUMNS_DEFAULT;
    say(`${CLEAR_LINE}${text.next(done(), systemClock.monotonicMs(), columns)}`);
  }, REDRAW_MS);
  const end = () => {
    clearInterval(timer);
    process.off('SIGINT', interrupted);
    say(CLEAR_LINE);
  };
  const interrupted = () => {
    end();
    process.exit(INTERRUPTED);
  };
  process.on('SIGINT', interrupted);
  return end;
}
