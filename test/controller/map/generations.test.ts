// What a start of a controller opens (H32, I1): above all that it knows of, and like no other start's.

import { describe, expect, test } from 'vitest';
import {
  compareMapVersions,
  encodeMapVersion,
  type MapVersion,
  parseMapVersion,
} from '../../../src/cluster/model/cluster-map.ts';
import { GENERATION_MAX } from '../../../src/cluster/model/identity.ts';
import type { Runtime } from '../../../src/cluster/ports.ts';
import { openGeneration, reopened } from '../../../src/controller/map/generations.ts';
import { sampleMap } from '../../helpers/maps.ts';

function machine(wallMs: number, ...tokens: readonly string[]): Pick<Runtime, 'clock' | 'random'> {
  const left = [...tokens];
  const clock = { wallMs: () => wallMs, monotonicMs: () => 0 };
  const random = { token: () => left.shift() ?? 'last' };
  return { clock, random } as unknown as Pick<Runtime, 'clock' | 'random'>;
}

describe('a generation', () => {
  test.each([
    ['the clock', 1_700_000_000_999, 1_700_000_000],
    ['above the last one though the clock went back', 3000, 8],
  ])('is %s (H32)', (_what, wallMs, generation) => {
    expect(openGeneration(7, machine(wallMs, 'x'))).toEqual({ generation, nonce: 'x' });
  });

  test('of two that start from one state in one second is another one each (I1)', () => {
    const map = { ...sampleMap(), version: { generation: 7, number: 99 } };
    const [one, other] = ['x', 'y'].map((token) => {
      const opened = openGeneration(7, machine(10_000, token));
      return reopened(map, opened ?? { generation: 0 });
    });
    expect(one?.version).toEqual({ generation: 10, nonce: 'x', number: 1 });
    expect(one?.openedFrom).toEqual(map.version);
    expect(compareMapVersions(one?.version as MapVersion, other?.version as MapVersion)).not.toBe(
      0,
    );
  });

  test('at the bound there is none above', () => {
    expect(openGeneration(GENERATION_MAX - 1, machine(0, 'x'))?.generation).toBe(GENERATION_MAX);
    expect(openGeneration(GENERATION_MAX, machine(0, 'x'))).toBeUndefined();
  });
});

describe('versions', () => {
  const version = (generation: number, nonce: string | undefined, number: number) => ({
    generation,
    nonce,
    number,
  });

  test('are in the order of generation, nonce, number', () => {
    const rising = [
      version(9, 'z', 9),
      version(10, 'a', 1),
      version(10, 'a', 2),
      version(10, 'b', 1),
      version(11, 'a', 1),
    ];
    const shuffled = [3, 0, 4, 2, 1].map((index) => rising[index] as MapVersion);
    expect(shuffled.sort(compareMapVersions)).toEqual(rising);
  });

  test('without a nonce, of earlier software, are those of their generation whoever opened it', () => {
    expect(compareMapVersions(version(10, undefined, 2), version(10, 'b', 2))).toBe(0);
    expect(compareMapVersions(version(10, undefined, 2), version(10, 'b', 3))).toBeLessThan(0);
  });

  test.each([version(10, 'a0Z', 3), version(10, undefined, 3)])('%o is one text', (whole) => {
    expect(parseMapVersion(encodeMapVersion(whole))).toEqual(whole);
  });

  test.each(['10', '10.', '10.3.', '10.3.a b', '10.3.a.b', `10.3.${'a'.repeat(65)}`])(
    '%s is no version',
    (text) => expect(parseMapVersion(text)).toBeUndefined(),
  );
});
