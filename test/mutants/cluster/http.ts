// Mutants of what each process says of itself: health, the list of its paths, the OpenAPI document.

import { type Mutant, tests } from '../mutant.ts';

const CHEAT_SHEET = 'src/cluster/http/cheat-sheet.ts';
const CHEAT_SHEET_TESTS = 'test/cluster/http/cheat-sheet.test.ts';
const HEALTH = 'src/cluster/http/health.ts';
const HEALTH_TESTS = 'test/cluster/http/health.test.ts';
const OPENAPI = 'src/cluster/http/openapi.ts';
const OPENAPI_TESTS = 'test/cluster/http/openapi.test.ts';
const ROUTES = 'src/cluster/http/routes.ts';

export const CLUSTER_HTTP_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-wrong-method-before-a-wrong-head',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: ROUTES,
        find: 'if (route.judgesAnyMethod === true) return',
        replace: 'if (route.judgesAnyMethod === undefined) return',
      },
    ],
    fate: tests('test/cluster/http/routes.test.ts', 'a wrong method of a wrong head'),
  },
  {
    name: 'page-with-raw-texts',
    rule: 'what a process says of itself',
    edits: [
      { file: CHEAT_SHEET, find: 'text.replace(/[&<>"\']/g,', replace: 'text.replace(/[&"\']/g,' },
    ],
    fate: tests(CHEAT_SHEET_TESTS, 'escapes all that it is given'),
  },
  {
    name: 'page-that-changes-something-by-a-click',
    rule: 'what a process says of itself',
    edits: [
      {
        file: CHEAT_SHEET,
        find: "return flags === undefined && methodsOf(route).includes('HEAD');",
        replace: "return flags === undefined && methodsOf(route).includes('GET');",
      },
    ],
    fate: tests(CHEAT_SHEET_TESTS, 'links only requests that change nothing'),
  },
  {
    name: 'document-without-a-route',
    rule: 'what a process says of itself',
    edits: [
      {
        file: ROUTES,
        find: "if ('statuses' in route) this.#described.push(route);",
        replace:
          "if ('statuses' in route && route.path !== '/status') this.#described.push(route);",
      },
    ],
    fate: tests(OPENAPI_TESTS, 'it has each route of each table'),
  },
  {
    name: 'document-with-one-method-a-path',
    rule: 'what a process says of itself',
    edits: [{ file: OPENAPI, find: '        ...paths[path],\n', replace: '' }],
    fate: tests(OPENAPI_TESTS, 'whose other methods are another entry'),
  },
  {
    name: 'unknown-is-well',
    rule: 'health',
    edits: [
      {
        file: HEALTH,
        find: '{ name, problem: found.unknown, isUnknown: true }',
        replace: '{ name, problem: undefined }',
      },
    ],
    fate: tests(HEALTH_TESTS, 'a check that cannot be judged does not pass'),
  },
];
