// Judges whether the body of a request comes too slowly: the limits, and how long one body has taken so far. Pure;
// connections.ts checks each connection from time to time and reports slow bodies. A body in one packet costs nothing.

export interface PaceLimits {
  /** How long a client may send nothing while the server waits for its body. */
  readonly idleMs: number;
  /** How long any body may take, even if hardly a byte of it has come. */
  readonly graceMs: number;
  /** Each byte received allows 1 / bytesPerMs ms more: a byte a second is too slow, and a modem is fast enough. */
  readonly bytesPerMs: number;
}

export const PACE_LIMITS: PaceLimits = { idleMs: 30_000, graceMs: 60_000, bytesPerMs: 1 };

/** The pace of one body; only time in which the server waited for the body counts. */
export class BodyPace {
  readonly #limits: PaceLimits;
  readonly #bytesAtFirst: number;
  #bytes: number;
  #waitedMs = 0;
  #idleMs = 0;

  /** @param bytes how many bytes the connection had received at the first check of the body */
  constructor(limits: PaceLimits, bytes: number) {
    this.#limits = limits;
    this.#bytesAtFirst = bytes;
    this.#bytes = bytes;
  }

  /**
   * @param waitedMs the time since the last check, during which the server waited for the body
   * @param bytes how many bytes the connection has received in all
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
