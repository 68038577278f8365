// A store for express-session, on either client. A session is its JSON; it ends in the cluster when its cookie does.

import session from 'express-session';
import { secondsOf, settle, textOf } from './shared.js';
/** @typedef {import('express-session').SessionData} SessionData */

export class VelourSessionStore extends session.Store {
  #velour;
  #prefix;
  #ttl;

  /**
   * @param {import('velour-fog').Velour} velour stays yours to close
   * @param {{ prefix?: string, ttl?: number }} [options] `ttl`: seconds, where a cookie ends with the browser
   */
  constructor(velour, { prefix = 'sess:', ttl = 86_400 } = {}) {
    super();
    if (prefix === '') throw new TypeError('name a prefix: clear() would delete every key');
    this.#velour = velour;
    this.#prefix = prefix;
    this.#ttl = ttl;
  }

  /** @override @param {string} sid @param {(error: any, session?: SessionData | null) => void} callback */
  get(sid, callback) {
    settle(callback, async () => living(await this.#velour.getText(this.#prefix + sid)));
  }

  /** @override @param {string} sid @param {SessionData} data @param {(error?: any) => void} [callback] */
  set(sid, data, callback) {
    settle(callback, () => this.#set(sid, data));
  }

  /** @override @param {string} sid @param {(error?: any) => void} [callback] */
  destroy(sid, callback) {
    settle(callback, () => this.#velour.delete(this.#prefix + sid));
  }

  /**
   * Only the end moves: what another request stored or destroyed meanwhile stays so, and has an end of its own.
   * @override @param {string} sid @param {SessionData} data @param {(error?: any) => void} [callback]
   */
  touch(sid, { cookie }, callback) {
    settle(callback, async () => {
      const entry = await this.#velour.entry(this.#prefix + sid);
      if (entry === undefined) return;
      const stored = { ...JSON.parse(textOf(entry.value)), cookie };
      await this.#set(sid, stored, entry.etag).catch((error) => {
        if (error.code !== 'condition-failed') throw error;
      });
    });
  }

  /** @override @param {(error: any, sessions?: Record<string, SessionData>) => void} callback */
  all(callback) {
    settle(callback, async () => {
      const sessions = /** @type {Record<string, SessionData>} */ ({});
      const options = { prefix: this.#prefix, values: true };
      for await (const { key, value } of this.#velour.scan(options)) {
        const data = living(textOf(value));
        if (data) sessions[textOf(key).slice(this.#prefix.length)] = data;
      }
      return sessions;
    });
  }

  /** @override @param {(error: any, length?: number) => void} callback */
  length(callback) {
    settle(callback, async () => {
      let length = 0;
      for await (const _ of this.#velour.scan({ prefix: this.#prefix })) length++;
      return length;
    });
  }

  /** @override @param {(error?: any) => void} [callback] */
  clear(callback) {
    settle(callback, () => this.#velour.deletePrefix(this.#prefix));
  }

  /** @param {string} sid @param {SessionData} data @param {string} [ifMatch] */
  async #set(sid, data, ifMatch) {
    const leftMs = leftMsOf(data);
    if (leftMs <= 0) return this.#velour.delete(this.#prefix + sid, { ifMatch });
    const options = { ttl: secondsOf(leftMs) ?? this.#ttl, ifMatch };
    return this.#velour.set(this.#prefix + sid, JSON.stringify(data), options);
  }
}

/** The cluster ends it up to a second after its cookie. @param {string} [text] @returns {SessionData | null} */
function living(text) {
  if (text === undefined) return null;
  const data = JSON.parse(text);
  return leftMsOf(data) > 0 ? data : null;
}

/** @param {SessionData} data */
const leftMsOf = ({ cookie: { expires } }) =>
  expires ? new Date(expires).getTime() - Date.now() : Number.POSITIVE_INFINITY;
