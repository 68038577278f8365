// Who is sent next, who is coalesced, and what is too much, without time and without members.

import { describe, expect, test } from 'vitest';
import { InvariantBroken } from '../../../../src/cluster/assert.ts';
import { WAITING_SETS_BYTES_MAX, WAITING_SETS_MAX } from '../../../../src/cluster/model/limits.ts';
import {
  KeyQueue,
  WaitingSet,
  WaitingSets,
} from '../../../../src/coordinator/operations/set/coalescing.ts';
import { SeededRandom } from '../../../helpers/random.ts';

const names = new Map<WaitingSet, string>();

function waiting(name: string, valueBytes = 0, arrivedMs = 0): WaitingSet {
  const key = Buffer.from('k');
  const value = Buffer.alloc(valueBytes);
  const request = { key, value, tombstone: false, expiresAtMs: 0, attributes: [] };
  const set = new WaitingSet(request, () => undefined, arrivedMs);
  names.set(set, name);
  return set;
}

const nameOf = (set: WaitingSet | undefined) => set && names.get(set);

/**
 * Words: a letter comes and waits; `next` and `stored` are the end of what is on its way, and show who is sent
 * and who is answered with it; `late` takes the oldest away.
 */
function play(script: string): string {
  const all = new WaitingSets();
  const queue = new KeyQueue();
  const shown = script.split(' ').map((word) => {
    if (word === 'next') return `${nameOf(all.takeNext(queue))}>${queue.coalesced}`;
    if (word === 'stored') return `[${all.takeCoalesced(queue).map(nameOf).join('')}]`;
    if (word === 'late') all.takeOldest();
    else all.add(waiting(word), queue);
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
    ['the oldest is too late, and was coalesced', 'a b c next late stored', 'c>2 [b]'],
    ['the oldest is too late, and nobody is coalesced', 'a b late next stored', 'b>0 []'],
    ['all that were coalesced are too late', 'a b next late c stored next', 'b>1 [] c>0'],
    ['nobody is answered twice', 'a b next stored stored next', 'b>1 [a] [] undefined>0'],
  ])('%s', (_what, script, shown) => {
    expect(play(script)).toBe(shown);
  });
});

test('a set is answered once', () => {
  const outcomes: unknown[] = [];
  const key = Buffer.from('k');
  const request = { key, value: key, tombstone: false, expiresAtMs: 0, attributes: [] };
  const set = new WaitingSet(request, (outcome) => outcomes.push(outcome), 0);
  const refused = { kind: 'not-stored', code: 'not-stored', detail: '' } as const;
  set.answer(refused);
  expect(() => set.answer(refused)).toThrow(InvariantBroken);
  expect(outcomes).toEqual([refused]);
});

describe('what waits in a frontend', () => {
  test('waits in one queue, and leaves it once', () => {
    const all = new WaitingSets();
    const [one, other] = [new KeyQueue(), new KeyQueue()];
    const set = waiting('a');
    all.add(set, one);
    expect(() => all.add(set, other)).toThrow(InvariantBroken);
    expect(nameOf(all.takeNext(one))).toBe('a');
    // As if somebody had put it back by hand: it has left, and nothing else must be taken out in its place.
    one.sets.push(set);
    all.add(waiting('b'), other);
    expect(() => all.takeNext(one)).toThrow(InvariantBroken);
    expect([all.count, nameOf(all.oldest)]).toEqual([1, 'b']);
  });

  test('is bounded in number', () => {
    const all = new WaitingSets();
    const queue = new KeyQueue();
    for (let count = 0; count < WAITING_SETS_MAX; count++) all.add(waiting(`${count}`), queue);
    expect(all.isTooMuch).toBe(false);
    all.add(waiting('one more'), queue);
    expect(all.isTooMuch).toBe(true);
    expect(nameOf(all.takeOldest())).toBe('0');
    expect(all.isTooMuch).toBe(false);
  });

  test('and in bytes, but a single one may be longer', () => {
    const all = new WaitingSets();
    const [one, other] = [new KeyQueue(), new KeyQueue()];
    all.add(waiting('long', WAITING_SETS_BYTES_MAX), one);
    expect(all.isTooMuch).toBe(false);
    all.add(waiting('short'), other);
    expect([all.isTooMuch, nameOf(all.oldest)]).toEqual([true, 'long']);
    expect(nameOf(all.takeNext(one))).toBe('long');
    expect([all.isTooMuch, nameOf(all.oldest)]).toEqual([false, 'short']);
    all.add(waiting('long again', WAITING_SETS_BYTES_MAX), one);
    expect(nameOf(all.takeNext(other))).toBe('short');
    all.add(waiting('short again'), other);
    expect([all.isTooMuch, nameOf(all.oldest)]).toEqual([true, 'long again']);
  });

  test.each([1, 2, 3])(
    'is in the order in which it came and of deadlines, whoever goes, seed %i',
    (seed) => {
      const random = new SeededRandom(seed);
      const all = new WaitingSets();
      const queues = [new KeyQueue(), new KeyQueue(), new KeyQueue()];
      /** In the order in which they came to wait, of all keys. */
      const model: { readonly set: WaitingSet; readonly queue: KeyQueue; coalesced: boolean }[] =
        [];
      const expectGone = (gone: readonly (WaitingSet | undefined)[], which: typeof model) => {
        expect(gone.map(nameOf)).toEqual(which.map(({ set }) => nameOf(set)));
        for (const each of which) model.splice(model.indexOf(each), 1);
      };
      const dueFirst = () => {
        const inOrder = model.toSorted((one, other) => one.set.arrivedMs - other.set.arrivedMs);
        return inOrder.slice(0, 1);
      };
      for (let round = 0; round < 5000; round++) {
        const queue = random.pick(queues);
        const ofKey = model.filter((each) => each.queue === queue);
        const step = random.below(10);
        if (step < 6) {
          // Some had to wait elsewhere before, for the time of the cluster (H31).
          const arrivedMs = round - (random.below(4) === 0 ? random.below(50) : 0);
          const set = waiting(`${round}`, 0, arrivedMs);
          model.push({ set, queue, coalesced: false });
          all.add(set, queue);
        } else if (step < 7) {
          const next = all.takeNext(queue);
          expectGone(next === undefined ? [] : [next], ofKey.slice(-1));
          for (const each of ofKey) each.coalesced = true;
        } else if (step < 8) {
          const coalesced = ofKey.filter((each) => each.coalesced);
          expectGone(all.takeCoalesced(queue), coalesced);
        } else {
          const oldest = all.takeOldest();
          expectGone(oldest === undefined ? [] : [oldest], dueFirst());
        }
        expect([all.count, nameOf(all.oldest)]).toEqual([model.length, nameOf(dueFirst()[0]?.set)]);
        const coalesced = model.filter((each) => each.queue === queue && each.coalesced);
        expect(queue.coalesced).toBe(coalesced.length);
      }
      while (model.length > 0) expectGone([all.takeOldest()], dueFirst());
      expect([all.count, all.oldest, all.takeOldest()]).toEqual([0, undefined, undefined]);
    },
  );
});
