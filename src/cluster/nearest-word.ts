// Which known word somebody may have meant who wrote an unknown one. Pure; how it is said is the caller's.

/** @returns the known word that is the fewest edits away, if it is not more than so many */
export function nearest(
  name: string,
  known: readonly string[],
  editsMax = Math.max(2, name.length / 3),
): string | undefined {
  const near = known
    .map((word) => ({ word, distance: editDistance(name, word) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near !== undefined && near.distance <= editsMax ? near.word : undefined;
}

/** How many characters must be inserted, removed or replaced, or swapped with the next one, as fingers do. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwapped ? (before[j - 2] ?? 0) + 1 : change;
      next.push(Math.min(change, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
