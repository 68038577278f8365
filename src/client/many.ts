// Calls for many keys: each has a result of its own, and all of them the time of one call.

import { setMaxListeners } from 'node:events';
import type { Clock } from '../cluster/ports.ts';
import { checkBytes, checkEntry, checkOptions } from './arguments.ts';
import { VelourError } from './errors.ts';
import type { Bytes, CommonOptions, GetOptions, ManyEntry, Result, Velour } from './velour.ts';

export class EachKey {
  readonly #velour: Pick<Velour, 'get' | 'set' | 'delete'>;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #atOnce: number;

  /**
   * @param options.timeoutMs of calls that do not have their own
   * @param options.atOnce how many of the calls for many keys are under way at once
   */
  constructor(
    velour: Pick<Velour, 'get' | 'set' | 'delete'>,
    options: { readonly clock: Clock; readonly timeoutMs: number; readonly atOnce: number },
  ) {
    const { clock, timeoutMs, atOnce } = options;
    this.#velour = velour;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#atOnce = atOnce;
  }

  async get(keys: Iterable<Bytes>, options: GetOptions): ReturnType<Velour['getMany']> {
    return this.#forEach(checked(keys), keyItself, options, (key, timed) =>
      this.#velour.get(key, timed),
    );
  }

  async set(entries: Iterable<ManyEntry>, options: CommonOptions): ReturnType<Velour['setMany']> {
    const keyOf = ({ key }: ManyEntry) => key;
    const all = [...entries];
    for (const entry of all) checkEntry(entry);
    return this.#forEach(all, keyOf, options, ({ key, value, ttl }, timed) =>
      this.#velour.set(key, value, { ...timed, ttl }),
    );
  }

  async delete(keys: Iterable<Bytes>, options: CommonOptions): ReturnType<Velour['deleteMany']> {
    return this.#forEach(checked(keys), keyItself, options, (key, timed) =>
      this.#velour.delete(key, timed),
    );
  }

  /**
   * @param items whose types were checked: nothing is sent of a list in which one of them is wrong
   * @param call of one item; what it throws that is no VelourError is a fault of the arguments, and ends all
   * @returns a result for each item, in their order
   */
  async #forEach<Item, Options extends CommonOptions, T>(
    items: Iterable<Item>,
    keyOf: (item: Item) => Bytes,
    options: Options,
    call: (item: Item, timed: Options) => Promise<T>,
  ): Promise<readonly Result<T>[]> {
    checkOptions(options);
    const { timeoutMs = this.#timeoutMs, signal } = options;
    const untilMs = this.#clock.monotonicMs() + timeoutMs;
    const all = [...items];
    const left = all.entries();
    const results: Result<T>[] = [];
    // One listener of the caller's signal for all keys: Node takes more than ten of one signal for a leak.
    const ends = new AbortController();
    setMaxListeners(0, ends.signal);
    const abort = () => ends.abort(signal?.reason);
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const worker = async () => {
      for (const [index, item] of left) {
        const key = keyOf(item);
        const leftMs = Math.max(1, untilMs - this.#clock.monotonicMs());
        try {
          const value = await call(item, { ...options, timeoutMs: leftMs, signal: ends.signal });
          results[index] = { key, ok: true, value };
        } catch (error) {
          if (!(error instanceof VelourError)) throw error;
          results[index] = { key, ok: false, error };
        }
      }
    };
    const count = Math.min(this.#atOnce, all.length);
    try {
      await Promise.all(Array.from({ length: count }, worker));
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    return results;
  }
}

function checked(keys: Iterable<Bytes>): readonly Bytes[] {
  const all = [...keys];
  for (const key of all) checkBytes(key, 'a key');
  return all;
}

function keyItself(key: Bytes): Bytes {
  return key;
}
