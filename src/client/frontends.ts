// The frontends that an HTTP client knows, and what it knows of each: whether it answered lately, or is better left
// alone for a while. Chooses in which order a call turns to them. What a call does there is in http-call.ts.

import type {
  HttpPool,
  OpenHttpPool,
  PoolAnswer,
  PoolEvents,
  PoolRequest,
} from '../cluster/http/http-pool.ts';
import type { Cancel, Clock, Timers } from '../cluster/ports.ts';

/** A frontend that answered within this time is well: it gets a write without being asked before. */
const WELL_MS = 1000;
/** A frontend that says nothing for so long is as good as dead for a call that can go elsewhere. */
export const PATIENCE_MS = 1000;
const AVOIDED_MS = 1000;
const AVOIDED_MS_MAX = 60_000;

export type ProbeVerdict = 'well' | 'not-a-frontend' | 'silent';

/** What frontends reach the world by, and are judged by. */
interface FrontendWorld {
  readonly open: OpenHttpPool;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Judges the answer of a probe; by default who says ok at /livez is a frontend. */
  readonly judge?: (answer: PoolAnswer) => ProbeVerdict;
}

/** One frontend. */
export class KnownFrontend {
  readonly url: string;
  readonly #pool: HttpPool;
  /** Streams that last keep their connections: calls, and the question whether it lives, must not wait for those. */
  readonly #streams: HttpPool;
  readonly #probes: HttpPool;
  /** What stands before the paths of the API, behind a proxy; mostly nothing. */
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #judge: (answer: PoolAnswer) => ProbeVerdict;
  #answeredMs = Number.NEGATIVE_INFINITY;
  #avoidedUntilMs = Number.NEGATIVE_INFINITY;
  /** Failures since it last answered. */
  #failures = 0;
  /** Who waits for the probe under way; undefined while there is none. */
  #probing: ((verdict: ProbeVerdict) => void)[] | undefined;

  /** @throws TypeError for what is no HTTP URL */
  constructor(text: string, { open, clock, timers, judge = verdictOn }: FrontendWorld) {
    const { origin, pathname } = urlOf(text);
    this.#prefix = pathname.replace(/\/+$/, '');
    this.url = `${origin}${this.#prefix}`;
    this.#pool = open(origin);
    this.#streams = open(origin);
    this.#probes = open(origin);
    this.#clock = clock;
    this.#timers = timers;
    this.#judge = judge;
  }

  send(request: PoolRequest, events: PoolEvents): Cancel {
    return this.#pool.send(this.#withPrefix(request), events);
  }

  /** Sends what is answered by a stream that lasts. */
  follow(request: PoolRequest, events: PoolEvents): Cancel {
    return this.#streams.send(this.#withPrefix(request), events);
  }

  /** Whether a request waits for others of this client, and says nothing of the frontend by that. */
  get isFull(): boolean {
    return this.#pool.isFull === true;
  }

  close(): void {
    for (const pool of [this.#pool, this.#streams, this.#probes]) pool.close();
  }

  #withPrefix(request: PoolRequest): PoolRequest {
    return { ...request, path: `${this.#prefix}${request.path}` };
  }

  get isWell(): boolean {
    return this.#clock.monotonicMs() - this.#answeredMs < WELL_MS;
  }

  get isAvoided(): boolean {
    return this.#clock.monotonicMs() < this.#avoidedUntilMs;
  }

  answered(): void {
    this.#answeredMs = this.#clock.monotonicMs();
    this.#avoidedUntilMs = Number.NEGATIVE_INFINITY;
    this.#failures = 0;
  }

  failed(): void {
    // Calls that are under way together fail together, and count once.
    if (this.isAvoided) return;
    const avoidedMs = Math.min(AVOIDED_MS * 2 ** this.#failures, AVOIDED_MS_MAX);
    this.#failures++;
    this.#answeredMs = Number.NEGATIVE_INFINITY;
    this.#avoidedUntilMs = this.#clock.monotonicMs() + avoidedMs;
  }

  /**
   * Asks whether it lives, once for all who ask meanwhile.
   * @param told is called once, within `PATIENCE_MS`, unless the client is closed
   */
  probe(told: (verdict: ProbeVerdict) => void): void {
    if (this.#probing !== undefined) {
      this.#probing.push(told);
      return;
    }
    const waiting = [told];
    this.#probing = waiting;
    let cancel: Cancel = () => undefined;
    const end = (verdict: ProbeVerdict) => {
      cancelTimer();
      cancel();
      this.#probing = undefined;
      if (verdict === 'well') this.answered();
      else this.failed();
      for (const each of waiting) each(verdict);
    };
    const cancelTimer = this.#timers.after(PATIENCE_MS, () => end('silent'));
    const request = { method: 'GET', path: '/livez', headers: {}, body: undefined } as const;
    cancel = this.#probes.send(this.#withPrefix(request), {
      ended: (outcome) => {
        end(outcome.kind === 'broken' ? 'silent' : this.#judge(outcome));
      },
    });
  }
}

export class KnownFrontends {
  readonly #all: readonly KnownFrontend[];
  #next = 0;

  /** @throws TypeError without frontends, or for one that is no HTTP URL */
  constructor(texts: readonly string[], world: FrontendWorld) {
    if (texts.length === 0) throw new TypeError('name at least one frontend');
    this.#all = texts.map((text) => new KnownFrontend(text, world));
  }

  /**
   * All frontends, in the order in which a call turns to them: those that are well in turn, then those that nothing is
   * known of, then those that failed lately. Of the second kind those are probed that are not the first choice, so that
   * one which has come back is noticed, and no call waits for it.
   */
  inOrder(): readonly KnownFrontend[] {
    const count = this.#all.length;
    const first = this.#next;
    this.#next = (first + 1) % count;
    const inTurn = [...this.#all.slice(first), ...this.#all.slice(0, first)];
    const well = inTurn.filter((frontend) => frontend.isWell);
    if (well.length === count) return well;
    const avoided = inTurn.filter((frontend) => frontend.isAvoided && !frontend.isWell);
    const unknown = inTurn.filter((frontend) => !frontend.isWell && !frontend.isAvoided);
    const order = [...well, ...unknown, ...avoided];
    for (const frontend of unknown) {
      if (frontend !== order[0]) frontend.probe(() => undefined);
    }
    return order;
  }

  close(): void {
    for (const frontend of this.#all) frontend.close();
  }
}

/** A page that some servers give for every path is not the word of a frontend: who takes that for one sends it a write. */
function verdictOn({ status, body }: PoolAnswer): ProbeVerdict {
  return status === 200 && body.toString('latin1').trim() === 'ok' ? 'well' : 'not-a-frontend';
}

/** Accepts HOST:PORT or a URL, as `velour load` does. */
function urlOf(text: string): URL {
  const url = text.includes('://') ? text : `http://${text}`;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new TypeError(
      `a frontend is a URL such as http://127.0.0.1:12080, and ${JSON.stringify(text)} is none`,
    );
  }
  return new URL(url);
}
