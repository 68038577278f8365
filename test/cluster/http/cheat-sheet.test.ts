// What `GET /` says, as text and as a page.

import { describe, expect, test } from 'vitest';
import { type Sheet, sheetReply } from '../../../src/cluster/http/cheat-sheet.ts';
import type { ClientRoute } from '../../../src/cluster/http/client-route.ts';
import { replyHeader } from '../../../src/cluster/http/http.ts';
import type { SimulatedNode } from '../../../src/simulation/cluster.ts';
import { bytesOf, plainGet } from '../../../src/simulation/requests.ts';
import { routeTables } from '../../helpers/route-tables.ts';
import { SHAPE, Stage } from '../../simulation/founded.ts';

const ROUTES: readonly ClientRoute[] = [
  {
    path: '/set',
    methods: ['GET', 'PUT'],
    changesByGet: true,
    statuses: [200],
    text: 'Stores it.',
    task: 'keys',
    examples: [
      { target: '/set?key=a&value=1' },
      { target: '/set?key=a', flags: "-d 'x y'", text: 'Stores the body.' },
    ],
  },
  {
    path: '/get',
    methods: ['GET'],
    statuses: [200],
    text: 'Gives it.',
    task: 'keys',
    examples: [{ target: '/get?key=a&b=<c>' }],
  },
  { path: '/v1/odd/{name}', methods: ['GET', 'DELETE'], statuses: [200], text: 'An odd one.' },
];
const SHEET: Sheet = {
  role: 'frontend',
  address: '10.0.0.1:12080',
  host: 'kv.example:80',
  version: '1.2.3',
  problem: undefined,
  note: undefined,
  routes: ROUTES,
};
const BROWSER = 'text/html,application/xhtml+xml,*/*;q=0.8';

const textOf = (sheet: Sheet) => bytesOf(sheetReply(sheet, '*/*')).toString();
const pageOf = (sheet: Sheet) => bytesOf(sheetReply(sheet, BROWSER)).toString();

describe('the text', () => {
  test('says who this is, and has the paths by task, as lines for a shell', () => {
    expect(textOf(SHEET)).toBe(`velour-fog frontend at 10.0.0.1:12080, version 1.2.3, ready

Keys and values
  curl 'http://kv.example:80/set?key=a&value=1'   # Stores it.
  curl -d 'x y' 'http://kv.example:80/set?key=a'  # Stores the body.
  curl 'http://kv.example:80/get?key=a&b=<c>'     # Gives it.

Other paths
  GET, DELETE /v1/odd/{name}  # An odd one.
`);
  });

  test('says why the process is not ready, and what else one has to know, a line each', () => {
    const sheet = { ...SHEET, problem: 'map: none\nyet', note: 'keys are asked of a frontend' };
    expect(textOf(sheet).split('\n').slice(0, 3)).toEqual([
      'velour-fog frontend at 10.0.0.1:12080, version 1.2.3, not ready: map: none yet',
      'keys are asked of a frontend',
      '',
    ]);
  });

  test('may not be taken from a cache for the page', () => {
    for (const accept of ['*/*', BROWSER]) {
      const reply = sheetReply(SHEET, accept);
      expect(replyHeader(reply, 'vary')).toBe('accept');
      expect(replyHeader(reply, 'cache-control')).toBe('no-store');
    }
    expect(replyHeader(sheetReply(SHEET, undefined), 'content-type')).toMatch(/^text\/plain;/);
    expect(replyHeader(sheetReply(SHEET, BROWSER), 'content-type')).toMatch(/^text\/html;/);
  });
});

describe('the page', () => {
  test('has the same lines, and links only requests that change nothing', () => {
    const page = pageOf(SHEET);
    expect(page).toContain('<h2>Keys and values</h2>');
    expect(page).toContain('<h2>Other paths</h2>');
    expect(page.match(/<a href="[^"]*"/g)).toEqual(['<a href="/get?key=a&amp;b=&lt;c&gt;"']);
    expect(page.match(/<li>/g)).toHaveLength(4);
    expect(page).toContain('-d &#39;x y&#39; &#39;http://kv.example:80/set?key=a&#39;');
  });

  test('escapes all that it is given', () => {
    const evil = `<script>alert("1")</script>&'`;
    const page = pageOf({
      ...SHEET,
      role: evil,
      address: evil,
      host: evil,
      version: evil,
      problem: evil,
      note: evil,
      routes: [{ path: evil, methods: ['GET'], statuses: [200], text: evil }],
    });
    expect(page).not.toContain('<script');
    expect(page).not.toContain('"1"');
    expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;');
  });

  test('loads nothing, runs nothing, and is readable on a phone and in the dark', () => {
    const page = pageOf(SHEET);
    expect(page).not.toMatch(/<(?:script|img|link|iframe|object|base|form)|@import|url\(| on\w+=/i);
    expect(page).toContain('name="viewport" content="width=device-width');
    expect(page).toContain('color-scheme:light dark');
    const policy = replyHeader(sheetReply(SHEET, BROWSER), 'content-security-policy');
    expect(policy).toMatch(/^default-src 'none'; style-src 'unsafe-inline'/);
  });
});

describe('of a real role', () => {
  const stage = new Stage(1, SHAPE);
  const { controller, storages, frontends } = stage.cluster;
  const asked = (node: Pick<SimulatedNode, 'peek'> | undefined) =>
    bytesOf(node?.peek(plainGet('/'))).toString();

  test('a frontend has each of its paths, in 50 lines at most', async () => {
    const sheet = asked(frontends[0]);
    expect(sheet.trimEnd().split('\n').length).toBeLessThanOrEqual(50);
    for (const { role, route } of await routeTables()) {
      if (role === 'all' || role === 'frontend') {
        const [path = ''] = route.path.split('{');
        expect(sheet, route.path).toContain(path);
      }
    }
  });

  test('a controller and a storage node say where keys are asked', () => {
    expect(asked(controller)).toMatch(
      /^velour-fog controller at .*, ready\nkeys and files are asked of a /,
    );
    expect(asked(storages[0])).toMatch(
      /^velour-fog storage at .*, ready\nkeys and files are asked of a /,
    );
  });

  test('a client that names no host, or one that a shell could misread, gets the own address', () => {
    const own = stage.frontend(0).address;
    for (const host of [undefined, "x';reboot;'"]) {
      const request = { ...plainGet('/'), header: () => host };
      expect(bytesOf(stage.frontend(0).peek(request)).toString()).toContain(
        `curl 'http://${own}/get?key=a'`,
      );
    }
  });

  test('who is not ready says so, and why', () => {
    const frontend = stage.frontend(0);
    stage.cluster.controller.crash(false);
    frontend.crash(false);
    frontend.start();
    stage.pass(3000);
    expect(asked(frontend)).toMatch(
      /^velour-fog frontend at .*, not ready: map: .+; clock: .+\n\nK/,
    );
  });

  test('each example stands within single quotes, and goes to its own path', async () => {
    for (const { route } of await routeTables()) {
      for (const { target } of route.examples ?? []) {
        expect(target).not.toMatch(/['\s]/);
        const [fixed = ''] = route.path.split('{');
        expect(target.startsWith(fixed), `${target} of ${route.path}`).toBe(true);
      }
    }
  });
});
