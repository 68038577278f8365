// Troubles from outside that come over a process of each role under the load of velour load, which verifies every get:
// requests that failed and for how long, the longest wait for an acknowledgement, what was lost, and whether all came
// back by itself. RATE, SECONDS, TROUBLE_SECONDS, RECORDS and REDUNDANCY make it smaller; TROUBLES matches some rows.

import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from './lib/cluster.mjs';
import { SERVER_CORE } from './lib/machine.mjs';
import { printTable } from './lib/print-table.mjs';
import { LeftOut, stopAll, until } from './lib/processes.mjs';
import { kept, save } from './lib/results.mjs';
import { notReady, ROLES, supervise } from './lib/roles.mjs';
import { TROUBLES } from './lib/troubles.mjs';
import { failed, kinds, underLoad } from './lib/under-load.mjs';
import { total } from './lib/velour-load.mjs';

/** Before a trouble, and after all came back. */
const SECONDS = Number(process.env.SECONDS ?? 3);
/** Of a trouble that lasts. */
const TROUBLE_SECONDS = Number(process.env.TROUBLE_SECONDS ?? 10);
const RECORDS = Number(process.env.RECORDS ?? 1000);
const RATE = Number(process.env.RATE ?? 250);
const REDUNDANCY = Number(process.env.REDUNDANCY ?? 2);
const ONLY = new RegExp(process.env.TROUBLES ?? '');
const VALUE_BYTES = 4000;
/** So many at the end without a failure, for the word that all is over. */
const QUIET_SECONDS = 2;
/** Half gets, half sets. Sets that wait, for two seconds mostly, hold a connection each. */
const LOAD = {
  workload: 'a',
  records: RECORDS,
  'value-size': VALUE_BYTES,
  connections: Math.min(2 * RATE, 2000),
  rate: RATE,
  'warm-up': 0,
};
/** Files of the log are a sixteenth of it: in any ten seconds a new one is begun. */
const WORDS = { storage: ['--memory', '32MiB'] };

async function measured({ isSupervised, launch, prepare, cause }, role) {
  const directory = mkdtempSync(join(tmpdir(), 'velour-bench-'));
  let cluster;
  let prepared;
  let stopSupervising;
  try {
    prepared = await prepare?.(directory);
    cluster = await Cluster.start({
      storage: 3,
      redundancy: REDUNDANCY,
      frontends: 2,
      core: SERVER_CORE,
      directory,
      words: WORDS,
      launch: (name) => (name === role?.name ? launch?.(join(directory, name)) : undefined),
      ...prepared?.settings,
    });
    if (isSupervised) stopSupervising = supervise(cluster, role);
    const where = { ...prepared, cluster, role, directory, seconds: TROUBLE_SECONDS };
    return await underLoad(cluster, { load: LOAD, seconds: SECONDS }, () => outcome(where, cause));
  } finally {
    stopSupervising?.();
    await cluster?.stop();
    await prepared?.end();
    rmSync(directory, { recursive: true });
  }
}

/** @returns how long it took until all was as before, or what is not */
async function outcome(where, cause) {
  const { cluster } = where;
  try {
    await cause(where);
    const overMs = performance.now();
    await until('all are ready, and every key is where it should be', async () => {
      return (await notReady(cluster)).length === 0 && (await cluster.isSettled());
    });
    return { backSeconds: (performance.now() - overMs) / 1000 };
  } catch (error) {
    return { problem: [error.message, ...(await notReady(cluster))].join('; ') };
  }
}

function summary(name, { timeline, more, ...noticed }) {
  const failing = timeline.filter(({ errors }) => errors > 0).map(({ second }) => second);
  const isQuiet = timeline.slice(-QUIET_SECONDS).every(({ errors }) => errors === 0);
  const gets = failed(noticed.getErrors);
  const sets = failed(noticed.setErrors);
  const problem = more.problem ?? (isQuiet ? undefined : 'requests failed to the end');
  return {
    name,
    endedAt: new Date().toISOString(),
    loadAverage: loadavg()[0],
    failedGets: gets.failed,
    failedSets: sets.failed,
    refused: gets.refused + sets.refused,
    // The first and the last one are parts of seconds.
    failingSeconds: failing.length === 0 ? 0 : failing.at(-1) - failing[0] + 1,
    lost: noticed.violations.lost + noticed.violations.stale,
    violationCount: total(noticed.violations),
    isBack: problem === undefined,
    backSeconds: more.backSeconds,
    problem,
    ...noticed,
  };
}

const HEAD = [
  'trouble',
  'gets failed',
  'sets failed',
  'refused',
  'within s',
  'longest set ms',
  'lost',
  'came back',
];

function cells(row) {
  return [
    row.name,
    ...[row.failedGets, row.failedSets, row.refused, row.failingSeconds].map(String),
    row.setMaxMs.toFixed(0),
    String(row.lost),
    row.isBack ? `after ${row.backSeconds.toFixed(1)} s` : `NO: ${row.problem}`,
  ];
}

/** Rows that were not measured this time stay as they were; each says when it was. */
function withKept(rows) {
  const all = [...rows, ...(kept('troubles')?.results ?? [])];
  return ROWS.flatMap(({ name }) => all.find((row) => row.name === name) ?? []);
}

const ROWS = TROUBLES.flatMap((trouble) =>
  trouble.roles.map((role) => ({ trouble, role, name: `${trouble.name}, ${role}` })),
);
const results = [];
const leftOut = [];
const rows = ROWS.filter(({ name }) => ONLY.test(name));
for (const { trouble, role, name } of rows) {
  try {
    trouble.need?.();
    results.push(summary(name, await measured(trouble, ROLES[role])));
  } catch (error) {
    const what = error instanceof LeftOut ? 'left out' : 'failed';
    if (what === 'failed') process.exitCode = 1;
    leftOut.push({ name, reason: `${what}: ${error.message}` });
    console.log(`${name}: ${what}: ${error.message}`);
    await stopAll();
    continue;
  }
  const { requests, getErrors, setErrors, violationCount, problem } = results.at(-1);
  console.log(
    `${name}: of ${requests} requests errors of gets: ${kinds(getErrors)}; of sets: ${kinds(setErrors)}; ` +
      `violations: ${violationCount}${problem === undefined ? '' : `; NOT BACK: ${problem}`}`,
  );
}
if (results.length > 0) printTable([HEAD, ...results.map(cells)]);
save('troubles', {
  rate: RATE,
  redundancy: REDUNDANCY,
  valueBytes: VALUE_BYTES,
  troubleSeconds: TROUBLE_SECONDS,
  results: withKept(results),
  leftOut,
});
