// What a cluster costs that nobody asks anything: CPU time a second of all its processes, with all that their timers find
// nothing to do for. Small and large, and beside another build in the same rounds.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from './lib/cluster.mjs';
import { figure, spread } from './lib/machine.mjs';
import { save } from './lib/results.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS ?? 10);
/** After the start: compilers have done what they do, and what was placed is copied. */
const SETTLE_SECONDS = 6;
const { BESIDE } = process.env;

/** Storage nodes and frontends, beside one controller. */
const SIZES = (process.env.SIZES ?? '4x2,10x10').split(',').map((size) => {
  const [storage, frontends] = size.split('x').map(Number);
  return { storage, frontends };
});
const BUILDS = [
  { name: 'velour-fog' },
  ...(BESIDE === undefined
    ? []
    : [{ name: 'velour-fog BESIDE', cli: join(BESIDE, 'dist', 'cli.js') }]),
];

const ROLES = ['controller', 'storage', 'frontend'];

/** @returns milliseconds of CPU time a second, by role and together */
async function idled(cluster) {
  const cpu = () =>
    [[cluster.controller], cluster.storage, cluster.frontends].map((processes) =>
      processes.reduce((sum, one) => sum + one.cpuSeconds(), 0),
    );
  const before = cpu();
  await sleep(SECONDS * 1000);
  const spent = cpu().map((after, index) => ((after - before[index]) / SECONDS) * 1000);
  const byRole = Object.fromEntries(ROLES.map((role, index) => [role, spent[index]]));
  return { ...byRole, all: spent.reduce((sum, one) => sum + one, 0) };
}

const rows = [];
for (const size of SIZES) {
  const clusters = [];
  for (const { name, cli } of BUILDS) {
    const cluster = await Cluster.start({ ...size, ...(cli === undefined ? {} : { cli }) });
    clusters.push({ name, cluster, measured: [] });
  }
  await sleep(SETTLE_SECONDS * 1000);
  for (let round = 0; round < ROUNDS; round++) {
    // One after the other: what one build's timers do must not wake the other's processor.
    for (const one of clusters) one.measured.push(await idled(one.cluster));
  }
  for (const { name, cluster, measured } of clusters) {
    await cluster.stop();
    const milliseconds = Object.fromEntries(
      [...ROLES, 'all'].map((role) => [role, spread(measured.map((each) => each[role]))]),
    );
    rows.push({ ...size, build: name, milliseconds });
    const { controller, storage, frontend, all } = milliseconds;
    console.log(
      `1 + ${size.storage} + ${size.frontends} ${name.padEnd(18)} ${figure(all, 1)} ms of CPU a second: controller ${figure(controller, 1)}, storage nodes ${figure(storage, 1)}, frontends ${figure(frontend, 1)}`,
    );
  }
}

save('idle', { rounds: ROUNDS, seconds: SECONDS, results: rows });
