// The table of paths that a role answers, and what every role answers alike: /livez, /readyz,
// /metrics, unknown paths and methods, and failures of its own handlers.

import { InvariantBroken } from '../assert.ts';
import type { Logger, Runtime } from '../ports.ts';
import { VERSION } from '../software.ts';
import { ERROR_HEADER, errorReply, FatalError } from './errors.ts';
import { type CheckResult, checkedTogether, healthReply } from './health.ts';
import { type HttpReply, type HttpRequest, hostHeader, jsonReply, pathOf } from './http.ts';
import { type FamilyReading, type Metrics, metricsText, readTogether } from './metrics.ts';
import { addProcessMetrics } from './process-metrics.ts';
import type { WorkerGroup } from './worker-group.ts';

export type ReplyCallback = (reply: HttpReply) => void;
export type Handler = (request: HttpRequest, reply: ReplyCallback) => void;

type Role = 'controller' | 'storage' | 'frontend';

/** What clients ask frontends, and sometimes whoever's port is at hand. */
const OF_KEYS: readonly string[] = ['/get', '/set', '/delete'];
const KEYS_ELSEWHERE: Readonly<Partial<Record<Role, string>>> = {
  controller: 'keys are asked of a frontend, and this is the controller: its /status names them',
  storage: 'keys are asked of a frontend, and this is a storage node',
};
const NOTHING = 'there is nothing at this path';

/** @returns what is wrong, or undefined when it is well. */
export type HealthCheck = () => string | undefined;

export class Routes {
  readonly #table = new Map<string, Map<string, Handler>>();
  /** Paths that change something also by GET. */
  readonly #changing = new Set<string>();
  readonly #checks = new Map<string, HealthCheck>();
  readonly #warnings = new Map<string, HealthCheck>();
  readonly #role: Role;
  readonly #logger: Logger;

  /** @param workerGroup who share the address: /readyz and /metrics are then of all of them together */
  constructor(role: Role, runtime: Runtime, metrics: Metrics, workerGroup?: WorkerGroup) {
    this.#role = role;
    this.#logger = runtime.logger;
    metrics.gauge('velourfog_build_info', 'Version and role; always 1.', () => 1, {
      version: VERSION,
      role,
    });
    addProcessMetrics(metrics, runtime.host);
    this.add(['GET', 'HEAD'], '/livez', (request, reply) => reply(healthReply(request, [])));
    workerGroup?.answer('checks', () => this.#check());
    workerGroup?.answer('metrics', () => metrics.read());
    const ready: Handler = (request, reply) =>
      workerGroup === undefined
        ? reply(healthReply(request, this.#check()))
        : workerGroup.gather('checks', (told) =>
            reply(healthReply(request, checkedTogether(told))),
          );
    this.add(['GET', 'HEAD'], '/readyz', ready);
    this.add(['GET', 'HEAD'], '/healthz', ready);
    this.add(['GET'], '/metrics', (_request, reply) =>
      workerGroup === undefined
        ? reply(metricsReply(metrics.read()))
        : workerGroup.gather('metrics', (told) => {
            const readings = told.map(({ answer = [] }) => answer as readonly FamilyReading[]);
            reply(metricsReply(readTogether(readings)));
          }),
    );
  }

  #check(): readonly CheckResult[] {
    return [
      ...[...this.#checks].map(([name, check]) => ({ name, problem: check() })),
      ...this.warnings(),
    ];
  }

  /** A path that changes something by whatever method it is asked: the seed's `GET /set?key=a&value=b`. */
  addChanging(methods: readonly string[], path: string, handler: Handler): void {
    this.#changing.add(path);
    this.add(methods, path, handler);
  }

  /** GET and HEAD change nothing here, all other methods may. */
  add(methods: readonly string[], path: string, handler: Handler): void {
    const table = this.#table.get(path) ?? new Map<string, Handler>();
    for (const method of methods) table.set(method, handler);
    this.#table.set(path, table);
  }

  addCheck(name: string, check: HealthCheck): void {
    this.#checks.set(name, check);
  }

  /** Whether anything can be different after it. */
  changes({ method, target }: HttpRequest): boolean {
    return (method !== 'GET' && method !== 'HEAD') || this.#changing.has(pathOf(target));
  }

  /** Of what is missing while the process is ready all the same. */
  addWarning(name: string, check: HealthCheck): void {
    this.#warnings.set(name, check);
  }

  warnings(): readonly CheckResult[] {
    return [...this.#warnings].map(([name, check]) => ({
      name,
      problem: check(),
      isWarning: true,
    }));
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    const path = pathOf(request.target);
    const methods = this.#table.get(path);
    const handler = methods?.get(request.method);
    if (methods === undefined) {
      const elsewhere = OF_KEYS.includes(path) ? KEYS_ELSEWHERE[this.#role] : undefined;
      return reply(
        errorReply('unknown-path', elsewhere ?? NOTHING, {
          instead: `curl 'http://${hostHeader(request)}/readyz?verbose'`,
        }),
      );
    }
    if (handler === undefined) {
      const allow = [...methods.keys()].join(', ');
      return reply(
        errorReply('method-not-allowed', `this path takes ${allow}`, { headers: { allow } }),
      );
    }
    if (this.changes(request) && isForeign(request)) {
      return reply(
        errorReply(
          'foreign-origin',
          'a web page of another origin may change nothing here; its own server may, on its behalf',
        ),
      );
    }
    try {
      return handler(request, reply);
    } catch (error) {
      // Not an answer to anybody: the process must end. What a broken invariant was found amid is half done, and
      // may have answered this request or have handed it on to be answered later.
      if (error instanceof FatalError || error instanceof InvariantBroken) throw error;
      // The one place where a bug in a handler becomes a reply; the client learns nothing but that.
      const stack = error instanceof Error ? error.stack : String(error);
      this.#logger.write('error', 'a request failed', { path, stack });
      return reply(errorReply('internal', 'internal error'));
    }
  }
}

/** What no program sends, and browsers send of themselves: where the page is that made them ask. */
const PAGES: readonly string[] = ['origin', 'referer'];
const SITES: readonly (string | undefined)[] = [undefined, 'same-origin', 'none'];

/**
 * Whether the page of another site made a browser send it. Whoever opens such a page is inside of the network that is
 * trusted here, and a browser sends a POST of plain text anywhere without asking; an image is a GET with a Referer alone.
 * What the nodes tell each other, and operators them, is for no page at all: one whose name is made to stand for a node's
 * address has the right Host (DNS rebinding).
 */
function isForeign(request: HttpRequest): boolean {
  if (!SITES.includes(request.header('sec-fetch-site'))) return true;
  const isForPages = !/^\/[cs]\//.test(request.target);
  return PAGES.some((name) => {
    const page = request.header(name);
    if (page === undefined) return false;
    // As URLs, which have no letter case and no default port: `Host: kv:80` is what http://kv is.
    const [scheme = ''] = /^https?:\/\//i.exec(page) ?? [];
    const host = hostIn(page);
    return (
      !isForPages ||
      host === undefined ||
      host !== hostIn(`${scheme}${request.header('host') ?? ''}`)
    );
  });
}

function hostIn(url: string): string | undefined {
  return /^https?:/i.test(url) && URL.canParse(url) ? new URL(url).host : undefined;
}

function metricsReply(families: readonly FamilyReading[]): HttpReply {
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    body: metricsText(families),
  };
}

/** The JSON form of `errorReply`, for control messages. */
export function refusalReply(error: Parameters<typeof errorReply>[0], detail: string): HttpReply {
  const { status, headers, body } = jsonReply(errorReply(error, detail).status, { error, detail });
  return { status, headers: { ...headers, [ERROR_HEADER]: error }, body };
}
