// The beginning of a body: a small one whole, of a long one what has come, each once.

import { describe, expect, test } from 'vitest';
import { type BodyBeginning, readBeginning } from '../../src/files/body-beginning.ts';
import { BodyByHand } from '../helpers/body-by-hand.ts';
import { SeededRandom } from '../helpers/random.ts';

const BYTES_MAX = 100;

function beginning(body: BodyByHand) {
  const told: BodyBeginning[] = [];
  readBeginning(body, BYTES_MAX, (outcome) => told.push(outcome));
  return told;
}

describe('the beginning of a body', () => {
  test.each([0, 1, BYTES_MAX])('of %i bytes is the whole', (length) => {
    const content = Buffer.alloc(length, 'x');
    const body = new BodyByHand();
    const told = beginning(body);
    if (length > 0) body.push(content);
    expect(told).toEqual([]);
    body.end();
    expect(told).toEqual([{ kind: 'whole', bytes: content }]);
  });

  test('of a longer one is what has come, and no more is asked for', () => {
    const body = new BodyByHand();
    const told = beginning(body);
    body.push(Buffer.alloc(BYTES_MAX, 'x'));
    expect(told).toEqual([]);
    body.push(Buffer.from('yz'));
    expect(told).toEqual([{ kind: 'longer', bytes: Buffer.from(`${'x'.repeat(BYTES_MAX)}yz`) }]);
    body.push(Buffer.from('more'));
    expect([body.asked, body.isAwaited, told.length]).toEqual([2, false, 1]);
  });

  test('of one that breaks off is nothing', () => {
    const body = new BodyByHand();
    const told = beginning(body);
    body.push(Buffer.from('x'));
    body.breakOff('slow');
    expect(told).toEqual([{ kind: 'broken', why: 'slow' }]);
  });

  test.each(Array.from({ length: 30 }, (_, index) => index + 1))(
    'is the same in whatever pieces and whenever it comes, seed %i',
    (seed) => {
      const random = new SeededRandom(seed);
      const pieces = Array.from({ length: random.below(40) }, () =>
        random.bytes(random.whole(1, 6)),
      );
      const body = new BodyByHand();
      const left = [...pieces];
      const next = () => {
        const piece = left.shift();
        if (piece === undefined) body.end();
        else body.push(piece);
      };
      body.wanted = () => {
        if (random.chance(0.5)) next();
      };
      const told = beginning(body);
      while (told.length === 0) next();
      const [first] = told;
      const whole = Buffer.concat(pieces);
      if (whole.length <= BYTES_MAX) return expect(told).toEqual([{ kind: 'whole', bytes: whole }]);
      expect([told.length, first?.kind]).toEqual([1, 'longer']);
      const come = first?.kind === 'longer' ? first.bytes : Buffer.alloc(0);
      expect(come.length).toBeGreaterThan(BYTES_MAX);
      // What is behind it is still there for whoever goes on.
      expect(come.equals(whole.subarray(0, come.length))).toBe(true);
      expect(Buffer.concat([come, ...left]).equals(whole)).toBe(true);
      return undefined;
    },
  );
});
