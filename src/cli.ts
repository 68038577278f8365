#!/usr/bin/env node
// Where the `velour` command begins: what must hold before anything is loaded, in syntax that every Node.js with
// modules reads, so without a static import. The commands are main.ts's.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `velour: this is Node.js ${process.versions.node}, and velour needs 20.19 or newer; see https://nodejs.org\n`,
  );
  process.exit(78);
}

// Node's own answer to SIGUSR1 is a debugger on port 9229, and the system's to SIGUSR2 the end of the process.
for (const signal of ['SIGUSR1', 'SIGUSR2']) process.on(signal, () => undefined);

const { setFlagsFromString } = process.getBuiltinModule('node:v8');

// undici parses HTTP in WebAssembly. V8's optimising compiler takes 35 MB to compile that one function, which in our
// processes serves a few control calls a second and no operations: the baseline compiler is enough. It is decided here,
// before undici is loaded, because who imports the client as a library has WebAssembly of his own.
setFlagsFromString('--liftoff-only');

// Loading the code allocates much that is kept, and lets V8's young generation grow to 4 MB and more. A process that then
// has little to do collects nothing for minutes, and keeps that: it may grow once the start is over, for those who serve
// many requests (a set costs a tenth less CPU with a large one).
const START_MS = 10_000;
setFlagsFromString('--semi-space-growth-factor=1');
setTimeout(() => setFlagsFromString('--semi-space-growth-factor=2'), START_MS).unref();

// Keys and values are nobody's business but this user's: whatever a command writes, or a process that it starts, is
// 0600 in directories of 0700, whatever the umask was.
process.umask(0o077);

import('./main.ts').catch((error: unknown) => {
  throw error;
});
