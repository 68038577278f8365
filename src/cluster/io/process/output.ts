// Writes to stdout and stderr although they may fail: the reader is gone (EPIPE), the disk is full (ENOSPC), or the
// reader does not read. A process then loses lines of its diagnostics, and never ends or waits because of them.

import { Writable } from 'node:stream';

/**
 * How much may wait for a slow reader of stderr; a pipe itself takes 64 KiB. Further lines are dropped, or a reader
 * that stands still would let them fill the memory.
 */
const WAITING_BYTES_MAX = 2 ** 20;

export type StandardStream = 'stdout' | 'stderr';

/** Ignores errors of the stream: without a listener for `error`, the first failed write would end the process. */
export function survive(stream: Writable): void {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
}

function ignore(): void {}

/** @returns the stream, whose failures cannot end the process */
export function standardStream(name: StandardStream): Writable {
  const stream = openStream(name);
  survive(stream);
  return stream;
}

function openStream(name: StandardStream): Writable {
  try {
    return process[name];
  } catch (error) {
    // Node creates the stream at its first use, and throws when it belonged to a terminal that is gone.
    return new Writable({ write: (_chunk, _encoding, done) => done(error as Error) });
  }
}

/** Writes each text whole, or drops and counts it. */
export class LossyOutput {
  readonly #stream: Writable;
  #dropped = 0;
  /** A full disk takes only the beginning of a text, so the next text starts a new line. */
  #torn = false;

  constructor(stream: Writable) {
    survive(stream);
    this.#stream = stream;
  }

  /** The number of texts dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  write(text: string): void {
    if (this.#stream.writableLength > WAITING_BYTES_MAX) {
      this.#dropped++;
      return;
    }
    const whole = this.#torn ? `\n${text}` : text;
    this.#torn = false;
    this.#stream.write(whole, (error) => {
      if (!error) return;
      this.#dropped++;
      this.#torn = true;
    });
  }
}

/**
 * Writes requested data completely, and waits for a slow reader.
 * @returns undefined, or the code of the error that kept the data from being written
 */
export function writeWhole(
  name: StandardStream,
  data: string | Uint8Array,
): Promise<string | undefined> {
  const stream = standardStream(name);
  return new Promise((resolve) =>
    stream.write(data, (error) =>
      resolve(error ? ((error as NodeJS.ErrnoException).code ?? error.message) : undefined),
    ),
  );
}
