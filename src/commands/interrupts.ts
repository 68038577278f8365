// What a command does before a signal ends it: it takes back what it had begun. How it ends is as without that.

/** With the exit codes of processes that these signals end: 128 and the signal's number. */
const ENDS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 } as const;

/** @returns the function that ends it */
export function onInterrupt(takeBack: () => void): () => void {
  const listeners = Object.entries(ENDS).map(([signal, code]) => {
    const listener = () => {
      takeBack();
      process.exit(code);
    };
    process.on(signal, listener);
    return [signal, listener] as const;
  });
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}
