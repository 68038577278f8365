// What the simulator holds against the copy that a watcher has made of what it was told.

import { describe, expect, test } from 'vitest';
import type { Version } from '../../src/cluster/model/version.ts';
import type { ClientOperation } from '../../src/simulation/history.ts';
import { checkCopy } from '../../src/simulation/watches.ts';

const KEY = 'k';

function operation(
  kind: ClientOperation['kind'],
  version: number,
  { value, ok = true }: { readonly value?: string; readonly ok?: boolean } = {},
): ClientOperation {
  return {
    kind,
    key: KEY,
    startMs: 0,
    endMs: 1,
    value,
    ok,
    version: BigInt(version) as Version,
    refused: false,
  };
}

function checked(
  told: { readonly value: string | undefined; readonly version: number } | undefined,
  listed: string | undefined,
  operations: readonly ClientOperation[],
) {
  const copy = new Map(
    told === undefined
      ? []
      : [[KEY, { value: told.value, version: BigInt(told.version) as Version, atMs: 1 }]],
  );
  const list = [operation('get', 0, listed === undefined ? {} : { value: listed })];
  return checkCopy({ copy, listed: list, operations, expires: false }).length;
}

describe('what a watcher was told is wrong', () => {
  test('where it misses an acknowledged set, or an acknowledged delete', () => {
    const operations = [operation('set', 1, { value: 'a' }), operation('set', 2, { value: 'b' })];
    expect(checked(undefined, 'a', operations)).toBe(1);
    expect(checked({ value: 'a', version: 1 }, 'b', operations)).toBe(1);
    expect(checked({ value: 'b', version: 2 }, 'b', operations)).toBe(0);
    expect(checked({ value: 'b', version: 2 }, undefined, [operation('delete', 3)])).toBe(1);
  });

  test('not where it misses a set whose outcome nobody knew', () => {
    const unknown = operation('set', 2, { value: 'b', ok: false });
    expect(checked({ value: 'a', version: 1 }, 'b', [unknown])).toBe(0);
  });

  test('not where it was told what was lost later, with a version of a clock that was far ahead', () => {
    const later = [operation('set', 900, { value: 'lost' }), operation('set', 5, { value: 'now' })];
    expect(checked({ value: 'lost', version: 900 }, 'now', later)).toBe(0);
  });
});
