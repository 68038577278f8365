// Makes /openapi.json, an OpenAPI 3.1 document of a role, from its route tables. It has the paths of people and their
// programs only; what nodes and operators say to each other under /c/ and /s/ is in docs/protocol.md.

import { VERSION } from '../software.ts';
import {
  type ClientRoute,
  changesBy,
  hasParameters,
  type Method,
  methodsOf,
} from './client-route.ts';
import { ERRORS, type ErrorCode } from './errors.ts';
import {
  JSON_TYPE,
  PROBLEM_TYPE,
  type RouteBody,
  type RouteParameter,
  type RouteReply,
  type RouteTask,
  TASKS,
  TEXT_TYPE,
} from './route-description.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** The errors of docs/api.md, "Every path", that a request of any known path and method may get. */
const ANYWHERE: readonly ErrorCode[] = [
  'bad-request',
  'truncated-request',
  'slow-request',
  'unknown-expectation',
  'head-too-large',
  'internal',
  'unknown-coding',
  'overloaded',
  'unknown-version',
];

/** The content types that the error of any path may have. */
const ERROR_TYPES: readonly string[] = [TEXT_TYPE, PROBLEM_TYPE];

const DESCRIPTION = `Keys and values are bytes: every byte may be percent-encoded, and \`+\` is a space in a query.
An error is one line of text that says what was wrong and, where it helps, shows a request that works, or
application/problem+json for whoever accepts that; its code is in the header X-Fog-Error. A path may end with a slash.`;

export function openApiOf(role: string, routes: readonly ClientRoute[]): JsonObject {
  const errors = new ErrorResponses();
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const route of routes) {
    const path = templateOf(route);
    for (const method of methodsOf(route).filter(isDescribed)) {
      paths[path] = {
        ...paths[path],
        [method.toLowerCase()]: operationOf(route, method, errors),
      };
    }
  }
  const tags = (Object.keys(TASKS) as RouteTask[]).filter((task) =>
    routes.some((route) => tagOf(route) === task),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: `velour-fog ${role}`,
      version: VERSION,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to this document, so that it holds behind whatever proxy the client asked.
    servers: [{ url: '/', description: 'The process that this document came from.' }],
    tags: tags.map((task) => ({ name: task, description: TASKS[task] })),
    paths,
    components: { responses: errors.components() },
  };
}

/** OpenAPI 3.1 has no place for the methods of WebDAV; docs/webdav.md describes them. */
function isDescribed(method: Method): boolean {
  return DESCRIBED.includes(method);
}

const DESCRIBED: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

function tagOf({ task = 'other' }: ClientRoute): RouteTask {
  return task;
}

/** `{name...}` is no template of OpenAPI; its parameter says that slashes belong to it. */
function templateOf({ path }: ClientRoute): string {
  return path.replace('...}', '}');
}

function operationOf(route: ClientRoute, method: Method, errors: ErrorResponses): JsonObject {
  const { text, body } = route;
  const parameters = parametersOf(route);
  const hasBody = body !== undefined && (method === 'POST' || method === 'PUT');
  return {
    operationId: operationIdOf(route, method),
    tags: [tagOf(route)],
    summary: method === 'HEAD' ? 'As GET, without the body.' : text,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(hasBody ? { requestBody: requestBodyOf(body) } : {}),
    responses: responsesOf(route, method, errors),
  };
}

/** @returns such as `getV1KeysKey` for `GET /v1/keys/{key}` */
function operationIdOf({ path }: ClientRoute, method: Method): string {
  return `${method.toLowerCase()}${path === '/' ? 'Root' : capitalized(path)}`;
}

function parametersOf(route: ClientRoute): readonly JsonObject[] {
  const inPath = [...route.path.matchAll(/\{(\w+)(\.\.\.)?\}/g)];
  const { parameters = [] } = route;
  const undeclared = inPath
    .filter(([, name]) => !parameters.some((parameter) => parameter.name === name))
    .map(
      ([, name = '', isRest]): RouteParameter => ({
        name,
        text:
          isRest === undefined
            ? 'A part of the path.'
            : 'A part of the path, also with slashes in it.',
      }),
    );
  return [...undeclared, ...parameters].map((parameter) => {
    const { name, text, schema = { type: 'string' }, example, required = false } = parameter;
    const isInPath = inPath.some(([, other]) => other === name);
    return {
      name,
      in: isInPath ? 'path' : (parameter.in ?? 'query'),
      description: text,
      required: required || isInPath,
      schema,
      ...(example === undefined ? {} : { example }),
    };
  });
}

function requestBodyOf(body: RouteBody): JsonObject {
  const { types = ['*/*'], text, required = false, example } = body;
  const media = example === undefined ? {} : { example };
  return {
    description: text,
    required,
    content: Object.fromEntries(types.map((type) => [type, media])),
  };
}

function responsesOf(route: ClientRoute, method: Method, errors: ErrorResponses): JsonObject {
  const { statuses, replies = {}, errorType } = route;
  const responses: Record<number, JsonObject> = {};
  const codes = codesOf(route, method);
  for (const status of new Set([...statuses, ...codes.map((code) => ERRORS[code].status)])) {
    const reply = replies[status];
    const ofStatus = codes.filter((code) => ERRORS[code].status === status);
    if (reply === undefined && ofStatus.length > 0) {
      const types = errorType !== undefined && statuses.includes(status) ? [errorType] : [];
      responses[status] = errors.of(status, types, ofStatus);
      continue;
    }
    responses[status] = responseOf(reply ?? UNDESCRIBED, ofStatus, method);
  }
  return responses;
}

/** @param codes the errors that have the status of the reply as well */
function responseOf(reply: RouteReply, codes: readonly ErrorCode[], method: Method): JsonObject {
  const { text, types, headers = {} } = reply;
  const isError = codes.length > 0;
  const all = isError ? [...new Set([...types, ...ERROR_TYPES])] : types;
  return {
    description: isError ? `${text} If there is an X-Fog-Error, it is ${codes.join(', ')}.` : text,
    ...headersOf(isError ? { ...headers, 'X-Fog-Error': A_CODE } : headers),
    ...(method === 'HEAD' ? {} : contentOf(all)),
  };
}

/** The reply of a status without an error code, where the entry says nothing of it; a test refuses such entries. */
const UNDESCRIBED: RouteReply = { text: 'Not described.', types: ['*/*'] };
const A_CODE = 'What was wrong, as a word for programs.';

function codesOf(route: ClientRoute, method: Method): readonly ErrorCode[] {
  const { statuses, replies = {}, body } = route;
  const all = Object.keys(ERRORS) as ErrorCode[];
  const own =
    route.errors ??
    all.filter((code) => {
      const { status } = ERRORS[code];
      return statuses.includes(status) && replies[status] === undefined;
    });
  const changes = changesBy(route, method);
  return [
    ...new Set([
      ...own,
      ...ANYWHERE,
      ...(changes ? (['foreign-origin'] as const) : []),
      ...(body === undefined ? [] : (['value-too-large'] as const)),
      ...(hasParameters(route) ? (['bad-parameter'] as const) : []),
    ]),
  ];
}

function headersOf(headers: Readonly<Record<string, string>>): JsonObject {
  const entries = Object.entries(headers);
  if (entries.length === 0) return {};
  return {
    headers: Object.fromEntries(
      entries.map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
    ),
  };
}

function contentOf(types: readonly string[]): JsonObject {
  if (types.length === 0) return {};
  return { content: Object.fromEntries(types.map((type) => [type, mediaOf(type)])) };
}

/** Bytes of any kind have no schema (OpenAPI 3.1, "Considerations for File Uploads"). */
function mediaOf(type: string): JsonObject {
  if (type === JSON_TYPE) return { schema: { type: 'object' } };
  return type.startsWith('text/') ? { schema: { type: 'string' } } : {};
}

/** The replies that are errors, each described once, with all codes that any path of the role gives with it. */
class ErrorResponses {
  readonly #byName = new Map<
    string,
    { readonly status: number; readonly types: readonly string[]; readonly codes: Set<ErrorCode> }
  >();

  /** @returns a reference that names the codes of this path */
  of(status: number, types: readonly string[], codes: readonly ErrorCode[]): JsonObject {
    const all = [...new Set([...ERROR_TYPES, ...types])];
    const others = all.slice(ERROR_TYPES.length).map((type) => `Or${nameOf(type)}`);
    const name = `Error${status}${others.join('')}`;
    const known = this.#byName.get(name) ?? { status, types: all, codes: new Set() };
    for (const code of codes) known.codes.add(code);
    this.#byName.set(name, known);
    return {
      $ref: `#/components/responses/${name}`,
      description: `X-Fog-Error is ${codes.join(', ')}.`,
    };
  }

  components(): JsonObject {
    const sorted = [...this.#byName].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      sorted.map(([name, { status, types, codes }]) => [
        name,
        {
          description: [...codes].map(describe).join(', '),
          headers: {
            'X-Fog-Error': {
              description: A_CODE,
              schema: { type: 'string', enum: [...codes] },
            },
            ...(status === 503 ? RETRY_AFTER : {}),
          },
          ...contentOf(types),
        },
      ]),
    );
  }
}

const RETRY_AFTER = {
  'Retry-After': {
    description: 'Seconds after which to try again.',
    schema: { type: 'integer' },
  },
};

function describe(code: ErrorCode): string {
  return ERRORS[code].retryable ? `${code} (may succeed later as it is)` : code;
}

/** `application/problem+json` is `ProblemJson` in the name of a component. */
function nameOf(type: string): string {
  return capitalized(type.slice(type.indexOf('/')));
}

function capitalized(text: string): string {
  const words = text.match(/\w+/g) ?? [];
  return words.map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`).join('');
}
