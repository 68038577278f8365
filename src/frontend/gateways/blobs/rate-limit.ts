// How many requests one client address may send: a bucket each, which fills with so many tokens a second. Pure, but for the
// time that it is told.

/** Addresses that are remembered; of more the one that came first is forgotten, and begins with a full bucket. */
const ADDRESSES_MAX = 100_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

export class RateLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param perSecond also how many may come at once; 0 for no limit */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** @returns whether one more request of this address is taken now */
  takes(address: string, nowMs: number): boolean {
    const perSecond = this.#perSecond;
    if (perSecond === 0) return true;
    const known = this.#buckets.get(address);
    const bucket = known ?? { tokens: perSecond, atMs: nowMs };
    const filled = bucket.tokens + ((nowMs - bucket.atMs) * perSecond) / 1000;
    bucket.tokens = Math.min(perSecond, filled);
    bucket.atMs = nowMs;
    if (known === undefined) this.#remember(address, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  #remember(address: string, bucket: Bucket): void {
    if (this.#buckets.size >= ADDRESSES_MAX) {
      const [first] = this.#buckets.keys();
      if (first !== undefined) this.#buckets.delete(first);
    }
    this.#buckets.set(address, bucket);
  }
}
