// The client that the package exports: a small client of the frontends' HTTP API, on the platform's own fetch. It tries
// the next frontend when one cannot be reached or is not ready; it never repeats a set whose outcome it does not know.

export interface VelourClientOptions {
  /** Base URLs of frontends, such as http://127.0.0.1:12080, or HOST:PORT; at least one. */
  readonly frontends: readonly string[];
  /** By default the platform's own `fetch`. */
  readonly fetch?: typeof fetch;
  /** The time limit of one call with all its attempts, in ms; 10,000 by default. */
  readonly timeoutMs?: number;
  /** The time limit of one attempt of a get, in ms; 3,500 by default, above the 3 s in which a frontend answers it. */
  readonly tryMs?: number;
}

export interface SetOptions {
  /** Whole seconds, at least 1. */
  readonly ttl?: number;
}

/**
 * A frontend refused the call. `code` is its X-Fog-Error, or `not-a-frontend` if the answer came from something else.
 */
export class VelourError extends Error {
  override readonly name = 'VelourError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const TIMEOUT_MS_DEFAULT = 10_000;
const TRY_MS_DEFAULT = 3500;
const NOT_READY = 503;
/** A frontend that answered within this time gets a set without being probed before. */
const FRESH_MS = 1000;
/** The time limit of a probe: to connect, and to answer /livez. */
const KNOCK_MS = 1000;
const AVOIDED_MS = 1000;
const AVOIDED_MS_MAX = 60_000;

export class VelourClient {
  readonly #frontends: readonly KnownFrontend[];
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #tryMs: number;
  #next = 0;

  /** @throws TypeError without frontends, or for one that is no HTTP URL */
  constructor(options: VelourClientOptions) {
    if (options.frontends.length === 0) throw new TypeError('name at least one frontend');
    this.#frontends = options.frontends.map((text) => new KnownFrontend(baseOf(text)));
    this.#fetch = options.fetch ?? fetch;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    this.#tryMs = options.tryMs ?? TRY_MS_DEFAULT;
  }

  /**
   * @returns the value's bytes; undefined when the key is proven absent
   * @throws VelourError when a frontend refuses; the last failure when none answered
   */
  async get(key: string): Promise<Uint8Array | undefined> {
    const response = await this.#call(`/get?key=${encodeURIComponent(key)}`, { method: 'GET' });
    if (response.status === 404 && !response.headers.has('x-fog-error')) {
      await response.body?.cancel();
      return undefined;
    }
    await refuse(response);
    return new Uint8Array(await response.arrayBuffer());
  }

  /**
   * @returns the version that was stored, 16 hex digits
   * @throws VelourError when a frontend refuses; `Unsent` or the platform's error when none answered
   */
  async set(key: string, value: string | Uint8Array, options: SetOptions = {}): Promise<string> {
    const ttl = options.ttl === undefined ? '' : `&ttl=${options.ttl}`;
    return this.#write(`/set?key=${encodeURIComponent(key)}${ttl}`, value);
  }

  /**
   * @returns the version of the delete, 16 hex digits, whether or not the key was there
   * @throws as `set` does
   */
  async delete(key: string): Promise<string> {
    return this.#write(`/delete?key=${encodeURIComponent(key)}`, undefined);
  }

  async #write(path: string, body: string | Uint8Array | undefined): Promise<string> {
    const init = {
      method: 'POST',
      ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> }),
    };
    const response = await this.#call(path, init);
    await refuse(response);
    await response.body?.cancel();
    return response.headers.get('x-fog-version') ?? '';
  }

  /**
   * Tries one frontend after the other. After a 503 nothing is stored, so the next one is asked; after a broken
   * connection the set may be stored, so a set stops there.
   */
  async #call(path: string, init: RequestInit): Promise<Response> {
    const untilMs = performance.now() + this.#timeoutMs;
    let failure: unknown = new Error('there was no time to ask a frontend');
    const isRead = init.method === 'GET';
    const candidates = this.#candidates();
    for (const [index, frontend] of candidates.entries()) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) break;
      try {
        if (!isRead) await this.#knock(frontend, Math.min(KNOCK_MS, leftMs));
        const answerMs = isRead ? Math.min(this.#tryMs, leftMs) : leftMs;
        const response = await this.#ask(frontend, path, init, answerMs, leftMs);
        if (response.status !== NOT_READY || index === candidates.length - 1) return response;
        await response.body?.cancel();
      } catch (error) {
        failure = error;
        frontend.failed();
        if (!isRead && !isKnownToBeUndone(error)) break;
      }
    }
    throw failure;
  }

  /** The frontends in turn; those that failed lately come last. */
  #candidates(): readonly KnownFrontend[] {
    const count = this.#frontends.length;
    const first = this.#next++ % count;
    const inTurn = [...this.#frontends.slice(first), ...this.#frontends.slice(0, first)];
    return [
      ...inTurn.filter((frontend) => !frontend.isAvoided),
      ...inTurn.filter((frontend) => frontend.isAvoided),
    ];
  }

  /**
   * Probes a frontend before a set: once sent, a set cannot be sent elsewhere, so it must not go to one that hangs.
   * @throws Unsent when the frontend does not answer
   */
  async #knock(frontend: KnownFrontend, withinMs: number): Promise<void> {
    if (frontend.isFresh) return;
    try {
      const signal = AbortSignal.timeout(Math.ceil(withinMs));
      const response = await this.#fetch(`${frontend.url}/livez`, { redirect: 'manual', signal });
      await response.body?.cancel();
    } catch (cause) {
      throw new Unsent(`${frontend.url} does not answer`, { cause });
    }
  }

  /**
   * @param answerMs within which the answer must begin; a long value may take all of `leftMs`
   * @throws VelourError `not-a-frontend` for an answer that is no frontend's: nothing was done there
   */
  async #ask(
    frontend: KnownFrontend,
    path: string,
    init: RequestInit,
    answerMs: number,
    leftMs: number,
  ): Promise<Response> {
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new Error(`no answer within ${answerMs} ms`)),
      answerMs,
    );
    const signal = AbortSignal.any([late.signal, AbortSignal.timeout(Math.ceil(leftMs))]);
    const response = await this.#fetch(`${frontend.url}${path}`, {
      redirect: 'manual',
      ...init,
      signal,
    }).finally(() => clearTimeout(timer));
    const { headers, status } = response;
    if (!headers.has('x-fog-version') && !headers.has('x-fog-error')) {
      await response.body?.cancel();
      const what = `${frontend.url} answers ${status} without X-Fog-Version: it is no frontend`;
      throw new VelourError(status, 'not-a-frontend', what);
    }
    frontend.answered();
    return response;
  }
}

/** A frontend, with when it last answered or failed. */
class KnownFrontend {
  readonly url: string;
  #answeredMs = Number.NEGATIVE_INFINITY;
  #avoidedUntilMs = Number.NEGATIVE_INFINITY;
  #failures = 0;

  constructor(url: string) {
    this.url = url;
  }

  get isFresh(): boolean {
    return performance.now() - this.#answeredMs < FRESH_MS;
  }

  get isAvoided(): boolean {
    return performance.now() < this.#avoidedUntilMs;
  }

  answered(): void {
    this.#answeredMs = performance.now();
    this.#failures = 0;
  }

  failed(): void {
    const avoidedMs = Math.min(AVOIDED_MS * 2 ** this.#failures, AVOIDED_MS_MAX);
    this.#failures++;
    this.#answeredMs = Number.NEGATIVE_INFINITY;
    this.#avoidedUntilMs = performance.now() + avoidedMs;
  }
}

/** Accepts HOST:PORT or a URL, as `velour load` does. */
function baseOf(text: string): string {
  const url = text.includes('://') ? text : `http://${text}`;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new TypeError(
      `a frontend is a URL such as http://127.0.0.1:12080, and ${JSON.stringify(text)} is none`,
    );
  }
  return url.replace(/\/+$/, '');
}

/** Nothing was sent, because no frontend answered the probe. */
export class Unsent extends Error {
  override readonly name = 'Unsent';
}

/** Whether a set certainly stored nothing: it was not sent, or the answer was no frontend's. */
function isKnownToBeUndone(error: unknown): boolean {
  if (error instanceof Unsent || error instanceof VelourError) return true;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

async function refuse(response: Response): Promise<void> {
  if (response.ok) return;
  const text = (await response.text()).trim();
  const code = response.headers.get('x-fog-error') ?? 'unknown';
  throw new VelourError(response.status, code, text || `status ${response.status}`);
}
