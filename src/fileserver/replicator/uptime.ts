// How long this file server has been up, added up over its restarts: the age of a blob counts in it, so that a server that was
// away for a week does not take the uploads before that for forgotten ones. Kept in a file of the directory.

import type { Files } from '../../cluster/files.ts';
import type { Clock, Timers } from '../../cluster/ports.ts';
import { decodeCheckedJson, encodeCheckedJson } from '../../cluster/wire/checked-json.ts';
import { integer, object } from '../../cluster/wire/shapes.ts';
import { INCOMING } from '../blob-store/places.ts';
import { readWhole, writeWhole } from '../blob-store/small-files.ts';

const UPTIME_FILE = 'fileserver.uptime';
const FORMAT = 1;
const FILE_BYTES_MAX = 4096;
/** What a crash takes back: blobs stay a little longer then. */
const SAVE_MS = 60_000;

const shape = object({ uptimeMs: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }) });

export class Uptime {
  readonly #files: Files;
  readonly #timers: Timers;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #saveMs: number;
  #beforeMs = 0;
  #startedMs: number;

  constructor(
    files: Files,
    { timers, clock }: { readonly timers: Timers; readonly clock: Pick<Clock, 'monotonicMs'> },
    scale: number,
  ) {
    this.#files = files;
    this.#timers = timers;
    this.#clock = clock;
    this.#saveMs = SAVE_MS * scale;
    this.#startedMs = clock.monotonicMs();
  }

  get ms(): number {
    return Math.floor(this.#beforeMs + this.#clock.monotonicMs() - this.#startedMs);
  }

  /** @param done called once: with why the file cannot be read, in which case nothing may be judged by it */
  load(done: (problem: string | undefined) => void): void {
    readWhole(this.#files, UPTIME_FILE, FILE_BYTES_MAX, (read) => {
      if (read.kind === 'failed') {
        if (read.fault !== 'absent') return done(`${UPTIME_FILE}: ${read.detail}`);
        return this.#loaded(0, done);
      }
      const decoded = decodeCheckedJson(FORMAT, shape, read.value);
      // A torn file costs no more than that blobs stay longer.
      return this.#loaded(typeof decoded === 'string' ? 0 : decoded.uptimeMs, done);
    });
  }

  #loaded(beforeMs: number, done: (problem: undefined) => void): void {
    this.#beforeMs = beforeMs;
    this.#startedMs = this.#clock.monotonicMs();
    this.#saveLater();
    done(undefined);
  }

  #saveLater(): void {
    this.#timers.after(this.#saveMs, () => {
      const staged = `${INCOMING}/${UPTIME_FILE}`;
      const bytes = encodeCheckedJson(FORMAT, { uptimeMs: this.ms });
      writeWhole(this.#files, staged, bytes, (written) => {
        if (written.kind === 'failed') return this.#saveLater();
        return this.#files.rename([{ from: staged, to: UPTIME_FILE }], () => this.#saveLater());
      });
    });
  }
}
