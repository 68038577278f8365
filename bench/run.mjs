// Runs the benchmarks that are named, one after the other: node bench/run.mjs items overwrites [--save]

for (const name of process.argv.slice(2).filter((word) => !word.startsWith('--'))) {
  console.log(`\n${name}`);
  await import(`./${name}.mjs`);
}
