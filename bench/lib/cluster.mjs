// A whole cluster, each node a process of its own: one controller, storage nodes, file servers, frontends.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, Process, until } from './processes.mjs';
import { counted } from './storage-node.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const HOST = '127.0.0.1';

export class Cluster {
  controller;
  storage = [];
  fileServers = [];
  frontends = [];
  storageAddresses = [];
  ports = [];
  #options;
  #port;
  #redundancy;

  /**
   * @param options.core that all its processes are bound to
   * @param options.words further options, by role
   * @param options.directory where each of the controller, the storage nodes and the file servers keeps its data; file
   *   servers need it
   * @param options.launch further options of a process, by its name, such as `storage-0`
   * @param options.cli the program, if it is another build's
   * @param options.hostOf by which host the nodes know one of that name; it must stand for 127.0.0.1
   */
  static async start({
    storage = 4,
    fileServers = 0,
    redundancy = 3,
    frontends = 1,
    ...options
  } = {}) {
    const cluster = new Cluster();
    cluster.#options = options;
    cluster.#redundancy = redundancy;
    cluster.#port = await freePort();
    cluster.controllerAddress = `${HOST}:${cluster.#port}`;
    cluster.startController(storage);
    for (let index = 0; index < storage; index++) await cluster.addStorage();
    for (let index = 0; index < fileServers; index++) await cluster.addFileServer();
    for (let index = 0; index < frontends; index++) {
      cluster.ports.push(await freePort());
      cluster.startFrontend(index);
    }
    await until('the cluster is complete', async () => {
      const ready = await Promise.all(cluster.frontendAddresses.map(isReady));
      const { fileServers: known = {} } = await cluster.map();
      const areKnown = Object.keys(known).length === fileServers;
      return (await cluster.isSettled()) && areKnown && ready.every(Boolean);
    });
    return cluster;
  }

  startController(storage = this.storage.length) {
    const words = [this.#port, storage, this.#redundancy, ...this.#dataOf('controller')];
    this.controller = this.#launch('controller', 'controller', words);
  }

  async addStorage() {
    this.storageAddresses.push(`${HOST}:${await freePort()}`);
    this.startStorage(this.storageAddresses.length - 1);
  }

  async addFileServer() {
    const name = `fileserver-${this.fileServers.length}`;
    const addresses = this.#addressesFor(name, `${HOST}:${await freePort()}`);
    const words = [...addresses, ...this.#dataOf(name)];
    this.fileServers.push(this.#launch('fileserver', name, words));
  }

  startStorage(index) {
    const name = `storage-${index}`;
    const addresses = this.#addressesFor(name, this.storageAddresses[index]);
    const words = [...addresses, ...this.#dataOf(name)];
    this.storage[index] = this.#launch('storage', name, words);
  }

  startFrontend(index) {
    const name = `frontend-${index}`;
    const words = this.#addressesFor(name, this.frontendAddresses[index]);
    this.frontends[index] = this.#launch('frontend', name, words);
  }

  #launch(role, name, words) {
    const { core, words: further = {}, launch, cli = CLI } = this.#options;
    const node = process.env.NODE_WORDS?.split(' ') ?? [];
    const all = [...node, cli, role, ...words, ...(further[role] ?? [])];
    return new Process(process.execPath, all, { core, ...launch?.(name) });
  }

  /** Of the controller and its own, as the node of that name gets them. */
  #addressesFor(name, own) {
    const { hostOf = () => HOST } = this.#options;
    const by = (host, address) => `${host}:${address.split(':')[1]}`;
    return [by(hostOf('controller'), this.controllerAddress), by(hostOf(name), own)];
  }

  #dataOf(name) {
    const { directory } = this.#options;
    return directory === undefined ? [] : ['--data-dir', join(directory, name)];
  }

  async map() {
    const reply = await fetch(`http://${this.controllerAddress}/c/map?since=0.0`);
    return (await reply.json()).map;
  }

  /** Whether every partition has as many members as it should, and all of them serve. */
  async isSettled() {
    const { nodes, partitions } = await this.map();
    const staying = Object.values(nodes).filter(({ draining }) => !draining).length;
    const wanted = Math.min(staying, this.#redundancy);
    return partitions.every(
      ({ members }) => members.length === wanted && members.every(({ role }) => role === 'serving'),
    );
  }

  get frontendAddresses() {
    return this.ports.map((port) => `${HOST}:${port}`);
  }

  get processes() {
    return [this.controller, ...this.storage, ...this.fileServers, ...this.frontends];
  }

  async stop() {
    for (const one of this.processes) await one.stop();
  }
}

async function isReady(address) {
  return (await fetch(`http://${address}/readyz`)).ok;
}

/** Until the storage nodes hold so many records: as soon as a load has set its own, it goes on to its work. */
export async function untilFilled(cluster, records) {
  const { partitions } = await cluster.map();
  const copies = partitions[0].members.length;
  await until(`${records} records are there`, async () => {
    const held = cluster.storageAddresses.map((address) => counted(address, 'velourfog_items'));
    return (await Promise.all(held)).reduce((sum, one) => sum + one, 0) >= copies * records;
  });
}
