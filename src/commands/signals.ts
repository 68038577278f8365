// Which signals end a process, and how. docs/operations.md has the table; SIGUSR1 and SIGUSR2 are cli.ts's.

import { isatty } from 'node:tty';

/** What stops a process in order, and its exit code where it ends at once: 128 and the number. */
const STOPS = { SIGTERM: 143, SIGINT: 130, SIGQUIT: 131 } as const;
const HANGUP = 129;

/** Calls with each signal that asks for an orderly stop, from the first on. */
export function onStopSignals(stop: (signal: string, code: number) => void): void {
  for (const [signal, code] of Object.entries(STOPS)) process.on(signal, () => stop(signal, code));
  // A terminal that is closed says so to those it runs, and nobody could stop them from there any more. To a process
  // without one it means "read your files again", which no process of ours has to, or that it was started with nohup.
  const isOnTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  process.on('SIGHUP', () => {
    if (isOnTerminal) stop('SIGHUP', HANGUP);
  });
}

/** Of a process that its parent stops: Ctrl-C, or a stop of a whole control group, reaches it as well. */
export function ignoreStopSignals(): void {
  for (const signal of [...Object.keys(STOPS), 'SIGHUP']) process.on(signal, () => undefined);
}

/** From the beginning, while it is still being loaded: a reload of a whole service must not end it. */
export function ignoreHangup(): void {
  process.on('SIGHUP', () => undefined);
}
