// The stored map comes back, and nothing damaged is taken for it or for nothing.

import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeState, encodeState } from '../../../src/controller/map/state-file.ts';
import { sampleMap } from '../../helpers/maps.ts';
import { SeededRandom } from '../../helpers/random.ts';

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
  const newer = Buffer.from(text.replace('state 2', 'state 3'));
  expect(decodeState(newer)).toMatchObject({ reason: 'its format is 3, and this version knows 2' });
  const other = Buffer.from(text.replace('controller', 'another'));
  expect(decodeState(other)).toMatchObject({ reason: 'it is not a velour-fog controller state' });
});

test.each([
  ['no JSON', 'nonsense\n'],
  ['no map', '{}\n'],
  ['a list', '[]\n'],
  ['nothing', ''],
])('that was written whole and holds %s is unusable', (_what, body) => {
  const sum = crc32(body).toString(16).padStart(8, '0');
  const file = Buffer.from(`velour-fog controller state 2 ${sum}\n${body}`);
  expect(decodeState(file)).toMatchObject({ kind: 'unusable', reason: expect.stringMatching(/./) });
});

test.each([0, 1, 2, 3])('random bytes are unusable and never throw, seed %i', (seed) => {
  const random = new SeededRandom(seed);
  for (let round = 0; round < 200; round++) {
    expect(decodeState(random.bytes(random.below(100))).kind).toBe('unusable');
    const place = random.below(bytes.length);
    const mixed = Buffer.concat([bytes.subarray(0, place), random.bytes(random.whole(1, 100))]);
    expect(decodeState(mixed).kind).toBe('unusable');
  }
});
