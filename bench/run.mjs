// Runs the benchmarks that are named, one after the other: node bench/run.mjs items overwrites [--save]
// What cannot run here is left out, with the reason; what fails keeps the others from nothing.

import { NotInstalled } from './lib/processes.mjs';

for (const name of process.argv.slice(2).filter((word) => !word.startsWith('--'))) {
  console.log(`\n${name}`);
  try {
    await import(`./${name}.mjs`);
  } catch (error) {
    if (error instanceof NotInstalled) {
      console.log(`left out: ${error.message}`);
      continue;
    }
    console.error(error);
    process.exitCode = 1;
  }
}
