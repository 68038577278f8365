// The OpenAPI document that the route tables give: valid, complete, and without anything else.

import { describe, expect, test } from 'vitest';
import { type ClientRoute, methodsOf } from '../../../src/cluster/http/client-route.ts';
import { ERRORS } from '../../../src/cluster/http/errors.ts';
import { openApiOf } from '../../../src/cluster/http/openapi.ts';
import { bytesOf, plainGet } from '../../../src/simulation/requests.ts';
import { isObject, METHODS, problemsOf, resolved } from '../../helpers/openapi-document.ts';
import { routeTables } from '../../helpers/route-tables.ts';
import { SHAPE, Stage } from '../../simulation/founded.ts';

const TABLES = await routeTables();
const ROLES = ['controller', 'storage', 'frontend'] as const;

function documentsOfRoles() {
  const { cluster } = new Stage(1, SHAPE);
  const [storage, frontend] = [cluster.storages[0], cluster.frontends[0]];
  return { controller: cluster.controller, storage, frontend };
}

/** OpenAPI has no place for the methods of WebDAV. */
function describedOf(route: ClientRoute) {
  return methodsOf(route).filter((method) => METHODS.includes(method.toLowerCase()));
}

type Paths = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;

function operationsIn(document: { readonly paths: Paths }): readonly string[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

describe.each(ROLES)('of a %s', (role) => {
  const node = documentsOfRoles()[role];
  const document = JSON.parse(bytesOf(node?.peek(plainGet('/openapi.json'))).toString());

  test('it is valid OpenAPI 3.1', () => {
    expect(problemsOf(document)).toEqual([]);
  });

  test('it has each route of each table of the role, and nothing else', () => {
    const wanted = TABLES.filter((entry) => ['all', role].includes(entry.role)).flatMap(
      ({ route }) =>
        describedOf(route).map((method) => `${method} ${route.path.replace('...}', '}')}`),
    );
    expect([...operationsIn(document)].sort()).toEqual([...wanted].sort());
  });

  test('each operation has all statuses of its entry', () => {
    for (const { route } of TABLES.filter((entry) => ['all', role].includes(entry.role))) {
      for (const method of describedOf(route)) {
        const operation = document.paths[route.path.replace('...}', '}')][method.toLowerCase()];
        expect(Object.keys(operation.responses)).toEqual(
          expect.arrayContaining(route.statuses.map(String)),
        );
      }
    }
  });
});

describe('each entry of a table', () => {
  test.each(TABLES)('$path: $route.path says what comes with it', ({ route }) => {
    const { statuses, replies = {}, errors = [] } = route;
    // Of others the document could only say that anything may come.
    const coded: readonly number[] = Object.values(ERRORS).map(({ status }) => status);
    const undescribed = statuses.filter(
      (status) => !coded.includes(status) && replies[status] === undefined,
    );
    expect(undescribed).toEqual([]);
    expect(statuses).toEqual(expect.arrayContaining(Object.keys(replies).map(Number)));
    expect(statuses).toEqual(expect.arrayContaining(errors.map((code) => ERRORS[code].status)));
  });
});

const ROUTE: ClientRoute = { path: '/a', methods: ['GET'], statuses: [200], text: 'An a.' };

function documentOf(...routes: readonly ClientRoute[]) {
  const document = openApiOf('frontend', routes) as unknown as { readonly paths: Paths };
  expect(problemsOf(document)).toEqual([]);
  return document;
}

describe('an entry', () => {
  test('that says no more than routing needs is documented all the same', () => {
    const route: ClientRoute = {
      ...ROUTE,
      path: '/v1/{key}/{rest...}',
      methods: ['GET', 'PUT'],
      statuses: [200, 404, 409, 418],
    };
    const document = documentOf(route);
    const { get, head, put } = document.paths['/v1/{key}/{rest}'] ?? {};
    expect([get?.operationId, head?.operationId, put?.operationId]).toEqual([
      'getV1KeyRest',
      'headV1KeyRest',
      'putV1KeyRest',
    ]);
    expect(get?.parameters).toMatchObject([
      { name: 'key', in: 'path', required: true },
      { name: 'rest', in: 'path', required: true },
    ]);
    const responses = put?.responses as Readonly<Record<string, unknown>>;
    expect(responses).toMatchObject({ 200: { content: { '*/*': {} } }, 418: { content: {} } });
    const conflict = resolved(document, responses['409']);
    expect(conflict).toMatchObject({
      headers: {
        'X-Fog-Error': { schema: { enum: expect.arrayContaining(['link-refused', 'clock-off']) } },
      },
    });
    // What changes something is refused to a page of another site, and a path may have a broken escape.
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '403', '501', '503']));
    expect(Object.keys(get?.responses as object)).not.toContain('403');
  });

  test('of a path whose other methods are another entry becomes one path with it', () => {
    const put: ClientRoute = { ...ROUTE, methods: ['PUT'], text: 'Makes an a.' };
    const document = documentOf(ROUTE, put);
    expect(operationsIn(document)).toEqual(['GET /a', 'HEAD /a', 'PUT /a']);
  });

  test('with parameters, a body, headers and errors of its own has them in the document', () => {
    const document = documentOf({
      ...ROUTE,
      methods: ['GET', 'POST'],
      statuses: [200, 400],
      parameters: [
        { name: 'n', text: 'How many.', required: true, schema: { type: 'integer', minimum: 1 } },
        { name: 'If-Match', in: 'header', text: 'Only this one.' },
      ],
      body: { types: ['application/x-ndjson'], text: 'Lines.', required: true, example: '{}' },
      replies: { 200: { text: 'Them.', types: ['text/html'], headers: { ETag: 'Its name.' } } },
      errors: ['bad-parameter'],
      errorType: 'application/problem+json',
    });
    const { get, post } = document.paths['/a'] ?? {};
    expect(get).not.toHaveProperty('requestBody');
    expect(post).toMatchObject({
      parameters: [
        { name: 'n', in: 'query', required: true, schema: { type: 'integer', minimum: 1 } },
        { name: 'If-Match', in: 'header', required: false },
      ],
      requestBody: { required: true, content: { 'application/x-ndjson': { example: '{}' } } },
      responses: {
        200: { headers: { ETag: { description: 'Its name.' } }, content: { 'text/html': {} } },
      },
    });
    const responses = post?.responses as Readonly<Record<string, unknown>>;
    const refusal = resolved(document, responses['400']);
    expect(refusal?.content).toMatchObject({ 'application/problem+json': {}, 'text/plain': {} });
    expect(isObject(refusal) && isObject(refusal.headers)).toBe(true);
  });
});

describe('the check of documents finds', () => {
  const good = openApiOf('frontend', [{ ...ROUTE, path: '/a/{b}' }]);
  const change = (edit: (copy: Record<string, never>) => void) => {
    const copy = structuredClone(good) as Record<string, never>;
    edit(copy);
    return problemsOf(copy).join('\n');
  };
  type Loose = Record<string, Record<string, Record<string, Record<string, unknown>>>>;
  const operation = (copy: Record<string, never>) =>
    (copy.paths as unknown as Loose)['/a/{b}']?.get as unknown as Record<
      string,
      Record<string, unknown>
    >;

  test('nothing in a good one', () => {
    expect(change(() => undefined)).toBe('');
    expect(METHODS).toContain('get');
  });

  test.each<readonly [string, (copy: Record<string, never>) => void]>([
    ['does not declare {b}', (copy) => Object.assign(operation(copy), { parameters: [] })],
    ['has no description', (copy) => Object.assign(operation(copy), { responses: { 200: {} } })],
    [
      'refers to #/components/responses/None',
      (copy) =>
        Object.assign(operation(copy), {
          responses: { 200: { $ref: '#/components/responses/None' } },
        }),
    ],
    ['is the second headAB', (copy) => Object.assign(operation(copy), { operationId: 'headAB' })],
    ['is in body', (copy) => Object.assign(firstParameter(copy), { in: 'body' })],
    ['is of the path, and not required', (copy) => delete firstParameter(copy).required],
    ['is no status', (copy) => Object.assign(operation(copy).responses ?? {}, { 20: {} })],
    ['has the unknown tag odd', (copy) => Object.assign(operation(copy), { tags: ['odd'] })],
    ['is not 3.1', (copy) => Object.assign(copy, { openapi: '3.0.3' })],
    ['has webhooks', (copy) => Object.assign(copy, { webhooks: {} })],
  ])('%s', (problem, edit) => {
    expect(change(edit)).toContain(problem);
  });

  function firstParameter(copy: Record<string, never>): Record<string, unknown> {
    return (operation(copy).parameters as unknown as Record<string, unknown>[])[0] ?? {};
  }
});
