// A real storage node with its controller, and a stream of operations to it as a frontend has one, but
// without HTTP before it: what is measured is the storage node.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openNetwork } from '../../dist/cluster/io/network.js';
import { decodeAnswer, encodeOperation } from '../../dist/cluster/operations.js';
import { partitionOf } from '../../dist/cluster/partition.js';
import { freePort, Process, until } from './processes.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const HOST = '127.0.0.1';
/** Operations that are sent and not yet answered. */
const WINDOW = 1000;

export class StorageNode {
  #controller;
  #map;
  #link;
  #waiting = new Map();
  #lastId = 0;
  #free = new EventTarget();

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
    this.#map = (await (await fetch(`http://${controller}/c/map?since=0.0`)).json()).map;
    const { incarnation } = this.#map.nodes[address];
    const hello = { cluster: this.#map.cluster, node: address, incarnation };
    this.#link = openNetwork().open(address, hello, {
      received: (id, message) => this.#received(id, message),
      closed: (reason) => {
        if (!this.stopping) throw new Error(`the stream ended: ${reason}\n${this.process.stderr}`);
      },
    });
  }

  /** Resolves when there is room for another one; `done` gets the answer. */
  async send(kind, key, fields, done) {
    const partition = partitionOf(key, this.#map.digits);
    const { epoch } = this.#map.partitions[partition];
    const { head, body } = encodeOperation({ kind, partition, epoch, key, ...fields });
    const id = ++this.#lastId % 2 ** 32;
    this.#waiting.set(id, done);
    this.#link.send(id, head, body);
    if (this.#waiting.size >= WINDOW) await once(this.#free, 'room');
  }

  async idle() {
    while (this.#waiting.size > 0) await once(this.#free, 'room');
  }

  #received(id, message) {
    const done = this.#waiting.get(id);
    this.#waiting.delete(id);
    done?.(decodeAnswer(message));
    if (this.#waiting.size <= WINDOW / 2) this.#free.dispatchEvent(new Event('room'));
  }

  async metrics() {
    const text = await (await fetch(`http://${this.address}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return Object.fromEntries(lines.map((line) => line.split(/ (?=\S+$)/)));
  }

  async stop() {
    this.stopping = true;
    await this.process.stop();
    await this.#controller.stop();
  }
}
