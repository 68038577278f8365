// The body of a reply that follows changes: events, as fast as the client reads them, and a line now and then while there
// are none, by which proxies and dead connections are told from quiet ones.

import type { BytePart, ByteStream } from '../../../../cluster/http/byte-stream.ts';
import type { Cancel, Timers } from '../../../../cluster/ports.ts';
import type {
  ClusterWatch,
  WatchStep,
} from '../../../../coordinator/operations/watch/cluster-watch.ts';
import { printPlace } from '../../../../coordinator/operations/watch/place.ts';
import { printOpening } from './events.ts';

/** Below the 30 s after which common proxies close a silent connection. */
const QUIET_MS = 10_000;
const LEFT_QUIET_MS = 1000;
const ALIVE = Buffer.from(': nothing new\n\n');

export class WatchStream implements ByteStream {
  readonly length = undefined;
  readonly #watch: ClusterWatch;
  readonly #timers: Timers;
  readonly #print: (step: WatchStep, place: string) => string;
  /** A step that came while nobody read. */
  #step: WatchStep | undefined;
  #isAsked = false;
  #quietMs = QUIET_MS;
  #isOpened = false;
  #isOver = false;
  #callback: ((part: BytePart) => void) | undefined;
  #cancelQuiet: Cancel = () => undefined;
  /** Called once, when nothing more is sent. */
  ended: () => void = () => undefined;

  constructor(
    watch: ClusterWatch,
    timers: Timers,
    print: (step: WatchStep, place: string) => string,
  ) {
    this.#watch = watch;
    this.#timers = timers;
    this.#print = print;
  }

  read(callback: (part: BytePart) => void): void {
    if (this.#isOver) return callback({ kind: 'end' });
    if (!this.#isOpened) {
      this.#isOpened = true;
      const { followed, wanted, place } = this.#watch;
      const text = printOpening(printPlace(place), followed, wanted);
      return callback({ kind: 'bytes', bytes: Buffer.from(text) });
    }
    this.#callback = callback;
    this.#cancelQuiet = this.#timers.after(this.#quietMs, () =>
      this.#give({ kind: 'bytes', bytes: ALIVE }),
    );
    if (!this.#isAsked) this.#ask();
    return this.#tell();
  }

  /** Ends the reply as a whole one: the client comes back, to another frontend if this one stops. */
  end(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#give({ kind: 'end' });
  }

  /**
   * The client has ended its side of the connection. Mostly it is gone, which is noticed by the second thing that is sent:
   * the first one is what its system refuses.
   */
  left(): void {
    this.#quietMs = LEFT_QUIET_MS;
    this.#give({ kind: 'bytes', bytes: ALIVE });
  }

  discard(): void {
    this.#callback = undefined;
    this.#stop();
  }

  #ask(): void {
    this.#isAsked = true;
    this.#watch.next((step) => {
      this.#step = step;
      this.#tell();
    });
  }

  #tell(): void {
    const step = this.#step;
    if (step === undefined || this.#callback === undefined) return;
    this.#step = undefined;
    this.#isAsked = false;
    const text = this.#print(step, printPlace(this.#watch.place));
    this.#give({ kind: 'bytes', bytes: Buffer.from(text) });
  }

  #give(part: BytePart): void {
    this.#cancelQuiet();
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.(part);
  }

  #stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelQuiet();
    this.#watch.stop();
    this.ended();
  }
}
