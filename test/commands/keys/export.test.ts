// What `velour export` leaves in its file where no frontend gives it all: never less than there was before anything came,
// and a part that it goes on with.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EXIT } from '../../../src/cluster/http/errors.ts';
import { exportCommand } from '../../../src/commands/keys/export.ts';
import { runCommand } from '../../../src/commands/parser.ts';

const A = '{"key":"a"}\n{"cursor":"C1"}\n';
const B = '{"key":"b"}\n{"cursor":null}\n';
/** An import of this alone sees that it is no whole export. */
const BEGINNING = '{"cursor":""}\n';
const NOBODY = '127.0.0.1:1';
const YESTERDAY = '{"key":"yesterday"}\n{"cursor":null}\n';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
  file = join(directory, 'all.ndjson');
});
const cleanUps: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
  rmSync(directory, { recursive: true });
});

/** A frontend that lists these, one request after the other, and refuses what is asked for then. */
async function frontend(...answers: readonly string[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const answer = answers[asked.push(request.url ?? '') - 1];
    if (answer === undefined) {
      response.writeHead(400, { 'x-fog-error': 'bad-cursor' }).end('no such cursor\n');
    } else response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const exportFrom = (endpoint: string, ...words: readonly string[]) =>
  runCommand(['export', '--endpoint', endpoint, '-o', file, ...words], {
    commands: [exportCommand],
    groups: {},
    variables: {},
  });

test.each([
  { words: [], earlier: YESTERDAY },
  { words: ['--resume'], earlier: '{"key":"before any cursor"}\n' },
])('an earlier export stays as it was where nobody answers $words', async ({ words, earlier }) => {
  writeFileSync(file, earlier);
  await expect(exportFrom(NOBODY, ...words)).rejects.toMatchObject({
    exitCode: EXIT.unavailable,
    message: expect.stringMatching(/; nothing was written to .*all\.ndjson$/),
  });
  expect(readFileSync(file, 'utf8')).toBe(earlier);
});

test('an earlier export is replaced as a whole', async () => {
  const { endpoint } = await frontend(B);
  writeFileSync(file, YESTERDAY.repeat(2));
  await exportFrom(endpoint);
  expect(readFileSync(file, 'utf8')).toBe(`${BEGINNING}${B}`);
});

test('a part stays where it broke off, also when nothing more comes, and --resume goes on', async () => {
  const broken = await frontend(A);
  const part = {
    message: `no such cursor; ${file} has a part: the same command with --resume goes on`,
  };
  await expect(exportFrom(broken.endpoint)).rejects.toMatchObject(part);
  expect(readFileSync(file, 'utf8')).toBe(`${BEGINNING}${A}`);
  await expect(exportFrom(broken.endpoint, '--resume')).rejects.toMatchObject(part);
  expect(readFileSync(file, 'utf8')).toBe(`${BEGINNING}${A}`);
  // Behind the last cursor is what a later call does not keep.
  writeFileSync(file, `${A}{"key":"bbb`);
  const { endpoint, asked } = await frontend(B);
  await exportFrom(endpoint, '--resume');
  expect(readFileSync(file, 'utf8')).toBe(`${A}${B}`);
  expect(asked).toEqual(['/v1/export?cursor=C1']);
});
