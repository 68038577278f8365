// What the package exports: a small client for the frontends, on the platform's own fetch. It tries the next frontend
// when one cannot be reached or is not ready; it never repeats a set whose outcome it does not know.

export interface VelourClientOptions {
  /** Base URLs of frontends, such as http://127.0.0.1:12080, or HOST:PORT; at least one. */
  readonly frontends: readonly string[];
  /** By default the platform's own. */
  readonly fetch?: typeof fetch;
  /** For one call with all its tries; 10,000 by default. */
  readonly timeoutMs?: number;
  /** For one try of a get, above the 3 s in which a frontend answers it; 3,500 by default. */
  readonly tryMs?: number;
}

export interface SetOptions {
  /** Whole seconds, at least 1. */
  readonly ttl?: number;
}

/** A frontend refused; `code` is its X-Fog-Error, or `not-a-frontend` where none answered. */
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
/** Whoever answered in this time takes a set without being asked before whether it lives. */
const FRESH_MS = 1000;
/** To connect, and to say that it lives. */
const KNOCK_MS = 1000;
const AVOIDED_MS = 1000;
const AVOIDED_MS_MAX = 60_000;

export class VelourClient {
  readonly #frontends: readonly KnownFrontend[];
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #tryMs: number;
  #next = 0;

  /** @throws TypeError for a frontend that is no URL of HTTP */
  constructor(options: VelourClientOptions) {
    if (options.frontends.length === 0) throw new TypeError('name at least one frontend');
    this.#frontends = options.frontends.map((text) => new KnownFrontend(baseOf(text)));
    this.#fetch = options.fetch ?? fetch;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    this.#tryMs = options.tryMs ?? TRY_MS_DEFAULT;
  }

  /** @returns undefined when the key is proven absent */
  async get(key: string): Promise<Uint8Array | undefined> {
    const response = await this.#call(`/get?key=${encodeURIComponent(key)}`, { method: 'GET' });
    if (response.status === 404 && !response.headers.has('x-fog-error')) {
      await response.body?.cancel();
      return undefined;
    }
    await refuse(response);
    return new Uint8Array(await response.arrayBuffer());
  }

  /** @returns the version that was stored */
  async set(key: string, value: string | Uint8Array, options: SetOptions = {}): Promise<string> {
    const ttl = options.ttl === undefined ? '' : `&ttl=${options.ttl}`;
    return this.#write(`/set?key=${encodeURIComponent(key)}${ttl}`, value);
  }

  /** @returns the version of the deletion, whether or not the key was there */
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

  /** A frontend that says 503 has stored nothing; one that broke off may have, so a set stops there. */
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

  /** In turn; those that failed lately are the last resort. */
  #candidates(): readonly KnownFrontend[] {
    const count = this.#frontends.length;
    const first = this.#next++ % count;
    const inTurn = [...this.#frontends.slice(first), ...this.#frontends.slice(0, first)];
    return [
      ...inTurn.filter((frontend) => !frontend.isAvoided),
      ...inTurn.filter((frontend) => frontend.isAvoided),
    ];
  }

  /** A set that was sent cannot be sent elsewhere any more; so not to who hangs. @throws Unsent */
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
   * @param answerMs in which the answer must have begun; a long value may take all of `leftMs`
   * @throws VelourError `not-a-frontend` of what is no answer of a frontend: nothing was done there
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

/** How a frontend did lately. */
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

/** As `velour load` takes it as well: HOST:PORT, or a URL. */
function baseOf(text: string): string {
  const url = text.includes('://') ? text : `http://${text}`;
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new TypeError(
      `a frontend is a URL such as http://127.0.0.1:12080, and ${JSON.stringify(text)} is none`,
    );
  }
  return url.replace(/\/+$/, '');
}

/** Nothing was sent: no frontend answered when it was asked whether it lives. */
export class Unsent extends Error {
  override readonly name = 'Unsent';
}

/** Nothing of a set was sent, or to nobody who would store it. */
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
