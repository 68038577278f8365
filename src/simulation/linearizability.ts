// Checks that conditional writes and linearizable reads of one key are linearizable (Herlihy and Wing, 1990), with
// unconditional writes among them. Knows nothing of the cluster's inside.
//
// The register is checked by linearizing just in time (Lowe, "Testing for linearizability", 2017): going through the
// history, it keeps every state that the key can be in, with the open operations that have taken effect in it. A counter
// that is only incremented by one needs no search: its results say the order.
//
// An unconditional write may take effect more than once before it is answered: when it has to be given another version
// (H18), what came in between may see the first effect and be overwritten by the second. Docs promise no more, and
// whoever needs more sets a condition. Once it was answered 504 it keeps its version (D9), so from then on it takes
// effect once at most: the version is still below what was judged on it.

export interface RegisterOperation {
  readonly kind: 'write' | 'swap' | 'getset' | 'read';
  readonly startMs: number;
  /** Undefined until it is answered, be it that its outcome is unknown. */
  endMs: number | undefined;
  /** What it writes, or what a read returned; undefined when the key is absent. */
  value: string | undefined;
  /** Of `swap`: which values it takes the place of. `any` stands for every value, `absent` for none. */
  readonly expected?: 'any' | 'absent' | { readonly value: string } | undefined;
  /** The value that `getset` was answered with. */
  previous?: string | undefined;
  /** `unmet` when the condition did not hold. `refused` writes are not checked: they have no effect. */
  outcome: 'done' | 'unmet' | 'unknown' | 'refused';
}

/** The most states to follow: a history with many unknown outcomes at once is given up. */
const STATES_MAX = 20_000;

interface State {
  readonly value: string | undefined;
  /** Open operations that have taken effect already, and will not again. */
  readonly done: ReadonlySet<RegisterOperation>;
}

export type Linearizability =
  | { readonly kind: 'linearizable' }
  /** `at` is the first operation that no order explains. */
  | { readonly kind: 'violated'; readonly at: RegisterOperation }
  | { readonly kind: 'gave-up' };

export function checkRegister(operations: readonly RegisterOperation[]): Linearizability {
  const relevant = operations.filter(({ outcome }) => outcome !== 'refused');
  const events = relevant.flatMap((operation) => {
    const begun = { atMs: operation.startMs, isEnd: false, operation };
    const ended = { atMs: operation.endMs ?? 0, isEnd: true, operation };
    return operation.endMs === undefined ? [begun] : [begun, ended];
  });
  events.sort((a, b) => a.atMs - b.atMs || Number(a.isEnd) - Number(b.isEnd));
  const open = new Set<RegisterOperation>();
  const restamped = new Set(
    relevant.flatMap(({ kind, value }) => (kind === 'write' && value !== undefined ? [value] : [])),
  );
  const restampable = new Set<RegisterOperation>();
  let states: readonly State[] = [{ value: undefined, done: new Set() }];
  for (const { isEnd, operation } of events) {
    if (!isEnd) {
      open.add(operation);
      if (operation.kind === 'write') restampable.add(operation);
      continue;
    }
    const reached = closure(states, open, { restamped, restampable });
    if (reached === undefined) return { kind: 'gave-up' };
    restampable.delete(operation);
    if (operation.outcome === 'unknown') {
      states = pruned(reached);
      continue;
    }
    open.delete(operation);
    states = pruned(
      reached
        .filter(({ done }) => done.has(operation))
        .map(({ value, done }) => ({ value, done: without(done, operation) })),
    );
    if (states.length === 0) return { kind: 'violated', at: operation };
  }
  return { kind: 'linearizable' };
}

interface Versions {
  /** Values that may get another ETag: those of unconditional writes. */
  readonly restamped: ReadonlySet<string>;
  /** Unconditional writes that may be given another version now. */
  readonly restampable: ReadonlySet<RegisterOperation>;
}

/** Every state that open operations can lead to; undefined when there are too many. */
function closure(
  states: readonly State[],
  open: ReadonlySet<RegisterOperation>,
  versions: Versions,
): readonly State[] | undefined {
  const seen = new Set(states.map(nameOf));
  const reached = [...states];
  for (let at = 0; at < reached.length; at++) {
    const state = reached[at];
    if (state === undefined) break;
    for (const operation of open) {
      for (const next of after(state, operation, versions)) {
        const name = nameOf(next);
        if (seen.has(name)) continue;
        if (seen.size > STATES_MAX) return undefined;
        seen.add(name);
        reached.push(next);
      }
    }
  }
  return reached;
}

/** The states that the operation can lead to from this one; none if it cannot take effect here. */
function after(
  { value, done }: State,
  operation: RegisterOperation,
  { restamped, restampable }: Versions,
): readonly State[] {
  // A write may take effect again; if its outcome is unknown, it need not take effect at all.
  const isRepeatable = restampable.has(operation);
  if (done.has(operation) && !isRepeatable) return [];
  const isUnknown = operation.outcome === 'unknown';
  const noted = isRepeatable && isUnknown ? done : new Set([...done, operation]);
  if (operation.outcome === 'unmet') {
    // An unconditional write that was given another version is the same value with another ETag.
    const isOther = !fits(operation, value) || (value !== undefined && restamped.has(value));
    return isOther ? [{ value, done: noted }] : [];
  }
  switch (operation.kind) {
    case 'write':
      return [{ value: operation.value, done: noted }];
    case 'swap':
      return fits(operation, value) ? [{ value: operation.value, done: noted }] : [];
    case 'getset':
      return isUnknown || operation.previous === value
        ? [{ value: operation.value, done: noted }]
        : [];
    case 'read':
      return isUnknown || operation.value === value ? [{ value, done: noted }] : [];
  }
}

function fits({ expected }: RegisterOperation, value: string | undefined): boolean {
  if (expected === 'any') return value !== undefined;
  if (expected === 'absent') return value === undefined;
  return expected === undefined || expected.value === value;
}

/** A state in which an operation of unknown outcome has not taken effect can do all that the other one can. */
function pruned(states: readonly State[]): readonly State[] {
  const best = new Map<string, State>();
  for (const state of states) {
    const bound = [...state.done].filter(({ outcome }) => outcome !== 'unknown');
    const name = nameOf({ value: state.value, done: new Set(bound) });
    const known = best.get(name);
    if (known === undefined || state.done.size < known.done.size) best.set(name, state);
  }
  return [...best.values()];
}

const names = new WeakMap<RegisterOperation, number>();
let named = 0;

function nameOf({ value, done }: State): string {
  const numbers = [...done].map((operation) => {
    const known = names.get(operation) ?? ++named;
    names.set(operation, known);
    return known;
  });
  return `${value ?? '-'} ${numbers.sort((a, b) => a - b).join()}`;
}

function without(
  done: ReadonlySet<RegisterOperation>,
  operation: RegisterOperation,
): ReadonlySet<RegisterOperation> {
  const left = new Set(done);
  left.delete(operation);
  return left;
}

export interface CounterOperation {
  readonly kind: 'incr' | 'read';
  readonly startMs: number;
  endMs: number | undefined;
  /** What an increment by one, or a linearizable read, was answered. */
  result: number | undefined;
  outcome: 'done' | 'unknown' | 'refused';
}

/** @returns a line for each broken promise: no acknowledged increment is lost, none counts twice */
export function checkCounter(operations: readonly CounterOperation[]): readonly string[] {
  const problems: string[] = [];
  const relevant = operations.filter(({ outcome }) => outcome !== 'refused');
  const increments = relevant.filter(({ kind }) => kind === 'incr');
  const byResult = new Map<number, CounterOperation>();
  for (const each of relevant) {
    const { kind, result, outcome, endMs } = each;
    if (outcome !== 'done' || result === undefined || endMs === undefined) continue;
    const begun = increments.filter(({ startMs }) => startMs < endMs).length;
    if (result > begun) problems.push(`counter: ${show(each)}, after ${begun} increments`);
    if (kind === 'read') continue;
    const twin = byResult.get(result);
    if (twin !== undefined) problems.push(`counter: ${show(each)} and ${show(twin)} are the same`);
    byResult.set(result, each);
  }
  const ended = relevant
    .filter(({ outcome, endMs }) => outcome === 'done' && endMs !== undefined)
    .sort((a, b) => (a.endMs ?? 0) - (b.endMs ?? 0));
  const begun = [...ended].sort((a, b) => a.startMs - b.startMs);
  let highest: CounterOperation | undefined;
  let at = 0;
  for (const each of begun) {
    for (; (ended[at]?.endMs ?? Number.POSITIVE_INFINITY) < each.startMs; at++) {
      const before = ended[at];
      if ((before?.result ?? 0) > (highest?.result ?? -1)) highest = before;
    }
    if (highest === undefined) continue;
    const [low, result] = [highest.result ?? 0, each.result ?? 0];
    const isBelow = each.kind === 'incr' ? result <= low : result < low;
    if (isBelow) problems.push(`counter: ${show(each)} comes after ${show(highest)}`);
  }
  return problems;
}

function show({ kind, startMs, endMs, result }: CounterOperation): string {
  return `${kind} [${startMs.toFixed(1)}, ${endMs?.toFixed(1) ?? 'open'}] = ${result ?? 'unknown'}`;
}
