// The stored map comes back, and nothing damaged is taken for it or for nothing.

import { expect, test } from 'vitest';
import { decodeState, encodeState } from '../../src/controller/state-file.ts';
import { sampleMap } from '../helpers/maps.ts';

const bytes = encodeState(sampleMap());

test('comes back as it was', () => {
  expect(decodeState(bytes)).toEqual({ kind: 'state', map: sampleMap() });
});

test('cut anywhere it is unusable', () => {
  for (let length = 0; length < bytes.length; length++) {
    expect(decodeState(bytes.subarray(0, length)).kind).toBe('unusable');
  }
});

test('with any bit flipped it is unusable', () => {
  for (let place = 0; place < bytes.length; place++) {
    const damaged = Buffer.from(bytes);
    damaged[place] = (damaged[place] ?? 0) ^ (1 << (place % 8));
    expect(decodeState(damaged).kind, `byte ${place}`).toBe('unusable');
  }
});

test('of another format or another file it says so', () => {
  const text = bytes.toString();
  const newer = Buffer.from(text.replace('state 1', 'state 2'));
  expect(decodeState(newer)).toMatchObject({ reason: 'its format is 2, and this version knows 1' });
  const other = Buffer.from(text.replace('controller', 'another'));
  expect(decodeState(other)).toMatchObject({ reason: 'it is not a velour-fog controller state' });
});
