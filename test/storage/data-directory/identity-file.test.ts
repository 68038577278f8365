// What a data directory says of itself, and of what it promised (H32): also one that earlier software wrote.

import { describe, expect, test } from 'vitest';
import { parseManifest } from '../../../src/backup/manifest.ts';
import type { Incarnation } from '../../../src/cluster/model/identity.ts';
import { INCARNATIONS_MAX } from '../../../src/cluster/model/limits.ts';
import type { Disk } from '../../../src/cluster/ports.ts';
import { decodeMapFile } from '../../../src/cluster/wire/map-file.ts';
import { StoredIdentity } from '../../../src/storage/data-directory/identity.ts';
import {
  decodeIdentity,
  encodeIdentity,
  type Identity,
  incarnationsIn,
} from '../../../src/storage/data-directory/identity-file.ts';
import { incarnationOf } from '../../helpers/maps.ts';
import { EARLIER } from '../../helpers/recovering-machine.ts';

const IDENTITY: Identity = { ...EARLIER, promisedGeneration: 12, promisedNonce: 'first' };

test('a promise comes back with whom it was given to', () => {
  expect(decodeIdentity(encodeIdentity(IDENTITY))).toMatchObject(IDENTITY);
});

test('a promise that earlier software wrote was given to nobody who asks now', () => {
  const { promisedNonce: _, ...earlier } = IDENTITY;
  const read = decodeIdentity(encodeIdentity(earlier as Identity)) as Identity;
  const identity = new StoredIdentity(undefined, read);
  expect(identity.promised).toEqual({ generation: 12, nonce: undefined });
  identity.promise({ generation: 12, nonce: 'second' }, () => undefined);
  expect(identity.promised).toEqual({ generation: 12, nonce: undefined });
  identity.promise({ generation: 13, nonce: 'second' }, () => undefined);
  expect(identity.promised).toEqual({ generation: 13, nonce: 'second' });
});

test('a later life is written with all that were before it (H8)', () => {
  const written: Buffer[] = [];
  const replace: Disk['replace'] = (_name, bytes, done) => {
    written.push(Buffer.from(bytes));
    done({ kind: 'done', value: undefined });
  };
  const lives = [1, 2].map(incarnationOf);
  const identity = new StoredIdentity({ replace } as Disk, { ...IDENTITY, lives });
  const [first, second] = [1, 2].map((more) => incarnationOf(IDENTITY.incarnation + more));
  for (const incarnation of [first, first, second]) {
    if (incarnation !== undefined)
      identity.storeIncarnation(incarnation, (failure) => expect(failure).toBeUndefined());
  }
  expect(written.map(decodeIdentity)).toMatchObject([
    { incarnation: first, lives: [...lives, IDENTITY.incarnation] },
    { incarnation: second, lives: [...lives, IDENTITY.incarnation, first] },
  ]);
  expect(identity.lives).toEqual([...lives, IDENTITY.incarnation, first, second]);
});

test.each(['', 'a b', 'x'.repeat(65)])('a nonce %o is none', (promisedNonce) => {
  expect(decodeIdentity(encodeIdentity({ ...IDENTITY, promisedNonce }))).toMatch(/promisedNonce/);
});

describe('a data directory', () => {
  /** Writes fields as software before the checksum did. */
  const unchecked = (fields: object) =>
    Buffer.from(`${JSON.stringify({ format: 2, ...fields })}\n`);

  test('with any bit of its identity turned over is not believed (H8)', () => {
    const bytes = encodeIdentity(IDENTITY);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeIdentity(flipped), flipped.toString()).toBeTypeOf('string');
    }
  });

  test('whose identity ends early is not believed', () => {
    const bytes = encodeIdentity(IDENTITY);
    for (let end = 0; end < bytes.length; end++) {
      expect(decodeIdentity(bytes.subarray(0, end)), `${end}`).toBeTypeOf('string');
    }
  });

  test('says whether the disk changed its identity, or later software wrote it', () => {
    const changed = encodeIdentity(IDENTITY)
      .toString()
      .replace('"incarnation":7', '"incarnation":3');
    expect(decodeIdentity(Buffer.from(changed))).toMatch('its checksum does not match');
    expect(decodeIdentity(Buffer.from('{"format":4,"node":"a"}\n'))).toMatch(
      'format is not a whole number from 2 to 3',
    );
  });

  test('of software that wrote no checksum is read, and gets one', () => {
    expect(decodeIdentity(unchecked(IDENTITY))).toMatchObject(IDENTITY);
    expect(decodeIdentity(unchecked({ ...IDENTITY, store: '' }))).toMatch('store');
    const read = decodeIdentity(unchecked(IDENTITY)) as Identity;
    expect(encodeIdentity(read)).toEqual(encodeIdentity(IDENTITY));
  });
});

test('a life that the controller named is on disk before it is lived, and only then (I10)', () => {
  const written: number[] = [];
  const disk = {
    replace: (
      _name: string,
      bytes: Buffer,
      done: (result: { kind: 'done'; value: undefined }) => void,
    ) => {
      const identity = decodeIdentity(bytes);
      if (typeof identity !== 'string') written.push(identity.incarnation);
      done({ kind: 'done', value: undefined });
    },
  };
  const stored = new StoredIdentity(disk as unknown as Disk, IDENTITY);
  const lived: number[] = [];
  for (const incarnation of [7, 9, 9]) {
    stored.storeIncarnation(incarnationOf(incarnation), () => lived.push(written.at(-1) ?? 7));
  }
  expect(written).toEqual([9]);
  expect(lived).toEqual([7, 9, 9]);
});

test.each([0, 1, 4096])(
  'a small file of %i zeros, as a torn write leaves it, is called empty',
  (length) => {
    const bytes = Buffer.alloc(length);
    expect(decodeIdentity(bytes)).toBe('it is empty');
    expect(decodeMapFile('any', bytes)).toEqual({ kind: 'unusable', reason: 'it is empty' });
    expect(parseManifest(bytes)).toBe('it is empty');
  },
);

describe('the lives that a directory notes (H8)', () => {
  const lives = (...numbers: readonly number[]) => numbers as readonly Incarnation[];

  test('are all of them, and the present one alone where none were noted', () => {
    expect(incarnationsIn({ lives: lives(1, 2), incarnation: 3 as Incarnation })).toEqual([
      1, 2, 3,
    ]);
    const earlier = { lives: lives(1, 2), incarnation: 3 as Incarnation };
    expect(incarnationsIn(earlier, 2 as Incarnation)).toEqual([1, 2, 3]);
    expect(incarnationsIn({ lives: undefined, incarnation: 3 as Incarnation })).toEqual([3]);
  });

  test.each([
    [1, [1, 3]],
    [2, [2, 3]],
    [500, [2, 3]],
    [9999, [2, 3]],
  ])(
    'are the last ones where there are too many, and life %i if the map names it',
    (named, begin) => {
      const many = Array.from(
        { length: INCARNATIONS_MAX },
        (_, index) => (index + 1) as Incarnation,
      );
      const incarnation = (INCARNATIONS_MAX + 1) as Incarnation;
      const kept = incarnationsIn({ lives: many, incarnation }, named as Incarnation);
      expect(kept).toHaveLength(INCARNATIONS_MAX);
      expect([...kept.slice(0, 2), kept.at(-1)]).toEqual([...begin, incarnation]);
    },
  );
});
