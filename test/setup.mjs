// Runs before each test file, in its process (vitest.config.ts).

import { surroundings } from './helpers/surroundings.mjs';

/** Read by vitest in this process, and by tests that run longer when somebody asks for it. */
const OWN = /^(?:VITEST|FAULT_|FUZZ_|MEASURE_FAULTS$|ONE_ANSWER_|LARGE_)/;

/**
 * Of all times of the protocol (D12), unless a test says another: a machine whose neighbours make it stand still for
 * seconds is not taken for a cluster whose nodes died. The same protocol runs, slower.
 */
const VELOUR_TIME_SCALE = '3';

const environment = { ...surroundings(), VELOUR_TIME_SCALE };
for (const name of Object.keys(process.env)) {
  if (!OWN.test(name)) delete process.env[name];
}
Object.assign(process.env, environment);

/** Of a process that was not found a test says `?? 0`, and 0 is this process with its whole group. */
const kill = process.kill.bind(process);
process.kill = (pid, signal) => {
  if (pid <= 0) throw new Error(`no process to send ${signal} to: it was not found`);
  return kill(pid, signal);
};
