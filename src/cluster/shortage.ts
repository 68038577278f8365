// Shortages: errors by which the system reports too little of something at the moment, such as disk space or open
// files. They pass by themselves, or once a person makes room, so callers wait; any other error means that something
// is broken.

/** The text for people, by the system's error code. */
const SHORTAGES: Readonly<Record<string, string>> = {
  ENOSPC: 'the file system is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'this process has as many files open as it may',
  ENFILE: 'this machine has as many files open as it may',
  EAGAIN: 'the system is short of resources',
  ENOMEM: 'the system is short of memory',
  EINTR: 'the system call was interrupted',
};

/** @param detail the error code of a failed disk operation */
export function isShortage(detail: string): boolean {
  return Object.hasOwn(SHORTAGES, detail);
}

/** @returns the detail, followed by its meaning where it is a shortage */
export function explained(detail: string): string {
  const words = SHORTAGES[detail];
  return words === undefined ? detail : `${detail}, ${words}`;
}

/** The pauses between attempts, each twice as long as the one before, up to a limit. */
export class GrowingPause {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #forgottenMs: number;
  #nextMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** @param limits.forgottenMs so long after the last attempt was due, the pauses start again at `firstMs` */
  constructor(limits: {
    readonly firstMs: number;
    readonly longestMs: number;
    readonly forgottenMs: number;
  }) {
    this.#firstMs = limits.firstMs;
    this.#longestMs = limits.longestMs;
    this.#forgottenMs = limits.forgottenMs;
    this.#nextMs = limits.firstMs;
  }

  take(nowMs: number): number {
    if (nowMs - this.#lastMs > this.#forgottenMs) this.#nextMs = this.#firstMs;
    const pauseMs = this.#nextMs;
    this.#nextMs = Math.min(2 * pauseMs, this.#longestMs);
    this.#lastMs = nowMs + pauseMs;
    return pauseMs;
  }
}
