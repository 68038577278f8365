// Runs before each test file, in its process (vitest.config.ts).

import { surroundings } from './helpers/surroundings.mjs';

/** Read by vitest in this process, and by tests that run longer when somebody asks for it. */
const OWN = /^(?:VITEST|FAULT_|FUZZ_|MEASURE_FAULTS$|ONE_ANSWER_|LARGE_)/;

const environment = surroundings();
for (const name of Object.keys(process.env)) {
  if (!OWN.test(name)) delete process.env[name];
}
Object.assign(process.env, environment);
