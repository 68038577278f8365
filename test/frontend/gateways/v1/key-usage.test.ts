// What requests to /v1/keys ask for, or what is said to be wrong with them.

import { describe, expect, test } from 'vitest';
import { isRecordTag, judgeRead } from '../../../../src/cluster/http/preconditions.ts';
import { type ETag, NO_CONDITION, printETag } from '../../../../src/cluster/model/condition.ts';
import type { Version } from '../../../../src/cluster/model/version.ts';
import { readKeyUsage } from '../../../../src/frontend/gateways/v1/key-usage.ts';
import type { KeyVerb } from '../../../../src/frontend/gateways/v1/keys-routes.ts';

const ONE: ETag = { version: 0x1234n as Version, hash: 0xab };
const OTHER: ETag = { version: 0x1234n as Version, hash: 0xac };

function read(
  verb: KeyVerb,
  query = '',
  headers: Readonly<Record<string, string>> = {},
  key = Buffer.from('k'),
) {
  const given: Readonly<Record<string, string>> = { host: 'h:1', ...headers };
  const request = { target: `/v1/keys/k${query}`, header: (name: string) => given[name] };
  return readKeyUsage(verb, request, key);
}

/** What is asked for; fails where the request is refused. */
function usage(...request: Parameters<typeof read>) {
  const outcome = read(...request);
  if ('fault' in outcome) throw new Error(outcome.fault.what);
  return outcome.usage;
}

/** The line that the client gets; fails where the request is taken. */
function refusal(...request: Parameters<typeof read>): string {
  const outcome = read(...request);
  if ('usage' in outcome) throw new Error('it was taken');
  return `${outcome.fault.what}. Try: ${outcome.fault.instead}`;
}

test('a plain request has no condition, ttl or content type', () => {
  for (const verb of ['get', 'put', 'delete', 'append', 'getset'] as const) {
    expect(usage(verb)).toEqual({
      key: Buffer.from('k'),
      condition: NO_CONDITION,
      ttlSeconds: undefined,
      contentType: undefined,
      by: 0,
      isLinearizable: false,
      minVersion: 0n,
      explains: false,
    });
  }
});

test('a read may ask for what every member has', () => {
  expect(usage('get', '', { 'x-fog-read': 'linearizable' }).isLinearizable).toBe(true);
  expect(refusal('get', '', { 'x-fog-read': 'fast' })).toContain('takes linearizable');
});

test('a read may demand a version, and say how it came to its answer', () => {
  const headers = { 'x-fog-min-version': '0196c6f1f2c40000' };
  expect(usage('get', '', headers).minVersion).toBe(0x0196c6f1f2c40000n);
  expect(usage('get', '?explain=1', headers)).toMatchObject({
    explains: true,
    minVersion: 0x0196c6f1f2c40000n,
  });
  for (const wrong of ['', '1', '0196C6F1F2C40000', '0196c6f1f2c400000', '"0196c6f1f2c40000"']) {
    expect(refusal('get', '', { 'x-fog-min-version': wrong })).toBe(
      "X-Fog-Min-Version is not 16 hex digits in lower case, as X-Fog-Version has them. Try: curl -H 'X-Fog-Min-Version: 0196c6f1f2c40000' 'http://h:1/v1/keys/k'",
    );
  }
  for (const condition of [{ 'if-match': '*' }, { 'if-none-match': '*' }]) {
    expect(refusal('get', '?explain=1', condition)).toContain('takes no If-Match');
  }
});

test('a key has 1,024 bytes at most', () => {
  expect(usage('get', '', {}, Buffer.alloc(1024)).key).toHaveLength(1024);
  expect(refusal('get', '', {}, Buffer.alloc(1025))).toContain('1025 bytes, and 1024 are the most');
});

describe('parameters', () => {
  test.each<[KeyVerb, string, string]>([
    ['get', '?ttl=1', 'wait, newer-than, explain, nothing else'],
    ['get', '?explain', 'takes 1'],
    ['get', '?explain=0', "takes 1, nothing else. Try: curl 'http://h:1/v1/keys/k?explain=1'"],
    ['get', '?explain=1&wait=1', 'explain goes without wait'],
    ['put', '?explain=1', 'ttl, nothing else'],
    ['put', '?tll=1', 'ttl, nothing else'],
    ['put', '?ttl=1&ttl=1', 'given twice'],
    ['incr', '?b=1', 'by, nothing else'],
    ['append', '?ttl=1', 'no parameters'],
    ['delete', '?%', 'two hex digits'],
  ])('%s %s is refused: %s', (verb, query, what) => {
    expect(refusal(verb, query)).toContain(what);
  });
});

describe('ttl', () => {
  test.each<[string, string | undefined, number | undefined]>([
    ['', undefined, undefined],
    ['?ttl=1', undefined, 1],
    ['', '315360000', 315_360_000],
    ['?ttl=60', '60', 60],
    ['?ttl=060', '60', 60],
  ])('%s and X-Fog-Ttl %s are %s', (query, header, seconds) => {
    const headers = header === undefined ? {} : { 'x-fog-ttl': header };
    expect(usage('put', query, headers).ttlSeconds).toBe(seconds);
    expect(usage('getset', query, headers).ttlSeconds).toBe(seconds);
  });

  test.each<[string, string | undefined, string]>([
    ['?ttl=0', undefined, 'whole number of seconds'],
    ['?ttl=', undefined, 'whole number of seconds'],
    ['?ttl=1e3', '1', 'whole number of seconds'],
    ['', '315360001', 'whole number of seconds'],
    ['', '60, 60', 'whole number of seconds'],
    ['', '', 'whole number of seconds'],
    ['?ttl=1', '2', 'different things'],
  ])('%s and X-Fog-Ttl %s are refused: %s', (query, header, what) => {
    const headers = header === undefined ? {} : { 'x-fog-ttl': header };
    expect(refusal('put', query, headers)).toContain(what);
    expect(refusal('put', query, headers)).toContain("'http://h:1/v1/keys/k?ttl=60'");
  });

  test('of what leaves it as it is, is refused, and of what has none, not looked at', () => {
    expect(refusal('incr', '', { 'x-fog-ttl': '1' })).toContain('as it is');
    expect(refusal('append', '', { 'x-fog-ttl': '1' })).toContain('as it is');
    expect(usage('get', '', { 'x-fog-ttl': 'x' }).ttlSeconds).toBeUndefined();
    expect(usage('delete', '', { 'x-fog-ttl': 'x' }).ttlSeconds).toBeUndefined();
  });
});

describe('content type', () => {
  test('is kept as it was sent', () => {
    const type = (text: string) => usage('put', '', { 'content-type': text }).contentType;
    expect(type('text/plain; charset=utf-8')).toBe('text/plain; charset=utf-8');
    expect(type('application/x-www-form-urlencoded')).toBe('application/x-www-form-urlencoded');
    expect(type('x'.repeat(255))).toHaveLength(255);
    expect(type('')).toBeUndefined();
  });

  test.each(['x'.repeat(256), 'text/\xe9', 'a\tb'])('%o is refused', (text) => {
    expect(refusal('getset', '', { 'content-type': text })).toContain('at most 255 bytes');
  });

  test('of append is not looked at, for the type stays', () => {
    expect(usage('append', '', { 'content-type': 'a/b' }).contentType).toBeUndefined();
  });

  test('a part is not stored in place of the whole', () => {
    expect(refusal('put', '', { 'content-range': 'bytes 1-2/3' })).toContain('stored whole');
  });
});

describe('by', () => {
  test.each<[string, number]>([
    ['', 1],
    ['?by=-5', -5],
    ['?by=0', 0],
    ['?by=-0', 0],
    ['?by=9007199254740991', Number.MAX_SAFE_INTEGER],
    ['?by=-9007199254740991', -Number.MAX_SAFE_INTEGER],
  ])('%s is %d', (query, by) => {
    expect(usage('incr', query).by).toBe(by);
  });

  test.each(['', '1.5', '1e3', '%2B5', '+5', '9007199254740992', '-9007199254740992', 'x'])(
    '%s is refused',
    (by) => {
      expect(refusal('incr', `?by=${by}`)).toContain("'http://h:1/v1/keys/k?by=1'");
    },
  );
});

describe('If-Match and If-None-Match', () => {
  const one = printETag(ONE);
  const other = printETag(OTHER);

  test.each<[string, 'any' | readonly ETag[]]>([
    ['*', 'any'],
    [' * ', 'any'],
    [one, [ONE]],
    [`${one},${other}`, [ONE, OTHER]],
    [`, ${one} ,\t, ${other},`, [ONE, OTHER]],
    ['"of-another-server"', []],
    ['"a,comma"', []],
    ['""', []],
    [`"x", ${one}`, [ONE]],
    [Array.from({ length: 16 }, () => one).join(), Array.from({ length: 16 }, () => ONE)],
  ])('%s is taken', (text, tags) => {
    expect(usage('put', '', { 'if-match': text }).condition.ifMatch).toEqual(tags);
    expect(usage('get', '', { 'if-none-match': text }).condition.ifNoneMatch).toEqual(tags);
  });

  test('both are kept, for both must hold', () => {
    const { condition } = usage('delete', '', { 'if-match': one, 'if-none-match': other });
    expect(condition).toEqual({ ifMatch: [ONE], ifNoneMatch: [OTHER] });
  });

  test.each<[string, string]>([
    ['', 'is empty'],
    [' , ', 'is empty'],
    [one.slice(1, -1), 'each in double quotes'],
    [one.slice(0, -1), 'each in double quotes'],
    [`${one} ${other}`, 'each in double quotes'],
    [`${one}, *`, 'each in double quotes'],
    ['*, *', 'each in double quotes'],
    [`'${one}'`, 'each in double quotes'],
    ['"with space"', 'each in double quotes'],
    [`w/${one}`, 'each in double quotes'],
    [Array.from({ length: 17 }, () => one).join(), 'more than 16'],
    [Array.from({ length: 17 }, () => '"x"').join(), 'more than 16'],
  ])('%s is refused: %s', (text, what) => {
    expect(refusal('put', '', { 'if-match': text })).toContain(`If-Match `);
    expect(refusal('put', '', { 'if-match': text })).toContain(what);
    const line = refusal('get', '', { 'if-none-match': text });
    expect(line).toContain(what);
    expect(line).toMatch(/Try: curl -H 'If-None-Match: "[0-9a-f]{16}-[0-9a-f]{8}"' 'http/);
  });

  test('a weak tag is the same value for If-None-Match, and none for If-Match', () => {
    const weak = `W/${one}`;
    expect(usage('get', '', { 'if-none-match': weak }).condition.ifNoneMatch).toEqual([ONE]);
    expect(usage('get', '', { 'if-match': weak }).condition.ifMatch).toEqual([]);
    expect(usage('get', '', { 'if-match': `${weak}, ${one}` }).condition.ifMatch).toEqual([ONE]);
  });

  test.each<[string | undefined, string | undefined, string]>([
    [undefined, one, 'not-modified'],
    [undefined, '*', 'not-modified'],
    [undefined, other, 'send'],
    [undefined, `${other}, ${one}`, 'not-modified'],
    [one, undefined, 'send'],
    ['*', undefined, 'send'],
    [other, undefined, 'unmet'],
    ['"x"', undefined, 'unmet'],
    [undefined, '"x"', 'send'],
    [other, one, 'unmet'],
    [one, one, 'not-modified'],
  ])('a read with If-Match %s and If-None-Match %s: %s', (match, noneMatch, verdict) => {
    const headers = {
      ...(match === undefined ? {} : { 'if-match': match }),
      ...(noneMatch === undefined ? {} : { 'if-none-match': noneMatch }),
    };
    expect(judgeRead(usage('get', '', headers).condition, isRecordTag(ONE))).toBe(verdict);
  });

  test('the line that shows the right form never carries what could break it', () => {
    const request = {
      target: "/v1/keys/'$(reboot)'",
      header: (name: string) => (name === 'if-match' ? 'x' : undefined),
    };
    const outcome = readKeyUsage('get', request, Buffer.from('x'));
    expect('fault' in outcome && outcome.fault.instead).toContain('/v1/keys/KEY');
  });
});
