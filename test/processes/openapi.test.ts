// What real processes say of themselves is true: each line of `GET /` works as it stands, and each operation of
// /openapi.json answers with a status, a content type and an error code that the document has for it.

import { execFileSync } from 'node:child_process';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../helpers/client.ts';
import { type LocalCluster, startCluster } from '../helpers/cluster.ts';
import { isObject, problemsOf, resolved } from '../helpers/openapi-document.ts';

let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startCluster({ frontends: 1, fileservers: 1 });
});
afterAll(() => cluster.stop());

const ROLES = ['controller', 'storage', 'frontend', 'fileserver'] as const;
const ADDRESS: Readonly<Record<(typeof ROLES)[number], () => string>> = {
  controller: () => cluster.controller,
  storage: () => cluster.storages[0] ?? '',
  frontend: () => cluster.frontends[0] ?? '',
  fileserver: () => cluster.fileservers[0] ?? '',
};
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

describe.each(ROLES)('GET / of a %s', (role) => {
  const address = ADDRESS[role];

  test('is a list whose curl lines work, one after the other', async () => {
    const { status, text, headers } = await call(address(), '/');
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
    const [heading = ''] = text.split('\n');
    expect(heading).toMatch(new RegExp(`^velour-fog ${role} at \\S+, version \\S+, ready$`));
    if (role !== 'controller') expect(heading).toContain(` at ${address()},`);
    const lines = text.split('\n').filter((line) => line.startsWith('  curl '));
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      expect(line).toContain(`'http://${address()}/`);
      // Without --fail curl ends with 0 whatever it is answered.
      const command = line.replace('curl ', 'curl --silent --show-error --fail ');
      execFileSync('sh', ['-c', command], { stdio: 'pipe' });
    }
  });

  test('is a page for browsers, and HEAD has the headers of it', async () => {
    const headers = { accept: BROWSER };
    const page = await call(address(), '/', { headers });
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).toMatch(/^<!doctype html>\n[\s\S]*<\/html>\n$/);
    const head = await call(address(), '/', { headers, method: 'HEAD' });
    expect([head.status, head.text, head.headers['content-length']]).toEqual([
      200,
      '',
      page.headers['content-length'],
    ]);
  });
});

test('the lines go to the host that the client asked for', async () => {
  const [frontend = ''] = cluster.frontends;
  const { text } = await call(frontend, '/', { headers: { host: 'kv.example:8080' } });
  expect(text).toContain("curl 'http://kv.example:8080/get?key=a'");
});

type Json = Readonly<Record<string, unknown>>;

interface Told {
  readonly status: number;
  readonly type: string;
  readonly code: string | undefined;
}

/** Sends one request, and looks only at the head of the reply: a stream of events never ends. */
async function ask(url: string, method: string, body: string | undefined): Promise<Told> {
  const reply = await request(url, {
    method: method.toUpperCase() as 'GET',
    ...(body === undefined ? {} : { body }),
  });
  reply.body.on('error', () => undefined).destroy();
  const { 'content-type': type = '', 'x-fog-error': code } = reply.headers;
  return {
    status: reply.statusCode,
    type: String(type).split(';')[0] ?? '',
    code: code === undefined ? undefined : String(code),
  };
}

/** @returns the path and query of a request with all that has an example or is needed */
function targetOf(path: string, operation: Json): string {
  let target = path;
  const query: string[] = [];
  for (const parameter of (operation.parameters ?? []) as readonly Json[]) {
    const { name, in: place, required, example, schema } = parameter;
    const usual = isObject(schema) && schema.type === 'integer' ? '1' : 'a';
    const value = encodeURIComponent(String(example ?? usual));
    if (place === 'path') target = target.replace(`{${name}}`, value);
    else if (place === 'query' && (required === true || example !== undefined)) {
      query.push(`${name}=${value}`);
    }
  }
  return query.length === 0 ? target : `${target}?${query.join('&')}`;
}

function bodyOf(operation: Json): string | undefined {
  if (!isObject(operation.requestBody)) return undefined;
  const [media] = Object.values(operation.requestBody.content as Json);
  return String((isObject(media) ? media.example : undefined) ?? 'any text');
}

/** @returns what the document does not have of what came; undefined when it has all of it */
function undocumented(document: unknown, operation: Json, method: string, told: Told) {
  const { status, type, code } = told;
  const response = resolved(document, (operation.responses as Json)[String(status)]);
  if (response === undefined) return `the status ${status}`;
  const { content = {}, headers = {} } = response as { content?: Json; headers?: Json };
  const types = Object.keys(content);
  const isKnown =
    types.length === 0 ? type === '' : types.some((one) => [type, '*/*'].includes(one));
  if (method !== 'head' && !isKnown) {
    return `the type ${type} with ${status}, but ${types}`;
  }
  const error = headers['X-Fog-Error'];
  if (code === undefined) return undefined;
  if (!isObject(error)) return `the code ${code} with ${status}`;
  const codes = isObject(error.schema) ? error.schema.enum : undefined;
  return Array.isArray(codes) && !codes.includes(code) ? `${code} among ${codes}` : undefined;
}

describe.each(ROLES)('/openapi.json of a %s', (role) => {
  test('is valid, and each operation answers as it says, asked well and asked oddly', async () => {
    const address = ADDRESS[role]();
    const answer = await call(address, '/openapi.json');
    expect(answer.headers['content-type']).toBe('application/json');
    const document = JSON.parse(answer.text);
    expect(problemsOf(document)).toEqual([]);
    const wrong: string[] = [];
    const statuses = new Map<string, number>();
    for (const [path, item] of Object.entries<Json>(document.paths)) {
      for (const [method, entry] of Object.entries(item)) {
        const operation = entry as Json;
        const target = targetOf(path, operation);
        const odd = `${target}${target.includes('?') ? '&' : '?'}no-such-parameter=1`;
        for (const each of [target, odd]) {
          const told = await ask(`http://${address}${each}`, method, bodyOf(operation));
          const missing = undocumented(document, operation, method, told);
          if (missing !== undefined) wrong.push(`${method} ${each}: ${missing}`);
          if (each === target) statuses.set(`${method} ${path}`, told.status);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(statuses.get('get /readyz')).toBe(200);
    if (role === 'frontend') {
      for (const known of ['get /get', 'get /set', 'post /set', 'put /set', 'delete /delete']) {
        expect(`${known} ${statuses.get(known)}`).toBe(`${known} 200`);
      }
    }
  });
});
