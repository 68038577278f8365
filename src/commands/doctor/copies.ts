// Judges whether each key has as many copies as it should, where it should: while some are made or moved, a node that is
// stopped may take the last complete one with it.

import { grouped } from '../progress-text.ts';
import type { ReportFinding } from './finding.ts';

interface HeldPartitions {
  readonly serving: number;
  readonly joining: number;
  readonly leaving: number;
}

interface CopyHolder {
  readonly draining: boolean;
  readonly partitions?: HeldPartitions | undefined;
}

interface HeldCopies {
  readonly storage: Readonly<Record<string, Pick<CopyHolder, 'partitions'>>>;
}

/** Of the controller's `/status`, which has none of it without a map. */
interface CopiesStatus {
  readonly partitions?: number | undefined;
  readonly storage: Readonly<Record<string, CopyHolder>>;
}

/** @returns how many copies of partitions answer gets, of all storage nodes together; a node that joins has none yet */
export function copiesThere({ storage }: HeldCopies): number {
  return sumOf(Object.values(storage), ({ serving }) => serving);
}

/** @param nodes on how many storage nodes each key can be, and is to be */
export function judgeCopies(status: CopiesStatus, nodes: number, report: ReportFinding): void {
  if (status.partitions === undefined) return;
  const wanted = status.partitions * nodes;
  const what = movesText(wanted, copiesThere(status), Object.values(status.storage));
  if (what === undefined) return;
  report({
    check: 'copies',
    what,
    todo: 'stop no other storage node until that is done: velour status exits 0 then, if nothing else is wrong',
  });
}

/** @returns undefined where each copy is there, and stays */
function movesText(
  wanted: number,
  there: number,
  holders: readonly CopyHolder[],
): string | undefined {
  if (there < wanted) {
    const [some, all, left] = [there, wanted, wanted - there].map(grouped);
    return `copies are being made: ${some} of ${all} are there, ${left} to go`;
  }
  // A drain begins a few moves at a time: between two of them nothing joins or leaves, and yet it is not done.
  const draining = holders.filter((holder) => holder.draining);
  const left = sumOf(draining, ({ serving, joining, leaving }) => serving + joining + leaving);
  if (left > 0) return `copies are being moved off nodes that drain: ${grouped(left)} to go`;
  const joining = sumOf(holders, (held) => held.joining);
  const leaving = sumOf(holders, (held) => held.leaving);
  if (joining === 0 && leaving === 0) return undefined;
  return `copies are being moved: ${grouped(Math.max(joining, leaving))} just now`;
}

function sumOf(
  holders: readonly Pick<CopyHolder, 'partitions'>[],
  of: (held: HeldPartitions) => number,
): number {
  let sum = 0;
  for (const { partitions } of holders) sum += partitions === undefined ? 0 : of(partitions);
  return sum;
}
