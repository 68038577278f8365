// Runs the benchmarks that are named, one after the other: node bench/run.mjs items overwrites [--save]
// One that cannot run here is left out, with the reason; one that fails does not keep the others from running.

import { LeftOut, stopAll } from './lib/processes.mjs';

for (const name of process.argv.slice(2).filter((word) => !word.startsWith('--'))) {
  console.log(`\n${name}`);
  try {
    await import(`./${name}.mjs`);
  } catch (error) {
    if (error instanceof LeftOut) {
      console.log(`left out: ${error.message}`);
      continue;
    }
    console.error(error);
    process.exitCode = 1;
  } finally {
    await stopAll();
  }
}
