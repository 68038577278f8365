// How slowly a body may come: what is allowed, and how long one client has taken so far. Pure; connections.ts looks at
// each connection now and then and ends those that are too slow. A body that comes in one packet costs nothing here.

export interface PaceLimits {
  /** How long a client may send nothing while its body is waited for. */
  readonly idleMs: number;
  /** How long a body may take at first, however little of it has come. */
  readonly graceMs: number;
  /** Each byte that came gives it this much more time: so a byte a second is too slow, and a modem is not. */
  readonly bytesPerMs: number;
}

export const PACE_LIMITS: PaceLimits = { idleMs: 30_000, graceMs: 60_000, bytesPerMs: 1 };

/** Of one body, as far as somebody waited for it. */
export class BodyPace {
  readonly #limits: PaceLimits;
  readonly #bytesAtFirst: number;
  #bytes: number;
  #waitedMs = 0;
  #idleMs = 0;

  /** @param bytes that had come on the connection when the body was first looked at */
  constructor(limits: PaceLimits, bytes: number) {
    this.#limits = limits;
    this.#bytesAtFirst = bytes;
    this.#bytes = bytes;
  }

  /**
   * @param waitedMs since the last look, in which somebody waited for the body
   * @param bytes that have come on the connection
   * @returns whether the client is too slow
   */
  look(waitedMs: number, bytes: number): boolean {
    this.#waitedMs += waitedMs;
    this.#idleMs = bytes === this.#bytes ? this.#idleMs + waitedMs : 0;
    this.#bytes = bytes;
    const { idleMs, graceMs, bytesPerMs } = this.#limits;
    const allowedMs = graceMs + (bytes - this.#bytesAtFirst) / bytesPerMs;
    return this.#idleMs > idleMs || this.#waitedMs > allowedMs;
  }
}
