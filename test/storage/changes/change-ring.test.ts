// The ring of changes knows the latest ones whole, forgets the oldest first, and never claims to know what it does not.

import { describe, expect, test } from 'vitest';
import type { PartitionId } from '../../../src/cluster/model/partition.ts';
import { SeededRandom } from '../../../src/cluster/seeded-random.ts';
import { ChangeRing, type RingLimits } from '../../../src/storage/changes/change-ring.ts';

const P3 = 3 as PartitionId;
const key = (text: string) => Buffer.from(text);

function begun(limits?: RingLimits): ChangeRing {
  const ring = new ChangeRing(limits);
  ring.begin();
  return ring;
}

function known(ring: ChangeRing): readonly string[] {
  const changes: string[] = [];
  for (let change = ring.first; change < ring.next; change++) {
    changes.push(`${ring.partitionOf(change)} ${ring.keyOf(change)}`);
  }
  return changes;
}

describe('the ring of changes', () => {
  test('knows each change since it began, with its partition and key, in that order', () => {
    const ring = begun();
    const from = ring.next;
    ring.changed(P3, key('a'));
    ring.interrupted(5 as PartitionId);
    ring.changed(4095 as PartitionId, key('b'));
    ring.changed(P3, key('a'));
    expect(ring.has(from)).toBe(true);
    expect(ring.first).toBe(from);
    expect(known(ring)).toEqual(['3 a', '5 ', '4095 b', '3 a']);
  });

  test('knows as many changes as it may, and the oldest go first', () => {
    const ring = begun({ entries: 4, keyBytes: 1000 });
    for (let index = 0; index < 11; index++) {
      ring.changed(P3, key(`k${index}`));
      expect(ring.next - ring.first).toBe(Math.min(4, index + 1));
    }
    expect(known(ring)).toEqual(['3 k7', '3 k8', '3 k9', '3 k10']);
    expect(ring.has(ring.first)).toBe(true);
    expect(ring.has(ring.first - 1)).toBe(false);
  });

  test('has as many bytes of keys as it may, and the oldest go first', () => {
    const ring = begun({ entries: 100, keyBytes: 10 });
    for (const text of ['aaaa', 'bbbb', 'cc']) ring.changed(P3, key(text));
    expect(known(ring)).toEqual(['3 aaaa', '3 bbbb', '3 cc']);
    ring.changed(P3, key('d'));
    expect(known(ring)).toEqual(['3 bbbb', '3 cc', '3 d']);
    ring.changed(P3, key('eeeeeeeeee'));
    expect(known(ring)).toEqual(['3 eeeeeeeeee']);
  });

  test('gives the keys back whole however often it went round, entries and bytes apart', () => {
    for (const limits of [
      { entries: 7, keyBytes: 1000 },
      { entries: 1000, keyBytes: 61 },
      { entries: 8, keyBytes: 64 },
    ]) {
      const random = new SeededRandom(limits.entries);
      const ring = begun(limits);
      const all: string[] = [];
      for (let round = 0; round < 3000; round++) {
        const partition = random.below(4096) as PartitionId;
        const bytes = key(`${round}`.padEnd(1 + random.below(20), 'x'));
        if (random.chance(0.1)) {
          ring.interrupted(partition);
          all.push(`${partition} `);
        } else {
          ring.changed(partition, bytes);
          all.push(`${partition} ${bytes}`);
        }
        const now = known(ring);
        expect(now).toEqual(all.slice(-now.length));
        expect(now.length).toBeGreaterThan(0);
      }
    }
  });

  test('gives copies of keys, which later changes leave alone', () => {
    const ring = begun({ entries: 4, keyBytes: 4 });
    const bytes = key('abcd');
    ring.changed(P3, bytes);
    const given = ring.keyOf(ring.first);
    bytes.fill(0);
    expect(`${ring.keyOf(ring.first)}`).toBe('abcd');
    ring.changed(P3, key('wxyz'));
    expect(`${given}`).toBe('abcd');
  });

  test('H46: does not know what is yet to come, nor what was before it began', () => {
    const ring = begun();
    ring.changed(P3, key('a'));
    expect(ring.has(ring.next)).toBe(true);
    expect(ring.has(ring.next + 1)).toBe(false);
    expect(ring.has(0)).toBe(false);
    expect(ring.has(2 ** 48 - 1)).toBe(false);
  });

  test('H46: notes nothing until it begins, and a position of before is not known then', () => {
    const ring = new ChangeRing();
    const before = ring.next;
    ring.changed(P3, key('a'));
    ring.interrupted(P3);
    expect(ring.has(before)).toBe(false);
    ring.begin();
    expect(ring.has(before)).toBe(false);
    expect(known(ring)).toEqual([]);
  });

  test('H46: forgets everything when it ends, and what changes until it begins again is missed', () => {
    const ring = begun();
    ring.changed(P3, key('a'));
    const position = ring.next;
    ring.end();
    expect(ring.has(position)).toBe(false);
    ring.changed(P3, key('b'));
    ring.begin();
    // Nobody knows of b: who followed up to a must be told that changes are missing.
    expect(ring.has(position)).toBe(false);
    expect(ring.has(ring.next)).toBe(true);
    ring.changed(P3, key('c'));
    expect(known(ring)).toEqual(['3 c']);
  });

  test('goes on when it is begun again in between', () => {
    const ring = begun();
    const from = ring.next;
    ring.changed(P3, key('a'));
    ring.begin();
    expect(ring.has(from)).toBe(true);
    expect(known(ring)).toEqual(['3 a']);
  });

  test('says each change that it noted, after it can be read', () => {
    const ring = new ChangeRing();
    const seen: string[] = [];
    ring.noted = () => {
      seen.push(`${ring.keyOf(ring.next - 1)}`);
    };
    ring.changed(P3, key('unnoted'));
    ring.begin();
    ring.changed(P3, key('a'));
    ring.interrupted(P3);
    expect(seen).toEqual(['a', '']);
  });
});
