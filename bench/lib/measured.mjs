// One measurement of a server: a load by wrk, and the CPU time that all its processes take for a request.

import { wrk } from './wrk.mjs';

/**
 * @param running its port and its processes
 * @returns what wrk says, and CPU time in microseconds for each request, of all processes and of each
 */
export async function measured({ port, processes }, load) {
  const cpu = () => processes.map((one) => one.cpuSeconds());
  const before = cpu();
  const answers = await wrk({ port, ...load });
  const spent = cpu().map((after, index) => after - before[index]);
  const wrong = answers.refused + answers.failed;
  if (wrong > 0) throw new Error(`${wrong} of ${answers.requests + wrong} requests failed`);
  const inMicroseconds = (cpuSeconds) => (cpuSeconds / answers.requests) * 1e6;
  return {
    ...answers,
    cpuMicroseconds: inMicroseconds(spent.reduce((sum, one) => sum + one, 0)),
    eachMicroseconds: spent.map(inMicroseconds),
  };
}
