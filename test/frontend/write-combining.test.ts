// Who is sent next, who is overtaken, and what is too much, without time and without members.

import { describe, expect, test } from 'vitest';
import { WAITING_SETS_BYTES_MAX, WAITING_SETS_MAX } from '../../src/cluster/limits.ts';
import { KeyQueue, type WaitingSet, WaitingSets } from '../../src/frontend/write-combining.ts';
import { SeededRandom } from '../helpers/random.ts';

const names = new Map<WaitingSet, string>();

function waiting(name: string, queue: KeyQueue, bytes = 1): WaitingSet {
  const key = Buffer.from('k');
  const request = { key, value: key, tombstone: false, expiresAtMs: 0, attributes: [] };
  const neighbours = { older: undefined, newer: undefined };
  const set = { request, callback: () => undefined, arrivedMs: 0, bytes, queue, ...neighbours };
  names.set(set, name);
  return set;
}

const nameOf = (set: WaitingSet | undefined) => set && names.get(set);

/**
 * Words: a letter comes and waits; `next` and `stored` are the end of what is on its way, and show who is sent
 * and who is answered with it; `late` takes the oldest away.
 */
function play(script: string): string {
  const queue = new KeyQueue();
  const shown = script.split(' ').map((word) => {
    if (word === 'next') return `${nameOf(queue.next())}>${queue.overtaken}`;
    if (word === 'stored') return `[${queue.takeOvertaken().map(nameOf).join('')}]`;
    if (word === 'late') queue.removeOldest();
    else queue.add(waiting(word, queue));
    return '';
  });
  return shown.filter(Boolean).join(' ');
}

describe('H41: sets of one key', () => {
  test.each([
    ['the newest is sent, the others are answered with it', 'a b c next stored', 'c>2 [ab]'],
    ['who comes later is not answered with it', 'a b next c stored next', 'b>1 [a] c>0'],
    ['it is refused: the newest of the others is sent', 'a b c next next stored', 'c>2 b>1 [a]'],
    ['it is refused: a newer one goes first, for all', 'a b next c next stored', 'b>1 c>1 [a]'],
    [
      'all are refused, one after the other',
      'a b c next next next next',
      'c>2 b>1 a>0 undefined>0',
    ],
    ['refused, and newer ones came', 'a b c next d e next stored', 'c>2 e>3 [abd]'],
    ['the oldest is too late, and was overtaken', 'a b c next late stored', 'c>2 [b]'],
    ['the oldest is too late, and nobody is overtaken', 'a b late next stored', 'b>0 []'],
    ['nobody is answered twice', 'a b next stored stored next', 'b>1 [a] [] undefined>0'],
  ])('%s', (_what, script, shown) => {
    expect(play(script)).toBe(shown);
  });
});

describe('what waits in a frontend', () => {
  const queue = new KeyQueue();

  test('is bounded in number', () => {
    const all = new WaitingSets();
    for (let count = 0; count < WAITING_SETS_MAX; count++) all.add(waiting(`${count}`, queue));
    expect(all.isTooMuch).toBe(false);
    all.add(waiting('one more', queue));
    expect(all.isTooMuch).toBe(true);
    expect(nameOf(all.oldest)).toBe('0');
  });

  test('and in bytes, but a single one may be longer', () => {
    const all = new WaitingSets();
    const [long, short] = [
      waiting('long', queue, WAITING_SETS_BYTES_MAX + 1),
      waiting('short', queue),
    ];
    all.add(long);
    expect(all.isTooMuch).toBe(false);
    all.add(short);
    expect([all.isTooMuch, nameOf(all.oldest)]).toEqual([true, 'long']);
    all.delete(long);
    expect([all.isTooMuch, nameOf(all.oldest)]).toEqual([false, 'short']);
    all.add(long);
    all.delete(short);
    all.add(short);
    expect([all.isTooMuch, nameOf(all.oldest)]).toEqual([true, 'long']);
  });

  test.each([1, 2, 3])('is in the order in which it came, whoever goes, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const all = new WaitingSets();
    const model: WaitingSet[] = [];
    for (let round = 0; round < 2000; round++) {
      const gone = random.chance(0.5) ? model[random.below(model.length || 1)] : undefined;
      if (gone === undefined) {
        model.push(waiting(`${round}`, queue));
        all.add(model.at(-1) ?? waiting('none', queue));
      } else {
        model.splice(model.indexOf(gone), 1);
        all.delete(gone);
      }
      expect([all.count, nameOf(all.oldest)]).toEqual([model.length, nameOf(model[0])]);
    }
    while (model.length > 0) {
      expect(all.oldest).toBe(model.shift());
      if (all.oldest !== undefined) all.delete(all.oldest);
    }
    expect([all.count, all.oldest]).toEqual([0, undefined]);
  });
});
