// Finds the handler of a request, and gives the replies that all roles have in common: to /livez, /readyz, /metrics,
// unknown paths and methods, requests from foreign web pages, and requests whose handler failed.

import { assert, InvariantBroken } from '../assert.ts';
import type { Address } from '../model/identity.ts';
import type { Logger, RequestTraits, Runtime } from '../ports.ts';
import { VERSION } from '../software.ts';
import { type Sheet, sheetReply } from './cheat-sheet.ts';
import {
  type ClientRoute,
  changesBy,
  hasParameters,
  type Method,
  methodsOf,
  NO_PARAMETERS,
  type PathParameters,
  PathPattern,
  type Route,
  shapeOf,
} from './client-route.ts';
import { COMMON_ROUTES } from './common-routes.ts';
import { ERROR_HEADER, errorReply, FatalError } from './errors.ts';
import {
  type CheckResult,
  checked,
  checkedTogether,
  type HealthCheck,
  healthReply,
  whyNotReady,
} from './health.ts';
import {
  type HttpReply,
  type HttpRequest,
  hostHeader,
  jsonReply,
  pathOf,
  type RequestHead,
  type WholeReply,
} from './http.ts';
import { type FamilyReading, type Metrics, metricsText, readTogether } from './metrics.ts';
import { openApiOf } from './openapi.ts';
import { addProcessMetrics } from './process-metrics.ts';
import { isFromForeignPage } from './web-pages.ts';
import type { WorkerGroup } from './worker-group.ts';

export type ReplyCallback = (reply: HttpReply) => void;
export type Handler = (
  request: HttpRequest,
  reply: ReplyCallback,
  parameters: PathParameters,
) => void;

/** @returns the refusal of a request whose head is wrong, before its body is sent; the handler judges it again */
export type HeadJudge = (
  request: RequestHead,
  parameters: PathParameters,
) => WholeReply | undefined;

/** What is at one port: a role, or an interface of one that has a port of its own. */
type Role = 'controller' | 'storage' | 'frontend' | 'fileserver' | 'blobs' | 'broker';

/** A frontend's paths, which people by mistake also request from other roles. */
const PATHS_OF_KEYS = /^\/(?:get|set|delete|files?|dav)$|^\/(?:v1|dav)\//;
const KEYS_ELSEWHERE: Readonly<Partial<Record<Role, string>>> = {
  controller:
    'keys and files are asked of a frontend, and this is the controller: its /status names them',
  storage: 'keys and files are asked of a frontend, and this is a storage node',
  fileserver: 'keys and files are asked of a frontend, and this is a file server',
  blobs: 'keys and files by paths are at another port of this frontend, its own',
  broker: 'keys are at another port of this frontend, its own',
};
const NO_KEY = 'the key goes behind /v1/keys/; /v1/scan lists the keys that there are';
const NOTHING = 'there is nothing at this path; / lists all that there are';

interface RouteEntry {
  readonly route: Route;
  readonly handler: Handler;
  readonly traits: RequestTraits;
  readonly judge: HeadJudge | undefined;
}

/** What is found for a request that has a handler. */
interface FoundRoute {
  readonly entry: RouteEntry;
  readonly parameters: PathParameters;
}

/** The handlers of one path, by method. */
class PathEntries {
  readonly #byMethod = new Map<string, RouteEntry>();

  add(method: Method, entry: RouteEntry): void {
    assert(!this.#byMethod.has(method), `${method} ${entry.route.path} has one handler`);
    this.#byMethod.set(method, entry);
  }

  of(method: string): RouteEntry | undefined {
    return this.#byMethod.get(method);
  }

  /** @returns the refusal of a request whose method none of them takes, where its head is wrong besides */
  judge(request: RequestHead, parameters: PathParameters): WholeReply | undefined {
    for (const { route, judge } of this.#byMethod.values()) {
      if (route.judgesAnyMethod === true) return judge?.(request, parameters);
    }
    return undefined;
  }

  /** What leads those on whose method none of them takes. */
  get otherMethods(): readonly string[] {
    return [...this.#byMethod.values()].flatMap(({ route }) => route.otherMethods ?? []);
  }

  get allow(): string {
    return [...this.#byMethod.keys()].join(', ');
  }

  /** @returns both together, for the refusal of a method that neither of them takes */
  and(others: PathEntries): PathEntries {
    const together = new PathEntries();
    for (const entry of [...this.#byMethod, ...others.#byMethod]) together.#byMethod.set(...entry);
    return together;
  }

  /** Whether the path goes on behind one of these, as `/v1/keys/{key...}/incr` behind `/v1/keys/{key...}`. */
  areBefore(path: string): boolean {
    return [...this.#byMethod.values()].some(({ route }) => path.startsWith(`${route.path}/`));
  }
}

interface Match {
  readonly entries: PathEntries;
  readonly parameters: PathParameters | 'malformed';
}

/** So many paths are named to who asks for a method at another one. */
const FEW_PATHS = 2;

/** How the process is reached. */
interface SharedAddress {
  /** The address that it was given, if it knows one. */
  readonly address?: Address | undefined;
  /** The processes that share the address: `/`, /readyz and /metrics then report on all of them. */
  readonly workerGroup?: WorkerGroup | undefined;
  /** The routes at the process's own port, of an interface that has another one: they have the same checks. */
  readonly beside?: Routes | undefined;
}

export class Routes {
  readonly #exact = new Map<string, Match>();
  /**
   * Tried in the order in which they were added, when no exact path matches and takes the method: the first one that
   * takes it.
   */
  readonly #patterns = new Map<
    string,
    { readonly shape: string; readonly pattern: PathPattern; readonly entries: PathEntries }
  >();
  readonly #checks: Map<string, HealthCheck>;
  readonly #warnings: Map<string, HealthCheck>;
  /** The routes of people and their programs, in the order in which they were added. */
  readonly #described: ClientRoute[] = [];
  readonly #role: Role;
  readonly #logger: Logger;
  /** The traits of a request without a handler: its body is read whole, as most are, before the error reply. */
  readonly #unknown: RequestTraits = {
    changes: true,
    body: { kind: 'whole' },
    judge: (request) => this.#judge(request),
  };
  readonly #address: Address | undefined;
  readonly #workerGroup: WorkerGroup | undefined;

  constructor(role: Role, runtime: Runtime, metrics: Metrics, shared: SharedAddress = {}) {
    const { workerGroup, address, beside } = shared;
    this.#role = role;
    this.#logger = runtime.logger;
    this.#address = address;
    this.#workerGroup = workerGroup;
    this.#checks = beside === undefined ? new Map() : beside.#checks;
    this.#warnings = beside === undefined ? new Map() : beside.#warnings;
    if (beside === undefined) {
      metrics.gauge('velourfog_build_info', 'Version and role; always 1.', () => 1, {
        version: VERSION,
        role,
      });
      addProcessMetrics(metrics, runtime.host);
      workerGroup?.answer('checks', () => this.#check());
      workerGroup?.answer('metrics', () => metrics.read());
    }
    this.add(COMMON_ROUTES.livez, (request, reply) => reply(healthReply(request, [])));
    const ready: Handler = (request, reply) =>
      this.#results((results) => reply(healthReply(request, results)));
    this.add(COMMON_ROUTES.readyz, ready);
    this.add(COMMON_ROUTES.healthz, ready);
    this.add(COMMON_ROUTES.root, (request, reply) =>
      this.#results((results) =>
        reply(sheetReply(this.#sheet(request, results), request.header('accept'))),
      ),
    );
    this.add(COMMON_ROUTES.openapi, (_request, reply) =>
      reply(jsonReply(200, openApiOf(this.#role, this.#described))),
    );
    this.add(COMMON_ROUTES.metrics, (_request, reply) =>
      workerGroup === undefined
        ? reply(metricsReply(metrics.read()))
        : workerGroup.gather('metrics', (told) => {
            const readings = told.map(({ answer = [] }) => answer as readonly FamilyReading[]);
            reply(metricsReply(readTogether(readings)));
          }),
    );
  }

  /**
   * Adds a path for people and their programs, or one between the nodes, which is no `ClientRoute`.
   * @param bodyBytesMax where an option of the process says how long a body may be, and not the route
   */
  add(
    route: Route | ClientRoute,
    handler: Handler,
    judge?: HeadJudge,
    bodyBytesMax = route.bodyBytesMax,
  ): void {
    if ('statuses' in route) this.#described.push(route);
    const { path, streamsBody } = route;
    const body = {
      kind: streamsBody === true ? 'streamed' : 'whole',
      ...(bodyBytesMax === undefined ? {} : { bytesMax: bodyBytesMax }),
    } as const;
    for (const method of methodsOf(route)) {
      const changes = changesBy(route, method);
      const traits = { changes, body, judge: (request: RequestHead) => this.#judge(request) };
      this.#entriesAt(route).add(method, { route, handler, traits, judge });
    }
    assert(path.startsWith('/'), 'a path begins with a slash');
  }

  addCheck(name: string, check: HealthCheck): void {
    this.#checks.set(name, check);
  }

  /** Adds a check that does not make the process unready when it finds something wrong. */
  addWarning(name: string, check: HealthCheck): void {
    this.#warnings.set(name, check);
  }

  warnings(): readonly CheckResult[] {
    return [...this.#warnings].map(([name, check]) => ({
      ...checked(name, check),
      isWarning: true,
    }));
  }

  traits({ method, target }: Pick<HttpRequest, 'method' | 'target'>): RequestTraits {
    return this.#match(method, target)?.entries.of(method)?.traits ?? this.#unknown;
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    const found = this.#find(request);
    if ('status' in found) return reply(found);
    const { entry, parameters } = found;
    try {
      return entry.handler(request, reply, parameters);
    } catch (error) {
      // No reply: the process must end. A broken invariant leaves its work half done, and this request may have been
      // answered already, or be answered later.
      if (error instanceof FatalError || error instanceof InvariantBroken) throw error;
      // The only place where a bug in a handler becomes a reply, which gives the client no details.
      const stack = error instanceof Error ? error.stack : String(error);
      this.#logger.write('error', 'a request failed', { path: pathOf(request.target), stack });
      return reply(errorReply('internal', 'internal error'));
    }
  }

  #judge(request: RequestHead): WholeReply | undefined {
    const found = this.#find(request);
    return 'status' in found ? found : found.entry.judge?.(request, found.parameters);
  }

  /** @returns the refusal where nobody handles the request */
  #find(request: RequestHead): FoundRoute | WholeReply {
    const match = this.#match(request.method, request.target);
    if (match === undefined) return this.#unknownPath(request);
    const { entries, parameters } = match;
    const entry = entries.of(request.method);
    if (entry === undefined) {
      const wrong = parameters === 'malformed' ? undefined : entries.judge(request, parameters);
      return wrong ?? this.#wrongMethod(request, entries);
    }
    if (parameters === 'malformed') {
      return errorReply('bad-parameter', 'a % in the path is not followed by two hex digits');
    }
    const isForOwnPages = entry.traits.changes && entry.route.forAnyPage !== true;
    if (isForOwnPages && isFromForeignPage(request)) {
      return errorReply(
        'foreign-origin',
        'a web page of another origin may change nothing here; its own server may, on its behalf',
      );
    }
    return { entry, parameters };
  }

  /** @param callback called once with why not, over all processes that share the address; undefined where it is ready */
  whyNotReady(callback: (problem: string | undefined) => void): void {
    this.#results((results) => callback(whyNotReady(results)));
  }

  #results(callback: (results: readonly CheckResult[]) => void): void {
    if (this.#workerGroup === undefined) return callback(this.#check());
    return this.#workerGroup.gather('checks', (told) => callback(checkedTogether(told)));
  }

  #check(): readonly CheckResult[] {
    return [...[...this.#checks].map(([name, check]) => checked(name, check)), ...this.warnings()];
  }

  #sheet(request: HttpRequest, results: readonly CheckResult[]): Sheet {
    const host = hostHeader(request, this.#address);
    return {
      role: this.#role,
      address: this.#address ?? host,
      host,
      version: VERSION,
      problem: whyNotReady(results),
      note: KEYS_ELSEWHERE[this.#role],
      routes: this.#described,
    };
  }

  #entriesAt(route: Route): PathEntries {
    const { path } = route;
    const known = this.#exact.get(path)?.entries ?? this.#patterns.get(path)?.entries;
    if (known !== undefined) return known;
    const entries = new PathEntries();
    if (hasParameters(route)) {
      // Only the first of them would ever be asked, also for the methods of the other.
      const shape = shapeOf(route);
      const isNew = [...this.#patterns.values()].every((other) => other.shape !== shape);
      assert(isNew, `the parameters of ${path} are called as in the other routes of this path`);
      this.#patterns.set(path, { shape, pattern: new PathPattern(path), entries });
    } else this.#exact.set(path, { entries, parameters: NO_PARAMETERS });
    return entries;
  }

  #match(method: string, target: string): Match | undefined {
    let others = this.#exact.get(pathOf(target));
    if (others?.entries.of(method) !== undefined) return others;
    for (const { pattern, entries } of this.#patterns.values()) {
      const parameters = pattern.match(target);
      if (parameters === undefined) continue;
      if (entries.of(method) !== undefined) return { entries, parameters };
      others = { entries: others?.entries.and(entries) ?? entries, parameters };
    }
    return others;
  }

  #wrongMethod({ method, target }: RequestHead, entries: PathEntries): WholeReply {
    const { allow } = entries;
    // Behind the root are all paths of names, to which people mean to send it.
    const near = pathOf(target) === '/' ? [...this.#patterns.values()] : [];
    const [hint] = [entries, ...near.map((other) => other.entries)].flatMap(
      ({ otherMethods }) => otherMethods,
    );
    const taking = [...this.#exact, ...this.#patterns]
      .filter(([, other]) => other.entries.of(method) !== undefined)
      .map(([path]) => path);
    const behind = taking.filter((path) => entries.areBefore(path));
    // A method that hardly any path takes is meant for that one.
    const meant = behind.length > 0 || taking.length > FEW_PATHS ? behind : taking;
    const elsewhere = meant.length === 0 ? '' : `; ${method} goes to ${meant.join(', ')}`;
    const instead = hint === undefined ? '' : `; ${hint}`;
    return errorReply('method-not-allowed', `this path takes ${allow}${elsewhere}${instead}`, {
      headers: { allow },
    });
  }

  #unknownPath(request: RequestHead): WholeReply {
    const isOfKeys = PATHS_OF_KEYS.test(pathOf(request.target));
    const elsewhere = isOfKeys ? KEYS_ELSEWHERE[this.#role] : undefined;
    const here = /^\/v1\/keys\/?$/.test(pathOf(request.target)) ? NO_KEY : NOTHING;
    return errorReply('unknown-path', elsewhere ?? here, {
      instead: `curl 'http://${hostHeader(request, this.#address)}/'`,
    });
  }
}

function metricsReply(families: readonly FamilyReading[]): WholeReply {
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    body: metricsText(families),
  };
}

/** The JSON form of `errorReply`, for control messages. */
export function refusalReply(error: Parameters<typeof errorReply>[0], detail: string): WholeReply {
  const { status, headers, body } = jsonReply(errorReply(error, detail).status, { error, detail });
  return { status, headers: { ...headers, [ERROR_HEADER]: error }, body };
}
