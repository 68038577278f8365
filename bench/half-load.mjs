// Latency at half of what the cluster sustains, with values of 1 KB, while a storage node is killed in the
// middle. What it sustains is measured first, by a closed loop of the same work; then requests are due at half
// that rate, and their latency counts from when they were due. SECONDS, ROUNDS and RECORDS make it smaller.

import { Cluster, untilFilled } from './lib/cluster.mjs';
import { figure, SERVER_CORE, spread } from './lib/machine.mjs';
import { save } from './lib/results.mjs';
import { total, VelourLoad, velourLoad } from './lib/velour-load.mjs';

const SECONDS = Number(process.env.SECONDS ?? 15);
const PEAK_SECONDS = Math.min(4, SECONDS);
const WARM_UP_SECONDS = Math.min(2, SECONDS);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const RECORDS = Number(process.env.RECORDS ?? 10_000);
const VALUE_BYTES = 1000;
const REDUNDANCY = 3;
const WORK = {
  workload: 'b',
  records: RECORDS,
  'value-size': VALUE_BYTES,
  'warm-up': WARM_UP_SECONDS,
};
/** For two seconds sets of the killed node's partitions wait, each on a connection of its own. */
const OPEN_CONNECTIONS = 2000;

const later = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function round() {
  const cluster = await Cluster.start({ redundancy: REDUNDANCY, core: SERVER_CORE });
  try {
    const closed = { ...WORK, connections: 64, duration: PEAK_SECONDS };
    const { all } = await velourLoad(cluster.frontendAddresses, closed);
    const rate = Math.max(1, Math.round(all.perSecond / 2));
    const load = new VelourLoad(cluster.frontendAddresses, {
      ...WORK,
      rate,
      connections: OPEN_CONNECTIONS,
      duration: SECONDS,
      'key-prefix': 'half-',
      quiet: true,
    });
    await Promise.race([load.result, untilFilled(cluster, 2 * RECORDS)]);
    await later(WARM_UP_SECONDS + SECONDS / 2);
    await cluster.storage[1].stop();
    const result = await load.result;
    const { read, update } = result.operations;
    return {
      sustained: all.perSecond,
      rate,
      gets: read.latencyMs,
      sets: update.latencyMs,
      getErrors: read.errors,
      setErrors: update.errors,
      violations: total(result.violations),
      generatorLateMs: result.generatorLateMs,
    };
  } finally {
    await cluster.stop();
  }
}

const rounds = [];
while (rounds.length < ROUNDS) rounds.push(await round());
const of = (pick) => spread(rounds.map(pick));
const count = (pick) => rounds.reduce((sum, one) => sum + total(pick(one)), 0);
const summary = {
  sustained: of(({ sustained }) => sustained),
  rate: of(({ rate }) => rate),
  getP50Ms: of(({ gets }) => gets.p50),
  getP99Ms: of(({ gets }) => gets.p99),
  getP999Ms: of(({ gets }) => gets.p999),
  getMaxMs: of(({ gets }) => gets.max),
  setP99Ms: of(({ sets }) => sets.p99),
  setMaxMs: of(({ sets }) => sets.max),
  getErrors: count(({ getErrors }) => getErrors),
  setErrors: count(({ setErrors }) => setErrors),
  violations: rounds.reduce((sum, { violations }) => sum + violations, 0),
};
console.log(
  `${ROUNDS} rounds of ${SECONDS} s, 95 % gets, values of ${VALUE_BYTES} bytes: ${figure(summary.sustained)}/s sustained, ` +
    `${figure(summary.rate)}/s due; a storage node killed in the middle`,
);
console.log(
  `gets: p50 ${figure(summary.getP50Ms, 2)} p99 ${figure(summary.getP99Ms, 2)} ` +
    `p99.9 ${figure(summary.getP999Ms, 1)} max ${figure(summary.getMaxMs, 1)} ms`,
);
console.log(`sets: p99 ${figure(summary.setP99Ms, 1)} max ${figure(summary.setMaxMs)} ms`);
console.log(
  `errors: ${summary.getErrors} of gets, ${summary.setErrors} of sets; violations: ${summary.violations}`,
);
save('half-load', { valueBytes: VALUE_BYTES, seconds: SECONDS, summary, rounds });
