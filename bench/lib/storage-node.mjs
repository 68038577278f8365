// A real storage node with its controller: what is measured is the storage node.

import { fileURLToPath } from 'node:url';
import { freePort, Process, until } from './processes.mjs';
import { Stream } from './stream.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const HOST = '127.0.0.1';

export class StorageNode {
  #controller;
  #controllerAddress;
  #words;
  #streams = [];

  /** @param words further options of the storage node */
  static async start(words) {
    const node = new StorageNode();
    await node.#start(words);
    return node;
  }

  async #start(words) {
    this.#words = words;
    const controller = `${HOST}:${await freePort()}`;
    const address = `${HOST}:${await freePort()}`;
    const port = controller.split(':')[1];
    this.#controller = new Process(process.execPath, [CLI, 'controller', port, '1', '1']);
    this.#controllerAddress = controller;
    this.address = address;
    await this.#startProcess();
  }

  async #startProcess() {
    const words = ['storage', this.#controllerAddress, this.address, ...this.#words];
    this.process = new Process(process.execPath, [CLI, ...words]);
    const ready = async () => (await fetch(`http://${this.address}/readyz`)).status === 200;
    await until('the storage node is ready', ready);
    const reply = await fetch(`http://${this.#controllerAddress}/c/map?since=0.0`);
    this.map = (await reply.json()).map;
  }

  /** Kills it and starts it anew; streams of before are closed. */
  async restart() {
    this.#closeStreams();
    await this.process.stop();
    await this.#startProcess();
  }

  #closeStreams() {
    for (const stream of this.#streams.splice(0)) stream.close();
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
    this.#closeStreams();
    await this.process.stop();
    await this.#controller.stop();
  }
}

export async function metricsOf(address) {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => line.split(/ (?=\S+$)/)));
}

/** The sum of all series of a node whose names, labels included, begin so. */
export async function counted(address, prefix) {
  const metrics = Object.entries(await metricsOf(address));
  return metrics
    .filter(([name]) => name.startsWith(prefix))
    .reduce((sum, [, value]) => sum + Number(value), 0);
}
