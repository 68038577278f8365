// What the processes of a test or a benchmark find around them: no variable of whoever runs the tests, and an end that
// comes at the latest with the process that started them, even when that is killed.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';

/** Whatever else a person or a CI has exported must not decide what a test sees. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TERM'];

/** Processes pass it on to those that they start, so it finds all of them, whoever their parent is by then. */
const MARK = 'STARTED_BY_TESTS_OF';

/** The pipe that `cat` reads ends with the process that called `surroundings`, however that ends. */
const REAPER = `cat
while pids=$(grep -lsF -- "$1" /proc/[0-9]*/environ | cut -d/ -f3) && [ -n "$pids" ]; do
  kill -KILL $pids
  sleep 0.02
done`;

/** @returns the environment of all that this process starts from now on: what has it is killed when this process ends */
export function surroundings() {
  const inherited = INHERITED.filter((name) => process.env[name] !== undefined);
  const environment = Object.fromEntries(inherited.map((name) => [name, process.env[name]]));
  const id = randomBytes(8).toString('hex');
  const reaper = spawn('/bin/sh', ['-c', REAPER, 'velour-test-reaper', `${MARK}=${id}`], {
    // In a group of its own, it outlives a Ctrl-C.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    // Whatever is on the PATH of a test: this needs its own commands.
    env: { PATH: '/usr/bin:/bin' },
  });
  reaper.unref();
  reaper.stdin.unref();
  return { ...environment, [MARK]: id };
}
