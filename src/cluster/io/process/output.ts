// stdout and stderr as they fail: a reader that has gone (EPIPE), a full disk (ENOSPC), one that does not read. Who
// writes diagnostics loses lines then, and never the process.

import { Writable } from 'node:stream';

/**
 * What may wait for a reader of stderr that is slow; a pipe itself takes 64 KiB. Beyond that lines are dropped, or
 * a reader that stands still would fill the memory.
 */
const WAITING_BYTES_MAX = 2 ** 20;

export type StandardStream = 'stdout' | 'stderr';

/** Without this, the first write that fails ends the process (an `error` event that nobody hears). */
export function survive(stream: Writable): void {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
}

function ignore(): void {}

/** The stream, which no failure of its own ends the process through. */
export function standardStream(name: StandardStream): Writable {
  const stream = openStream(name);
  survive(stream);
  return stream;
}

function openStream(name: StandardStream): Writable {
  try {
    return process[name];
  } catch (error) {
    // Node makes the stream at the first use, which fails for a terminal that is gone.
    return new Writable({ write: (_chunk, _encoding, done) => done(error as Error) });
  }
}

/** Whole texts that may be lost: counted, when they are. */
export class LossyOutput {
  readonly #stream: Writable;
  #dropped = 0;
  /** A disk that is full takes the beginning of a text: the next one begins a line of its own. */
  #torn = false;

  constructor(stream: Writable) {
    survive(stream);
    this.#stream = stream;
  }

  /** Texts, since the start. */
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
 * Writes data that somebody asked for, whole: waits for a reader that is slow.
 * @returns undefined, or the code of what kept it from being written
 */
export function writeWhole(name: StandardStream, text: string): Promise<string | undefined> {
  const stream = standardStream(name);
  return new Promise((resolve) =>
    stream.write(text, (error) =>
      resolve(error ? ((error as NodeJS.ErrnoException).code ?? error.message) : undefined),
    ),
  );
}
