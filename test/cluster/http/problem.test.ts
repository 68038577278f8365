// In which form an error is answered, by what the request says that it takes.

import { describe, expect, test } from 'vitest';
import { errorReply } from '../../../src/cluster/http/errors.ts';
import { problemFor } from '../../../src/cluster/http/problem.ts';
import { refusalReply } from '../../../src/cluster/http/routes.ts';

const ERROR = errorReply('not-stored', 'not every node; nothing was "stored"', {
  headers: { 'x-fog-version': '00' },
});

test('a problem says what the line says, and what the code means', () => {
  const { status, headers, body } = problemFor('application/problem+json', ERROR, 'Words');
  expect(status).toBe(503);
  expect(headers).toEqual({
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-fog-error': 'not-stored',
    'x-fog-version': '00',
    'retry-after': '1',
  });
  expect(JSON.parse(String(body))).toEqual({
    type: 'about:blank',
    title: 'Words',
    status: 503,
    detail: 'not every node; nothing was "stored"',
    code: 'not-stored',
    retryable: true,
  });
});

test('what may take effect twice is not retryable', () => {
  const unknown = problemFor('application/json', errorReply('effect-unknown', 'x'), 'Words');
  expect(JSON.parse(String(unknown.body))).toMatchObject({ status: 504, retryable: false });
});

describe('who accepts', () => {
  test.each<[string | undefined, boolean]>([
    [undefined, false],
    ['', false],
    ['*/*', false],
    ['application/*', false],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', false],
    ['application/json', true],
    ['application/problem+json', true],
    ['Application/JSON', true],
    ['application/json; charset=utf-8', true],
    // Of axios and of undici's fetch with a header of its own.
    ['application/json, text/plain, */*', true],
    ['application/json;q=0.5, */*', false],
    ['application/json;q=0.5, */*;q=0.1', true],
    ['application/json;q=0.5, text/plain', false],
    ['application/json;q=0.5, text/plain;q=0.4, */*', true],
    ['application/json;q=0.5, text/*;q=0.6', false],
    ['application/json;q=0', false],
    ['application/json;q=0, application/problem+json', true],
    ['application/jsonl', false],
    ['application/json;q=x', false],
  ])('%s gets JSON: %s', (accept, isJson) => {
    const { headers, body } = problemFor(accept, ERROR, 'Words');
    expect(headers['content-type']).toBe(
      isJson ? 'application/problem+json' : 'text/plain; charset=utf-8',
    );
    expect(String(body).startsWith('{')).toBe(isJson);
  });
});

test('the answer to a control message has a form of its own, and keeps it', () => {
  const refusal = refusalReply('unknown-node', 'who is that');
  expect(problemFor('application/problem+json', refusal, 'Words')).toBe(refusal);
});
