// What a get may bring, and what breaks the promise: by versions and bytes alone.

import { describe, expect, test } from 'vitest';
import type { ExchangeAnswer } from '../../src/cluster/http/exchange.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import { makeValue } from '../../src/load/values.ts';
import { judge } from '../../src/load/verification.ts';

const KEY = 'load-1';
const VALUE = makeValue(KEY, { sequence: 3, bytes: 100 });
const FLOOR = 0x0000_0190_0000_0005n as Version;

function answer(fields: Partial<ExchangeAnswer>): ExchangeAnswer {
  const base = { kind: 'answered', status: 200, error: undefined } as const;
  return { ...base, version: '0000019000000005', body: VALUE, ...fields };
}

const verdict = (fields: Partial<ExchangeAnswer>, floor = FLOOR, mustBeThere = true) =>
  judge(answer(fields), { key: KEY, floor, mustBeThere });

describe('a value', () => {
  test('of the acknowledged version or a newer one is right', () => {
    expect(verdict({})).toBeUndefined();
    expect(verdict({ version: '0000019000000006' })).toBeUndefined();
    expect(verdict({ version: 'f000000000000000' })).toBeUndefined();
  });

  test('of an older version is stale', () => {
    expect(verdict({ version: '0000019000000004' })).toBe('stale');
    expect(verdict({ version: '0000000000000000' })).toBe('stale');
  });

  test('of any version is right where no set was acknowledged', () => {
    expect(verdict({ version: '0000000000000001' }, 0n as Version)).toBeUndefined();
  });

  test('of other bytes is corrupt, whatever its version', () => {
    const other = makeValue('load-2', { sequence: 3, bytes: 100 });
    expect(verdict({ body: other })).toBe('corrupt');
    expect(verdict({ body: VALUE.subarray(0, 99) }, 0n as Version)).toBe('corrupt');
  });

  test('without a version, or with something else for one, cannot be judged', () => {
    for (const version of [undefined, '', '19000000005', 'zz00019000000005']) {
      expect(verdict({ version }), version).toBe('unversioned');
    }
  });
});

describe('a 404', () => {
  const missing = { status: 404, version: undefined, body: Buffer.from('no such key\n') };

  test('of a key that was acknowledged is a loss', () => {
    expect(verdict(missing)).toBe('lost');
    expect(verdict({ ...missing, version: '0000019000000009' })).toBe('lost');
  });

  test('is right where no set was acknowledged, and where others delete or a cache evicts', () => {
    expect(verdict(missing, 0n as Version)).toBeUndefined();
    expect(verdict(missing, FLOOR, false)).toBeUndefined();
  });
});
