// When a set is acknowledged that was offered again while the disk is slow, with a log whose writes the test ends.

import { describe, expect, test } from 'vitest';
import { encodeRecord } from '../../../src/cluster/model/record.ts';
import type { Version } from '../../../src/cluster/model/version.ts';
import type { Answer } from '../../../src/cluster/wire/operations.ts';
import { Acknowledgements } from '../../../src/storage/log/acknowledgements.ts';
import { type Durability, MEMORY_ONLY } from '../../../src/storage/log/durability.ts';

const APPLIED: Answer = { kind: 'applied' };
const EQUAL: Answer = { kind: 'equal' };
const SUPERSEDED: Answer = { kind: 'superseded', version: 2n as Version };
const REFUSED: Answer = { kind: 'refused', reason: 'no-memory' };

const recordOf = (key: string, version: bigint, value = 'value') =>
  encodeRecord({ key: Buffer.from(key), version: version as Version, value: Buffer.from(value) });

function play() {
  const acknowledgements = new Acknowledgements();
  const told: string[] = [];
  const writes: (() => void)[] = [];
  const durability: Durability = {
    ...MEMORY_ONLY,
    whenDurable: (callback) => writes.push(callback),
  };
  return {
    told,
    /** Whoever asks is called by this name. */
    offer: (name: string, answer: Answer, record = recordOf('key', 1n)) =>
      acknowledgements.whenDurable(durability, record, answer, () => told.push(name)),
    offerInMemory: (name: string, answer: Answer) =>
      acknowledgements.whenDurable(MEMORY_ONLY, recordOf('key', 1n), answer, () => told.push(name)),
    /** The oldest write ends. */
    written: () => writes.shift()?.(),
  };
}

describe('a set', () => {
  test('that is offered again is acknowledged with the first time, not after all that came since', () => {
    const { told, offer, written } = play();
    offer('first', APPLIED);
    offer('other', APPLIED, recordOf('other', 1n));
    offer('again', EQUAL);
    expect(told).toEqual([]);
    written();
    expect(told).toEqual(['first', 'again']);
    written();
    expect(told).toEqual(['first', 'again', 'other']);
  });

  test('of another version or key waits for its own', () => {
    const { told, offer, written } = play();
    offer('first', APPLIED);
    offer('newer', APPLIED, recordOf('key', 2n));
    offer('newer again', EQUAL, recordOf('key', 2n));
    written();
    expect(told).toEqual(['first']);
    written();
    expect(told).toEqual(['first', 'newer', 'newer again']);
  });

  test('that is older is told so once the newer one is down', () => {
    const { told, offer, written } = play();
    offer('newer', APPLIED, recordOf('key', 2n));
    offer('other', APPLIED, recordOf('other', 2n));
    offer('older', SUPERSEDED);
    written();
    expect(told).toEqual(['newer', 'older']);
  });

  test('whose place another of the same version took by a repair waits for that', () => {
    const { told, offer, written } = play();
    offer('first', APPLIED);
    offer('as repaired', EQUAL, recordOf('key', 1n, 'greater'));
    written();
    expect(told).toEqual(['first']);
    written();
    expect(told).toEqual(['first', 'as repaired']);
  });

  test('that came by another way, or is there for long, waits for all that was appended (I14)', () => {
    const { told, offer, written } = play();
    offer('known', EQUAL);
    offer('older', SUPERSEDED);
    expect(told).toEqual([]);
    written();
    written();
    expect(told).toEqual(['known', 'older']);
    offer('first', APPLIED);
    written();
    offer('much later', EQUAL);
    expect(told).toEqual(['known', 'older', 'first']);
    written();
    expect(told).toEqual(['known', 'older', 'first', 'much later']);
  });

  test('that was dropped meanwhile and is applied anew is acknowledged by the second write alone', () => {
    const { told, offer, written } = play();
    offer('first', APPLIED);
    offer('anew', APPLIED);
    written();
    offer('again', EQUAL);
    expect(told).toEqual(['first']);
    written();
    expect(told).toEqual(['first', 'anew', 'again']);
  });

  test('that nothing vouches for, or that memory keeps, is answered at once', () => {
    const { told, offer, offerInMemory } = play();
    offer('refused', REFUSED);
    offerInMemory('first', APPLIED);
    offerInMemory('again', EQUAL);
    expect(told).toEqual(['refused', 'first', 'again']);
  });
});
