// Entries by their keys, also where many share a slot, against a Map.

import { expect, test } from 'vitest';
import { hashOf } from '../../src/coordinator/key-hash.ts';
import { type KeyEntry, KeyTable } from '../../src/coordinator/key-table.ts';
import { SeededRandom } from '../helpers/random.ts';

interface Entry extends KeyEntry<Entry> {
  readonly number: number;
}

test.each([
  [1, (key: Buffer) => hashOf(key, 0)],
  [2, (key: Buffer) => (key[0] ?? 0) % 2],
  [3, () => 7],
])('what was added and not deleted is found, seed %i', (seed, hashOfKey) => {
  const random = new SeededRandom(seed);
  const table = new KeyTable<Entry>();
  const model = new Map<string, Entry>();
  const keys = Array.from({ length: 50 }, (_, number) => Buffer.from([random.below(256), number]));
  for (let round = 0; round < 5000; round++) {
    const key = keys[random.below(keys.length)] ?? Buffer.alloc(1);
    const hash = hashOfKey(key);
    const found = table.get(Buffer.from(key), hash);
    expect(found).toBe(model.get(key.toString('hex')));
    if (found === undefined) {
      const entry: Entry = { key, hash, number: round, nextInSlot: undefined };
      table.add(entry);
      model.set(key.toString('hex'), entry);
    } else {
      table.delete(found);
      model.delete(key.toString('hex'));
    }
  }
});

test('keys whose hashes are alike are told apart by their bytes', () => {
  const table = new KeyTable<Entry>();
  const entry: Entry = { key: Buffer.from('a'), hash: 1, number: 1, nextInSlot: undefined };
  table.add(entry);
  expect(table.get(Buffer.from('b'), 1)).toBeUndefined();
  expect(table.get(Buffer.from('a'), 1)).toBe(entry);
});

test('keys that count up spread over the slots', () => {
  const slots = new Set<number>();
  for (let number = 0; number < 4096; number++)
    slots.add(hashOf(Buffer.from(`key${number}`), 0) & 4095);
  // So many are taken when it is chance: 4096 x (1 - 1/e).
  expect(slots.size).toBeGreaterThan(0.9 * 2589);
});
