// What the package exports: a small client for the frontends, on the platform's own fetch. It tries the
// next frontend when one cannot be reached or is not ready; it never repeats a set whose outcome it does
// not know.

export interface VelourClientOptions {
  /** Base URLs of frontends, such as http://127.0.0.1:12080; at least one. */
  readonly frontends: readonly string[];
  /** By default the platform's own. */
  readonly fetch?: typeof fetch;
  /** For one call with all its tries; 10,000 by default. */
  readonly timeoutMs?: number;
}

export interface SetOptions {
  /** Whole seconds, at least 1. */
  readonly ttl?: number;
}

/** A frontend refused; `code` is its X-Fog-Error. */
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
const NOT_READY = 503;

export class VelourClient {
  readonly #frontends: readonly string[];
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  #next = 0;

  constructor(options: VelourClientOptions) {
    if (options.frontends.length === 0) throw new TypeError('name at least one frontend');
    this.#frontends = options.frontends.map((url) => url.replace(/\/+$/, ''));
    this.#fetch = options.fetch ?? fetch;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
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
    const signal = AbortSignal.timeout(this.#timeoutMs);
    let failure: unknown;
    for (let left = this.#frontends.length; left > 0; left--) {
      const frontend = this.#frontends[this.#next++ % this.#frontends.length];
      try {
        const response = await this.#fetch(`${frontend}${path}`, { ...init, signal });
        if (response.status !== NOT_READY || left === 1) return response;
        await response.body?.cancel();
      } catch (error) {
        failure = error;
        if (signal.aborted || (init.method !== 'GET' && !wasRefused(error))) break;
      }
    }
    throw failure;
  }
}

/** Nothing was sent: the connection itself was refused. */
function wasRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

async function refuse(response: Response): Promise<void> {
  if (response.ok) return;
  const text = (await response.text()).trim();
  const code = response.headers.get('x-fog-error') ?? 'unknown';
  throw new VelourError(response.status, code, text || `status ${response.status}`);
}
