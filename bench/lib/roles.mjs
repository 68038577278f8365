// One process of each role of a cluster, to bring a trouble over: where it is, how it is started again, and what makes
// it write a line of its log.

import { get } from 'node:http';
import { admin } from './membership.mjs';
import { metricsOf } from './storage-node.mjs';
import { later } from './under-load.mjs';

const RESTART_SECONDS = 0.1;
const INDEX = { storage: 1, frontend: 0 };
/** Who is drained, and not drained after all: that is a new map, and changes nothing for clients. */
const DRAINED = 2;

async function drainAndUndo(cluster) {
  await admin(cluster, 'drain', DRAINED);
  await admin(cluster, 'undrain', DRAINED);
}

/** No message of its shape: that is a line of its log, at level `warn`. */
function malformed(path) {
  return (_, address) => fetch(`http://${address}${path}`, { method: 'POST', body: 'none' });
}

export const ROLES = {
  'storage node': {
    name: `storage-${INDEX.storage}`,
    processIn: (cluster) => cluster.storage[INDEX.storage],
    addressIn: (cluster) => cluster.storageAddresses[INDEX.storage],
    start: (cluster) => cluster.startStorage(INDEX.storage),
    logLine: malformed('/s/map'),
    writable: 'velourfog_disk_writable',
    // Its log is written all the time.
    write: () => undefined,
  },
  frontend: {
    name: `frontend-${INDEX.frontend}`,
    processIn: (cluster) => cluster.frontends[INDEX.frontend],
    addressIn: (cluster) => cluster.frontendAddresses[INDEX.frontend],
    start: (cluster) => cluster.startFrontend(INDEX.frontend),
    logLine: drainAndUndo,
  },
  controller: {
    name: 'controller',
    processIn: (cluster) => cluster.controller,
    addressIn: (cluster) => cluster.controllerAddress,
    start: (cluster) => cluster.startController(),
    logLine: malformed('/c/heartbeat'),
    writable: 'velourfog_state_writable',
    write: drainAndUndo,
  },
};

/**
 * Starts it again as often as it ends, after as long as supervisors wait.
 * @returns what ends that
 */
export function supervise(cluster, role) {
  let isOver = false;
  const startAgain = async () => {
    await later(RESTART_SECONDS);
    if (isOver) return;
    role.start(cluster);
    watch();
  };
  const watch = () => {
    role.processIn(cluster).exited.then(startAgain);
  };
  watch();
  return () => {
    isOver = true;
  };
}

export async function metricOf(address, name) {
  return (await metricsOf(address))[name];
}

/** On a connection of its own, as a new client has one. */
export async function isAnswering(address) {
  return await new Promise((resolve) => {
    const request = get(`http://${address}/livez`, { agent: false, timeout: 1000 }, (response) => {
      response.resume();
      resolve(true);
    });
    request.once('timeout', () => request.destroy());
    request.once('close', () => resolve(false));
    request.once('error', () => resolve(false));
  });
}

/** @returns what each process that is not ready says of it, or how it ended */
export async function notReady(cluster) {
  const processes = [
    [cluster.controllerAddress, cluster.controller],
    ...cluster.storage.map((process, index) => [cluster.storageAddresses[index], process]),
    ...cluster.frontends.map((process, index) => [cluster.frontendAddresses[index], process]),
  ];
  const problems = await Promise.all(
    processes.map(async ([address, { ending, stderr }]) => {
      if (ending !== undefined)
        return `ended with ${ending}: ${stderr.trimEnd().split('\n').at(-1)}`;
      try {
        const reply = await fetch(`http://${address}/readyz`);
        return reply.ok ? undefined : (await reply.text()).trimEnd();
      } catch (error) {
        return error.message;
      }
    }),
  );
  return problems.filter((problem) => problem !== undefined);
}
