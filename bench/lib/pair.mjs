// Two storage nodes with their controller, each of which holds everything: what one loses it copies from the
// other.

import { fileURLToPath } from 'node:url';
import { freePort, Process, until } from './processes.mjs';
import { metricsOf } from './storage-node.mjs';
import { Stream } from './stream.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const HOST = '127.0.0.1';

async function isReady(address) {
  return (await fetch(`http://${address}/readyz`)).ok;
}

export class Pair {
  #controller;
  #processes = [];
  #words;
  #controllerAddress;

  /** @param words further options of the storage nodes */
  static async start(words) {
    const pair = new Pair();
    pair.#words = words;
    const port = await freePort();
    pair.#controllerAddress = `${HOST}:${port}`;
    pair.#controller = new Process(process.execPath, [
      CLI,
      'controller',
      port,
      '2',
      '2',
      '--digits',
      '1',
    ]);
    pair.addresses = [`${HOST}:${await freePort()}`, `${HOST}:${await freePort()}`];
    for (const index of [0, 1]) pair.#launch(index);
    await until('both storage nodes serve', async () => {
      const { partitions } = await pair.readMap();
      // Who has not adopted the map yet refuses streams of its cluster.
      const ready = await Promise.all(pair.addresses.map(isReady));
      return ready.every(Boolean) && partitions.every(({ members }) => members.length === 2);
    });
    return pair;
  }

  #launch(index) {
    const words = [CLI, 'storage', this.#controllerAddress, this.addresses[index], ...this.#words];
    this.#processes[index] = new Process(process.execPath, words);
  }

  async readMap() {
    const reply = await fetch(`http://${this.#controllerAddress}/c/map?since=0.0`);
    this.map = (await reply.json()).map;
    return this.map;
  }

  stream(index) {
    return new Stream(this.addresses[index], this.map);
  }

  /** The node is killed, and started again with nothing. */
  async lose(index) {
    await this.#processes[index].stop();
    this.#launch(index);
  }

  metrics(index) {
    return metricsOf(this.addresses[index]);
  }

  async stop() {
    for (const one of this.#processes) await one.stop();
    await this.#controller.stop();
  }
}
