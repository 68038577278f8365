// What a system says when it has too little of something at the moment: a full disk, too many open files. It passes
// by itself or once somebody makes room, so it is waited for. Any other error is of something that is broken.

/** By the code of the system, in the words that people get. */
const SHORTAGES: Readonly<Record<string, string>> = {
  ENOSPC: 'the file system is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'this process has as many files open as it may',
  ENFILE: 'this machine has as many files open as it may',
  EAGAIN: 'the system is short of resources',
  ENOMEM: 'the system is short of memory',
  EINTR: 'the system call was interrupted',
};

/** @param detail of a failed disk operation */
export function isShortage(detail: string): boolean {
  return Object.hasOwn(SHORTAGES, detail);
}

/** @returns the detail, with what it means where it is a shortage */
export function explained(detail: string): string {
  const words = SHORTAGES[detail];
  return words === undefined ? detail : `${detail}, ${words}`;
}

/** How long to wait before the next attempt: twice as long each time, up to a limit. */
export class GrowingPause {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #forgottenMs: number;
  #nextMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** @param limits.forgottenMs so long after the last attempt a pause is a first one again */
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
