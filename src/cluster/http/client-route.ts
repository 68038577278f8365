// A path that people and their programs ask for: one entry for each, from which follow routing, 404, 405 with Allow, HEAD,
// how the body is taken and the table in docs/api.md, which a test compares. Who answers stands in the handlers (routes.ts).
// What nodes and operators tell each other is in wire/control-table.ts instead.

import { assert } from '../assert.ts';
import { decodePath } from '../wire/query.ts';
import { rawPathOf } from './http.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/** What decides who answers a request, and how its body is taken. */
export interface Route {
  /**
   * Segments behind slashes. `{name}` stands for one segment, `{name...}` at the end for all that is left, slashes
   * included and at least one byte.
   */
  readonly path: string;
  /** HEAD comes with GET: it is answered as the GET without its body. */
  readonly methods: readonly Exclude<Method, 'HEAD'>[];
  /** Whether also a GET changes something, as the seed's `GET /set?key=a&value=b` does. There is no HEAD of such a path. */
  readonly changesByGet?: true;
  /** The handler reads the body piece by piece; without this it gets the whole body. */
  readonly streamsBody?: true;
  /** In bytes; without it the role's own limit holds. */
  readonly bodyBytesMax?: number;
}

export interface ClientRoute extends Route {
  /** What the handler answers. Any path may also be answered what docs/api.md lists for all of them. */
  readonly statuses: readonly number[];
  /** What it is for, as docs/api.md says it. */
  readonly text: string;
}

/** What the path of a request has in the place of each `{name}`, percent-decoded. */
export type PathParameters = ReadonlyMap<string, Buffer>;

export const NO_PARAMETERS: PathParameters = new Map();

/** @returns all methods that the route answers, for `Allow` */
export function methodsOf({ methods, changesByGet }: Route): readonly Method[] {
  if (!methods.includes('GET') || changesByGet === true) return methods;
  return methods.flatMap((method): Method[] => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

/** Matches the paths of requests against a route's path that has parameters. */
export class PathPattern {
  readonly #segments: readonly string[];
  /** The name of `{name...}`. */
  readonly #rest: string | undefined;

  constructor(path: string) {
    const segments = path.split('/');
    const rest = /^\{(\w+)\.\.\.\}$/.exec(segments.at(-1) ?? '');
    this.#rest = rest?.[1];
    this.#segments = rest === null ? segments : segments.slice(0, -1);
    for (const segment of this.#segments) {
      const isWhole = !segment.includes('{') || /^\{\w+\}$/.test(segment);
      assert(isWhole, `a parameter of ${path} is a whole segment, and {name...} is the last one`);
    }
  }

  /** @returns undefined for another path, `malformed` where a parameter has a `%` without two hex digits */
  match(target: string): PathParameters | 'malformed' | undefined {
    const given = rawPathOf(target).split('/');
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
