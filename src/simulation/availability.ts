// Checks whether a failed operation had a reason, and counts how long sets took. While at most one fault is felt, only
// what its rule allows may fail (fault-log.ts); slow sets go into a histogram by the fault that was felt.

import { FAULTS, type Fault, type FaultKind, type FaultLog } from './fault-log.ts';
import type { ClientOperation } from './history.ts';
import type { World } from './world.ts';

/** Upper bounds of the histogram's buckets, in ms. */
const STALLS_MS = [500, 1000, 2000, 2500, 3500, 5000] as const;
/** 507: the memory of a storage node is full, which no fault causes. */
const FULL = 507;

export class Availability {
  readonly #world: World;
  readonly #faults: FaultLog;
  readonly #violation: (text: string) => void;
  /** Only calm runs are judged: on a network that loses and breaks at random something is always wrong. */
  readonly #isCalm: boolean;

  constructor(
    world: World,
    faults: FaultLog,
    { isCalm }: { readonly isCalm: boolean },
    violation: (text: string) => void,
  ) {
    this.#world = world;
    this.#faults = faults;
    this.#isCalm = isCalm;
    this.#violation = violation;
  }

  /** @param frontend the name of the process that answered */
  answered(operation: ClientOperation, frontend: string, status: number): void {
    const { startMs, kind, ok } = operation;
    const now = this.#world.nowMs;
    const tookMs = now - startMs;
    if (ok && tookMs <= STALLS_MS[0]) return;
    const felt = this.#faults.feltBetween(startMs, now);
    const cause = causeOf(felt);
    if (ok) {
      if (kind !== 'get') this.#world.occur(`set took ${bucketOf(tookMs)}: ${cause}`);
      return;
    }
    this.#world.occur(`${kind === 'get' ? 'get' : 'set'} answered ${status}: ${cause}`);
    if (!this.#isCalm || status === FULL || isExplained(felt, kind, frontend)) return;
    this.#violation(
      `availability: ${kind} ${operation.key} [${startMs.toFixed(1)}, ${now.toFixed(1)}] at ${frontend} was answered ${status}, and all that was wrong was ${cause}${show(felt)}`,
    );
  }
}

function causeOf(felt: readonly Fault[]): FaultKind | 'nothing' | 'several' {
  const [first, second] = felt;
  if (first === undefined) return 'nothing';
  return second === undefined ? first.kind : 'several';
}

function show(felt: readonly Fault[]): string {
  return felt
    .map(
      ({ nodes, fromMs, untilMs }) =>
        ` (${nodes.join(' ')} ${fromMs.toFixed(0)} to ${untilMs.toFixed(0)})`,
    )
    .join('');
}

function isExplained(
  felt: readonly Fault[],
  kind: ClientOperation['kind'],
  frontend: string,
): boolean {
  const [only, another] = felt;
  if (only === undefined) return false;
  if (another !== undefined) return true;
  const { mayFail } = FAULTS[only.kind];
  switch (mayFail) {
    case 'nothing':
      return false;
    case 'its frontends':
      return only.nodes.includes(frontend);
    case 'sets':
      return kind !== 'get';
    case 'anything':
      return true;
  }
}

function bucketOf(tookMs: number): string {
  const at = STALLS_MS.findIndex((bound) => tookMs <= bound);
  if (at < 0) return `over ${STALLS_MS.at(-1)} ms`;
  return `up to ${STALLS_MS[at]} ms`;
}
