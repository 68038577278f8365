// Judges what clients saw of one file against all that was done to it: each sight must be explained by a change that was not over
// when the look began, nothing that is over comes back, and a change takes away only what is its own. Each change stores a content
// that no other one stores. Reads may see a change before it is acknowledged (H21), so no order of all is asked for. Pure.

export interface FileChange {
  /** `withdrawn`: deleted if it was still this content, and nothing otherwise. */
  readonly kind: 'stored' | 'deleted' | 'withdrawn';
  /** What it stores, or withdraws; of a deletion undefined. */
  readonly content: string | undefined;
  readonly startMs: number;
  /** Undefined for one of which nobody has heard the end: it may take effect at any time. */
  endMs: number | undefined;
  /**
   * One that was refused has no effect. One that was undone was refused as well, and may have been seen until then: a lock that it
   * had to heed was seen behind it only (files/second-look.ts).
   */
  outcome: 'unknown' | 'done' | 'refused' | 'undone';
}

export interface FileSight {
  /** For a violation. */
  readonly what: string;
  /** `present`: this content is there, or nothing is where it is undefined. `missing`: this content is not there. */
  readonly kind: 'present' | 'missing';
  readonly content: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
}

/** Before the first change there is nothing. */
const NOTHING_YET: FileChange = {
  kind: 'deleted',
  content: undefined,
  startMs: Number.NEGATIVE_INFINITY,
  endMs: Number.NEGATIVE_INFINITY,
  outcome: 'done',
};

/** @returns a line for each sight that nothing explains */
export function checkSights(
  changes: readonly FileChange[],
  sights: readonly FileSight[],
): readonly string[] {
  const all = [NOTHING_YET, ...changes];
  return sights.flatMap((sight) => {
    const isExplained = sight.kind === 'present' ? isPresentAt(all, sight) : !isKept(all, sight);
    return isExplained ? [] : [show(sight)];
  });
}

function isPresentAt(changes: readonly FileChange[], { content, startMs, endMs }: FileSight) {
  return changes.some(
    (change) =>
      leaves(change) === content &&
      mayTakeEffect(changes, change, startMs, endMs) &&
      !isOver(changes, change, startMs),
  );
}

/** Whether this content was there all the time, as nobody else had begun to change anything. */
function isKept(changes: readonly FileChange[], { content, startMs, endMs }: FileSight): boolean {
  const stored = changes.find((change) => change.kind === 'stored' && change.content === content);
  const fromMs = stored?.outcome === 'done' ? stored.endMs : undefined;
  if (stored === undefined || fromMs === undefined || fromMs >= startMs) return false;
  return !changes.some(
    (change) =>
      change !== stored &&
      (change.endMs ?? Number.POSITIVE_INFINITY) >= stored.startMs &&
      (change.kind !== 'withdrawn' || change.content === content) &&
      mayTakeEffect(changes, change, startMs, endMs),
  );
}

function leaves({ kind, content }: FileChange): string | undefined {
  return kind === 'stored' ? content : undefined;
}

/** Whether the change may be seen at some moment from `fromMs` to `byMs`. */
function mayTakeEffect(
  changes: readonly FileChange[],
  change: FileChange,
  fromMs: number,
  byMs: number,
): boolean {
  const { kind, content, startMs, endMs = Number.POSITIVE_INFINITY, outcome } = change;
  if (outcome === 'refused' || startMs >= byMs) return false;
  if (outcome === 'undone' && endMs < fromMs) return false;
  if (kind !== 'withdrawn') return true;
  // What had been replaced before is not its own any more.
  const own = changes.find((each) => each.kind === 'stored' && each.content === content);
  return own !== undefined && own.outcome !== 'refused' && !isOver(changes, own, startMs, change);
}

/** Whether another change has certainly come after this one, and before that moment. */
function isOver(
  changes: readonly FileChange[],
  { kind, content, endMs: overMs = Number.POSITIVE_INFINITY }: FileChange,
  atMs: number,
  except?: FileChange,
): boolean {
  return changes.some((other) => {
    const { outcome, startMs, endMs } = other;
    if (other === except || outcome !== 'done' || endMs === undefined || endMs >= atMs)
      return false;
    if (other.kind === 'withdrawn') return kind === 'stored' && other.content === content;
    return startMs > overMs;
  });
}

function show({ what, kind, content = 'nothing', startMs, endMs }: FileSight): string {
  const saw = kind === 'present' ? `${content} is there` : `${content} is not there`;
  return `${what} says in [${startMs.toFixed(1)}, ${endMs.toFixed(1)}] that ${saw}, which no change explains`;
}
