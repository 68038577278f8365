// A whole cluster, each node a process of its own: one controller, storage nodes, frontends.

import { fileURLToPath } from 'node:url';
import { freePort, Process, until } from './processes.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const HOST = '127.0.0.1';

export class Cluster {
  controller;
  storage = [];
  frontends = [];
  storageAddresses = [];

  /**
   * @param options.core that all its processes are bound to
   * @param options.words further options, by role
   */
  static async start({ storage = 4, redundancy = 3, frontends = 1, core, words = {} } = {}) {
    const cluster = new Cluster();
    const node = process.env.NODE_WORDS?.split(' ') ?? [];
    const launch = (role, ...given) =>
      new Process(process.execPath, [...node, CLI, role, ...given, ...(words[role] ?? [])], {
        core,
      });
    const port = await freePort();
    cluster.controllerAddress = `${HOST}:${port}`;
    cluster.controller = launch('controller', port, storage, redundancy);
    for (let index = 0; index < storage; index++) {
      const address = `${HOST}:${await freePort()}`;
      cluster.storageAddresses.push(address);
      cluster.storage.push(launch('storage', cluster.controllerAddress, address));
    }
    cluster.ports = [];
    for (let index = 0; index < frontends; index++) {
      const own = await freePort();
      cluster.ports.push(own);
      cluster.frontends.push(launch('frontend', cluster.controllerAddress, `${HOST}:${own}`));
    }
    const members = Math.min(storage, redundancy);
    await until('the cluster is complete', async () => {
      const map = await (await fetch(`http://${cluster.controllerAddress}/c/map?since=0.0`)).json();
      const complete = map.map.partitions.every((entry) => entry.members.length === members);
      const ready = await Promise.all(
        cluster.ports.map(async (own) => (await fetch(`http://${HOST}:${own}/readyz`)).ok),
      );
      return complete && ready.every(Boolean);
    });
    return cluster;
  }

  get frontendAddresses() {
    return this.ports.map((port) => `${HOST}:${port}`);
  }

  get processes() {
    return [this.controller, ...this.storage, ...this.frontends];
  }

  async stop() {
    for (const one of this.processes) await one.stop();
  }
}
