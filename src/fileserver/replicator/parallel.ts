// Does something to each of many items, a few at a time.

import type { Next } from '../blob-store/listing.ts';

/** @param work calls `next` once, when it is over @param done called once, when all are done */
export function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, next: Next) => void,
  done: Next,
): void {
  let next = 0;
  let underWay = 0;
  let isIn = false;
  let isOver = false;
  const goOn = () => {
    // Items that are over before their work returns do not pile up calls.
    if (isIn) return;
    isIn = true;
    while (underWay < atOnce && next < items.length) {
      underWay++;
      work(items[next++] as T, () => {
        underWay--;
        goOn();
      });
    }
    isIn = false;
    if (underWay > 0 || next < items.length || isOver) return;
    isOver = true;
    done();
  };
  goOn();
}
