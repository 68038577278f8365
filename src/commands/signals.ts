// The signals that end a process, and how it ends; docs/operations.md has the table. SIGUSR1 and SIGUSR2 are cli.ts's.

import { isatty } from 'node:tty';

/** The signals that ask for an orderly stop, with the exit code of an immediate one: 128 and the signal's number. */
const STOPS = { SIGTERM: 143, SIGINT: 130, SIGQUIT: 131 } as const;
const HANGUP = 129;

/** Calls `stop` with each signal that asks for an orderly stop, also with the second and later ones. */
export function onStopSignals(stop: (signal: string, code: number) => void): void {
  for (const [signal, code] of Object.entries(STOPS)) process.on(signal, () => stop(signal, code));
  // A terminal that is closed sends SIGHUP to its processes, which nobody could stop from there any more. To a process
  // without a terminal it means "read your files again" (onHangup), or the process was started with nohup.
  const isOnTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  process.on('SIGHUP', () => {
    if (isOnTerminal) stop('SIGHUP', HANGUP);
  });
}

/** For a process that its parent stops: Ctrl-C, or a stop of a control group, reaches the process as well. */
export function ignoreStopSignals(): void {
  for (const signal of [...Object.keys(STOPS), 'SIGHUP']) process.on(signal, () => undefined);
}

/** Calls `read` with each request of an operator to read files again: SIGHUP, as daemons have it. */
export function onHangup(read: () => void): void {
  process.on('SIGHUP', read);
}

/**
 * Ignores SIGHUP from the beginning, even while the process is loading: a reload of a whole service must not end it.
 */
export function ignoreHangup(): void {
  process.on('SIGHUP', () => undefined);
}
