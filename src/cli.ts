#!/usr/bin/env node
// Where the `velour` command begins: what must hold before anything is loaded. The commands are main.ts's.

// Node's own answer to SIGUSR1 is a debugger on port 9229, and the system's to SIGUSR2 the end of the process.
for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined);

// Keys and values are nobody's business but this user's: whatever a command writes, or a process that it starts, is
// 0600 in directories of 0700, whatever the umask was.
process.umask(0o077);

await import('./main.ts');
