// A real storage node with its controller: what is measured is the storage node.

import { fileURLToPath } from 'node:url';
import { freePort, Process, until } from './processes.mjs';
import { Stream } from './stream.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const HOST = '127.0.0.1';

export class StorageNode {
  #controller;
  #streams = [];

  /** @param words further options of the storage node */
  static async start(words) {
    const node = new StorageNode();
    await node.#start(words);
    return node;
  }

  async #start(words) {
    const controller = `${HOST}:${await freePort()}`;
    const address = `${HOST}:${await freePort()}`;
    const port = controller.split(':')[1];
    this.#controller = new Process(process.execPath, [CLI, 'controller', port, '1', '1']);
    this.process = new Process(process.execPath, [CLI, 'storage', controller, address, ...words]);
    this.address = address;
    const ready = async () => (await fetch(`http://${address}/readyz`)).status === 200;
    await until('the storage node is ready', ready);
    this.map = (await (await fetch(`http://${controller}/c/map?since=0.0`)).json()).map;
  }

  stream() {
    const stream = new Stream(this.address, this.map);
    this.#streams.push(stream);
    return stream;
  }

  metrics() {
    return metricsOf(this.address);
  }

  async stop() {
    for (const stream of this.#streams) stream.close();
    await this.process.stop();
    await this.#controller.stop();
  }
}

export async function metricsOf(address) {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => line.split(/ (?=\S+$)/)));
}
