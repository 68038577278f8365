// Describes a path that people and their programs request: one entry each, from which follow routing, 404, 405 with
// Allow, HEAD, how the body is read, the lines of `GET /`, /openapi.json, and the table in docs/api.md, which a test
// compares. Handlers are registered in routes.ts; the messages of nodes and operators are in wire/control-table.ts.

import { assert } from '../assert.ts';
import { decodePath } from '../wire/query.ts';
import type { ErrorCode } from './errors.ts';
import { rawPathOf } from './http.ts';
import type {
  Example,
  RouteBody,
  RouteParameter,
  RouteReply,
  RouteTask,
} from './route-description.ts';

export type Method =
  | 'GET'
  | 'HEAD'
  | 'POST'
  | 'PUT'
  | 'DELETE'
  // RFC 5789
  | 'PATCH'
  | 'OPTIONS'
  // RFC 4918
  | 'PROPFIND'
  | 'PROPPATCH'
  | 'MKCOL'
  | 'COPY'
  | 'MOVE'
  | 'LOCK'
  | 'UNLOCK';

/** Of these a request changes nothing, unless its route says so (RFC 9110, 9.2.1). */
const SAFE: readonly Method[] = ['GET', 'HEAD', 'OPTIONS', 'PROPFIND'];

/** The part of an entry that selects the handler of a request, and says how its body is read. */
export interface Route {
  /**
   * Segments, each after a slash. `{name}` matches one segment; `{name...}` matches the rest of the path, slashes
   * included, if it is at least one byte. What follows it is plain segments, with which the path must then end. Of
   * several routes that match a path the first one that takes the method of the request answers it.
   */
  readonly path: string;
  /** A route with GET also answers HEAD, as that GET without its body. */
  readonly methods: readonly Exclude<Method, 'HEAD'>[];
  /** Whether even a GET changes something, as `GET /set?key=a&value=b` does. Such a route has no HEAD. */
  readonly changesByGet?: true;
  /**
   * Whether a head that is wrong is refused as such also where the path does not take the method: by the judge of this
   * route. Otherwise it is the method that is refused.
   */
  readonly judgesAnyMethod?: true;
  /** What a client is told besides whose method the path does not take: half a sentence that leads on. */
  readonly otherMethods?: string;
  /** Whether pages of any origin may change something: the request itself proves that it may, as with a ticket in its path. */
  readonly forAnyPage?: true;
  /** Whether the handler reads the body piece by piece; otherwise it gets the whole body. */
  readonly streamsBody?: true;
  /** The longest body accepted, in bytes; the role's own limit holds when this is absent. */
  readonly bodyBytesMax?: number;
}

export interface ClientRoute extends Route {
  /** The statuses that the handler itself replies; docs/api.md lists those that any path may have besides. */
  readonly statuses: readonly number[];
  /** The purpose of the path, in the words of docs/api.md. */
  readonly text: string;
  /** Where the path stands in the cheat sheet, and its tag in /openapi.json; `other` when this is absent. */
  readonly task?: RouteTask;
  /** Requests that succeed as they stand, in this order. */
  readonly examples?: readonly Example[];
  /** A `{name}` of the path needs no entry here, unless there is something to say of it. */
  readonly parameters?: readonly RouteParameter[];
  /** The body of a POST or PUT. */
  readonly body?: RouteBody;
  /** What comes with the statuses that are no plain error; each status that no error code has needs one. */
  readonly replies?: Readonly<Partial<Record<number, RouteReply>>>;
  /** The codes of the errors that the handler itself replies; by default all codes that have one of its statuses. */
  readonly errors?: readonly ErrorCode[];
  /** The content type of the handler's own errors; plain text when this is absent. */
  readonly errorType?: string;
}

/** The percent-decoded part of a request's path at each `{name}`, by that name. */
export type PathParameters = ReadonlyMap<string, Buffer>;

export const NO_PARAMETERS: PathParameters = new Map();

/** @returns all methods that the route answers, HEAD included, as `Allow` lists them */
export function methodsOf({ methods, changesByGet }: Route): readonly Method[] {
  if (!methods.includes('GET') || changesByGet === true) return methods;
  return methods.flatMap((method): Method[] => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

/** Whether a request of the route with this method may change something. */
export function changesBy({ changesByGet }: Route, method: Method): boolean {
  return !SAFE.includes(method) || changesByGet === true;
}

/** Matches paths of requests against the path of a route that has parameters. */
export class PathPattern {
  readonly #segments: readonly string[];
  /** The name in `{name...}`; undefined when the path has none. */
  readonly #rest: string | undefined;
  /** The plain segments behind `{name...}`, each with its slash. */
  readonly #ending: string;
  /** The path up to its first parameter: most paths of other routes differ here already. */
  readonly #beginning: string;

  constructor(path: string) {
    const segments = path.split('/');
    const restAt = segments.findIndex((segment) => /^\{\w+\.\.\.\}$/.test(segment));
    this.#rest = restAt < 0 ? undefined : segments[restAt]?.slice(1, -4);
    this.#segments = restAt < 0 ? segments : segments.slice(0, restAt);
    const behind = restAt < 0 ? [] : segments.slice(restAt + 1);
    this.#ending = behind.map((segment) => `/${segment}`).join('');
    this.#beginning = path.slice(0, path.indexOf('{'));
    for (const segment of this.#segments) {
      const isWhole = !segment.includes('{') || /^\{\w+\}$/.test(segment);
      assert(isWhole, `a parameter of ${path} is a whole segment`);
    }
    assert(!this.#ending.includes('{'), `no parameter of ${path} stands behind {name...}`);
  }

  /** @returns undefined for another path, `malformed` when a parameter has a `%` without two hex digits */
  match(target: string): PathParameters | 'malformed' | undefined {
    if (!target.startsWith(this.#beginning)) return undefined;
    const path = rawPathOf(target);
    if (!path.endsWith(this.#ending)) return undefined;
    const given = path.slice(0, path.length - this.#ending.length).split('/');
    const count = this.#segments.length;
    if (this.#rest === undefined ? given.length !== count : given.length <= count) return undefined;
    const encoded: [name: string, value: string][] = [];
    for (const [index, segment] of this.#segments.entries()) {
      const value = given[index] ?? '';
      if (!segment.startsWith('{')) {
        if (segment !== value) return undefined;
        continue;
      }
      if (value === '') return undefined;
      encoded.push([segment.slice(1, -1), value]);
    }
    if (this.#rest !== undefined) {
      const value = given.slice(count).join('/');
      if (value === '') return undefined;
      encoded.push([this.#rest, value]);
    }
    const parameters = new Map<string, Buffer>();
    for (const [name, value] of encoded) {
      const decoded = decodePath(value);
      if (decoded === undefined) return 'malformed';
      parameters.set(name, decoded);
    }
    return parameters;
  }
}

/** @returns the same for two paths that match the same requests, whatever their parameters are called */
export function shapeOf({ path }: Route): string {
  return path.replaceAll(/\w+(?=(\.\.\.)?\})/g, '');
}

export function hasParameters({ path }: Route): boolean {
  return path.includes('{');
}
