// Values have names that tell when something is wrong with them.

import { expect, test } from 'vitest';
import { SeededRandom } from '../../src/cluster/seeded-random.ts';
import { nameOf, Values } from '../../src/simulation/values.ts';

test('the name of a value is found in its bytes, whatever its length', () => {
  const values = new Values();
  const random = new SeededRandom(1);
  const lengths = new Set<number>();
  for (let index = 0; index < 300; index++) {
    const { name, body } = values.draw(random, 0.05);
    const bytes = body();
    lengths.add(bytes.length);
    expect(nameOf(bytes)).toBe(name);
  }
  const sorted = [...lengths].sort((a, b) => a - b);
  expect(sorted[0]).toBeLessThan(20);
  expect(sorted.at(-1)).toBeGreaterThan(66_000);
});

test('a value that was cut off, mixed with another or changed has another name', () => {
  const values = new Values();
  const [one, other] = [values.next(70_000), values.next(70_000)];
  const bytes = one.body();
  const wrong = [
    bytes.subarray(0, 69_999),
    Buffer.concat([bytes, Buffer.from('x')]),
    Buffer.concat([bytes.subarray(0, 65_536), other.body().subarray(65_536)]),
    Buffer.concat([bytes.subarray(0, 40_000), bytes.subarray(30_000, 60_000)]),
    Buffer.from('what nobody has set'),
    Buffer.alloc(0),
  ];
  for (const each of wrong) expect(nameOf(each)).not.toBe(one.name);
  expect(nameOf(Buffer.from(values.next().name))).toBe('value 3 0;');
});

test('names are ordered as the values are (H20)', () => {
  const values = new Values();
  const made = Array.from({ length: 30 }, (_, index) => values.next((index % 3) * 50));
  const byName = [...made].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  const byBytes = [...made].sort((a, b) => Buffer.compare(a.body(), b.body()));
  expect(byName).toEqual(byBytes);
});
