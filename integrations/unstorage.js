// A driver for unstorage, on either client. It has no `watch`: unstorage then tells of the changes of its own process.

import { isUtf8 } from 'node:buffer';
import { bytesOf, textOf, valuesOf } from './shared.js';

/**
 * @typedef {object} VelourDriverOptions
 * @property {import('velour-fog').Velour} velour stays yours to close
 * @property {string} base stands before all keys, with a colon: `clear()` deletes what is below it, and nothing else
 * @property {number} [ttl] in seconds, of items that are set without one; by default they stay
 */

/** @param {VelourDriverOptions} options @returns {import('unstorage').Driver} */
export default function velourDriver(options) {
  const { velour, ttl } = options;
  const base = options.base.replace(/:+$/, '');
  if (base === '')
    throw new TypeError('name a base: clear() would delete every key of the cluster');
  const stored = (/** @type {string} */ key) => `${base}:${key}`;
  const ttlOf = (/** @type {{ ttl?: number } | undefined} */ own) => {
    const seconds = own?.ttl ?? ttl;
    return seconds ? Math.ceil(seconds) : undefined;
  };

  return {
    name: 'velour',
    flags: { ttl: true },
    options,
    getInstance: () => velour,

    hasItem: async (key) => (await velour.get(stored(key))) !== undefined,

    getItem: async (key) => (await velour.getText(stored(key))) ?? null,

    async getItems(items) {
      const results = valuesOf(await velour.getMany(items.map(({ key }) => stored(key))));
      return items.map(({ key }, index) => {
        const value = results[index];
        return { key, value: value === undefined ? null : textOf(value) };
      });
    },

    getItemRaw: async (key) => (await velour.get(stored(key))) ?? null,

    async setItem(key, value, own) {
      await velour.set(stored(key), value, { ttl: ttlOf(own) });
    },

    async setItems(items, common) {
      valuesOf(
        await velour.setMany(
          items.map(({ key, value, options: own }) => ({
            key: stored(key),
            value,
            ttl: ttlOf({ ...common, ...own }),
          })),
        ),
      );
    },

    async setItemRaw(key, value, own) {
      await velour.set(stored(key), bytesOf(value), { ttl: ttlOf(own) });
    },

    async removeItem(key) {
      await velour.delete(stored(key));
    },

    async getMeta(key) {
      const entry = await velour.entry(stored(key));
      if (entry === undefined) return null;
      const { etag, version, value, expiresAtMs } = entry;
      // The first twelve digits of a version are the time of the write, in milliseconds.
      const mtime = new Date(Number.parseInt(version.slice(0, 12), 16));
      const left = expiresAtMs && {
        ttl: Math.max(0, Math.ceil((expiresAtMs - Date.now()) / 1000)),
      };
      return { etag, mtime, size: value.length, ...left };
    },

    async getKeys(below = '') {
      const keys = [];
      for await (const { key } of velour.scan({ prefix: stored(below) })) {
        // Keys that are no text cannot be named here; somebody else has set them.
        if (isUtf8(key))
          keys.push(
            Buffer.from(key)
              .toString()
              .slice(base.length + 1),
          );
      }
      return keys;
    },

    async clear(below = '') {
      await velour.deletePrefix(stored(below));
    },
  };
}
