// A stream of operations to a storage node as a frontend has one, but without HTTP before it.

import { once } from 'node:events';
import { openNetwork } from '../../dist/cluster/io/network/network.js';
import { partitionOf } from '../../dist/cluster/model/partition.js';
import { decodeAnswer } from '../../dist/cluster/wire/answers.js';
import { encodeOperation } from '../../dist/cluster/wire/operations.js';

/** Operations that are sent and not yet answered. */
const WINDOW = 1000;

export class Stream {
  #map;
  #link;
  #waiting = new Map();
  #lastId = 0;
  #free = new EventTarget();
  #closed = false;

  constructor(address, map) {
    this.#map = map;
    const { incarnation } = map.nodes[address];
    const of = { cluster: map.cluster, node: address, incarnation };
    this.#link = openNetwork().open(
      address,
      { purpose: 'operations', ...of, timeScale: map.timeScale ?? 1 },
      {
        received: (id, message) => this.#received(id, message),
        closed: (reason) => {
          if (!this.#closed) throw new Error(`the stream ended: ${reason}`);
        },
      },
    );
  }

  get partitions() {
    return this.#map.partitions.length;
  }

  /** Of one key. Resolves when there is room for another one; `done` gets the answer. */
  send(kind, key, fields, done) {
    const partition = partitionOf(key, this.#map.digits);
    return this.sendTo(partition, { kind, key, ...fields }, done);
  }

  /** Of a partition, as `copy` is. */
  async sendTo(partition, operation, done) {
    const { epoch } = this.#map.partitions[partition];
    const { head, body } = encodeOperation({ partition, epoch, ...operation });
    const id = ++this.#lastId % 2 ** 32;
    this.#waiting.set(id, done);
    this.#link.send(id, head, body);
    if (this.#waiting.size >= WINDOW) await once(this.#free, 'room');
  }

  async idle() {
    while (this.#waiting.size > 0) await once(this.#free, 'room');
  }

  close() {
    this.#closed = true;
    this.#link.close('the benchmark is over');
  }

  #received(id, message) {
    const done = this.#waiting.get(id);
    this.#waiting.delete(id);
    done?.(decodeAnswer(message));
    if (this.#waiting.size <= WINDOW / 2) this.#free.dispatchEvent(new Event('room'));
  }
}
