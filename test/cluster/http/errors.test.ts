// The error registry, and the one form that every refusal has.

import { describe, expect, test } from 'vitest';
import { assert, InvariantBroken, unreachable } from '../../../src/cluster/assert.ts';
import {
  brokenBodyReply,
  ERRORS,
  type ErrorCode,
  EXIT,
  errorReply,
  FatalError,
} from '../../../src/cluster/http/errors.ts';

const CODES = Object.keys(ERRORS) as ErrorCode[];

describe('every code', () => {
  test.each(CODES)('%s is a word, with an error status', (code) => {
    const { status } = ERRORS[code];
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
  });

  test.each(CODES)('%s travels in X-Fog-Error, with Retry-After exactly on 503', (code) => {
    const { status, headers, body } = errorReply(code, 'it went wrong');
    expect(status).toBe(ERRORS[code].status);
    expect(headers['x-fog-error']).toBe(code);
    expect(headers['retry-after']).toBe(status === 503 ? '1' : undefined);
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(body).toBe('it went wrong\n');
  });

  test.each(CODES)('%s is retryable only where the same request may succeed later', (code) => {
    const { status, retryable } = ERRORS[code];
    // What was asked may have been done already, and would be done once more.
    const isCumulative = code === 'effect-unknown';
    if ([503, 504, 507].includes(status)) expect(retryable).toBe(!isCumulative);
    if ([404, 405, 413, 431, 501].includes(status)) expect(retryable).toBe(false);
  });
});

test('misuse of the three verbs is 501, as what this cluster cannot do; a value too large 413, an unknown outcome 504', () => {
  const withStatus = (status: number) => CODES.filter((code) => ERRORS[code].status === status);
  expect(withStatus(501).sort()).toEqual([
    'bad-query',
    'bad-ttl',
    'cache-has-no-files',
    'empty-key',
    'key-too-long',
    'missing-key',
    'missing-value',
    'no-ffprobe',
    'unknown-coding',
  ]);
  expect(withStatus(413)).toEqual(['value-too-large']);
  expect(withStatus(431)).toEqual(['head-too-large']);
  expect(withStatus(504)).toEqual(['outcome-unknown', 'effect-unknown', 'no-storage']);
});

test('only an unknown path is 404, so that a missing key is never taken for it', () => {
  expect(CODES.filter((code) => ERRORS[code].status === 404)).toEqual(['unknown-path']);
});

test('the line that shows what would be right stands behind what was wrong', () => {
  const { body } = errorReply('missing-key', 'the request names no key', { instead: "curl 'x'" });
  expect(body).toBe("the request names no key. Try: curl 'x'\n");
});

test('a body that is too long is told how long it may be, where that is known', () => {
  expect(brokenBodyReply('too-large', 1000).body).toBe(
    'the body is longer than this path takes: 1000 bytes are the most; nothing of it was stored\n',
  );
  expect(brokenBodyReply('too-large').body).toBe(
    'the body is longer than this path takes; nothing of it was stored\n',
  );
  expect(brokenBodyReply('slow', 1000).body).not.toContain('1000');
});

test('headers of the case are added, and the code stays', () => {
  const { headers } = errorReply('method-not-allowed', 'no', { headers: { allow: 'GET' } });
  expect(headers).toMatchObject({ allow: 'GET', 'x-fog-error': 'method-not-allowed' });
});

test('exit codes are those that scripts were promised', () => {
  expect(EXIT).toMatchObject({ usage: 2, unavailable: 69, failure: 70, config: 78 });
  const error = new FatalError(EXIT.config, 'no');
  expect([error.exitCode, error.message, error.name]).toEqual([78, 'no', 'FatalError']);
});

test('an assertion that fails throws what must hold, one that holds nothing', () => {
  expect(() => assert(true, 'one is one')).not.toThrow();
  expect(() => assert(false, 'one is two')).toThrow(InvariantBroken);
  expect(() => assert(false, 'one is two')).toThrow('one is two');
  expect(() => unreachable({ kind: 'odd' } as never)).toThrow('unreachable state: {"kind":"odd"}');
});
