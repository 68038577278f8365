// A store for Keyv, on either client. Keyv puts its namespace before each key, and says in milliseconds when a value
// ends; it looks at that itself in what it reads, so the cluster may keep a value up to a second longer.

import { EventEmitter } from 'node:events';
import { secondsOf, textOf, valuesOf } from './shared.js';

export class VelourKeyv extends EventEmitter {
  /** Keyv offers an iterator only for stores that it knows by these names; `valkey` is the one most like this. */
  opts = { dialect: 'valkey' };
  /** The Keyv that uses this store sets it. @type {string | undefined} */
  namespace = undefined;
  #velour;
  #prefix;

  /**
   * @param {import('velour-fog').Velour} velour stays yours to close
   * @param {{ prefix?: string }} [options] `prefix` stands before all keys, and before the namespace
   */
  constructor(velour, { prefix = '' } = {}) {
    super();
    this.#velour = velour;
    this.#prefix = prefix;
  }

  /** @param {string} key @returns {Promise<any>} */
  async get(key) {
    return this.#velour.getText(this.#prefix + key).catch((error) => {
      // Keyv takes a get that fails for a miss, and says nothing.
      this.emit('error', error);
      throw error;
    });
  }

  /** A key that cannot be read is an `error` event and a miss, as of `get`. @param {string[]} keys */
  async getMany(keys) {
    const results = await this.#velour.getMany(keys.map((key) => this.#prefix + key));
    this.#report(results);
    return results.map((each) => (each.ok && each.value ? textOf(each.value) : undefined));
  }

  /** @param {string} key @param {string} value @param {number} [ttl] in milliseconds */
  async set(key, value, ttl) {
    await this.#velour.set(this.#prefix + key, value, { ttl: secondsOf(ttl) });
    return true;
  }

  /** @param {{ key: string, value: string, ttl?: number }[]} entries @returns {Promise<any>} whether each was set */
  async setMany(entries) {
    const stored = entries.map(({ key, value, ttl }) => {
      return { key: this.#prefix + key, value, ttl: secondsOf(ttl) };
    });
    const results = await this.#velour.setMany(stored);
    this.#report(results);
    return results.map(({ ok }) => ok);
  }

  /** @param {string} key @returns whether it was there */
  async delete(key) {
    try {
      await this.#velour.delete(this.#prefix + key, { ifMatch: '*' });
      return true;
    } catch (error) {
      if (/** @type {any} */ (error).code === 'condition-failed') return false;
      throw error;
    }
  }

  /** Two batches: one finds out which are there. @param {string[]} keys @returns whether all were there */
  async deleteMany(keys) {
    const stored = keys.map((key) => this.#prefix + key);
    const found = valuesOf(await this.#velour.getMany(stored));
    valuesOf(await this.#velour.deleteMany(stored));
    return found.every((value) => value !== undefined);
  }

  /** Deletes the keys of the namespace. Without namespace and prefix that would be all of the cluster: it is refused. */
  async clear() {
    await this.#velour.deletePrefix(this.#prefixOf(this.namespace));
  }

  /** @param {string} [namespace] @returns {AsyncGenerator<any, void>} keys with their namespace, and values */
  async *iterator(namespace) {
    const prefix = this.#prefixOf(namespace);
    for await (const { key, value } of this.#velour.scan({ prefix, values: true })) {
      yield [textOf(key).slice(this.#prefix.length), textOf(value)];
    }
  }

  /** @param {string | undefined} namespace */
  #prefixOf(namespace) {
    return this.#prefix + (namespace ? `${namespace}:` : '');
  }

  /** @param {readonly import('velour-fog').Result<unknown>[]} results of which the first failure stands for all */
  #report(results) {
    const failed = results.find(({ ok }) => !ok);
    if (failed?.ok === false) this.emit('error', failed.error);
  }
}
