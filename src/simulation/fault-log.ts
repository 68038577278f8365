// Which faults were active when, and what clients may feel of each while it is the only one. With this availability.ts
// distinguishes failures that a rule explains from failures that nothing explains.

import type { World } from './world.ts';

/** Which operations may fail because of a fault while no other fault is active. */
export type MayFail =
  /** No operation: the cluster must bear one failed node. */
  | 'nothing'
  /** Only operations through the frontends that it strikes. */
  | 'its frontends'
  /** Only sets: those of its partitions wait, perhaps until their deadline. */
  | 'sets'
  /** Any operation. */
  | 'anything';

interface FaultRule {
  readonly mayFail: MayFail;
  /** How long after its end clients may still feel it: pending operations run to their deadline, streams reopen. */
  readonly feltForMs: number;
}

export const FAULTS = {
  kill: { mayFail: 'nothing', feltForMs: 4000 },
  'kill-many': { mayFail: 'anything', feltForMs: 8000 },
  stop: { mayFail: 'nothing', feltForMs: 4000 },
  drain: { mayFail: 'nothing', feltForMs: 2000 },
  lose: { mayFail: 'nothing', feltForMs: 6000 },
  'lose-power': { mayFail: 'nothing', feltForMs: 6000 },
  'put-back': { mayFail: 'nothing', feltForMs: 6000 },
  burn: { mayFail: 'nothing', feltForMs: 6000 },
  'burn-last': { mayFail: 'anything', feltForMs: 20_000 },
  'lose-host': { mayFail: 'sets', feltForMs: 8000 },
  'kill-controller': { mayFail: 'nothing', feltForMs: 3000 },
  'lose-controller': { mayFail: 'nothing', feltForMs: 6000 },
  'second-controller': { mayFail: 'nothing', feltForMs: 6000 },
  'kill-frontend': { mayFail: 'its frontends', feltForMs: 2000 },
  pause: { mayFail: 'nothing', feltForMs: 6000 },
  'pause-frontend': { mayFail: 'its frontends', feltForMs: 6000 },
  suspend: { mayFail: 'nothing', feltForMs: 6000 },
  'suspend-frontend': { mayFail: 'its frontends', feltForMs: 6000 },
  cut: { mayFail: 'anything', feltForMs: 8000 },
  isolate: { mayFail: 'nothing', feltForMs: 6000 },
  'isolate-frontend': { mayFail: 'its frontends', feltForMs: 6000 },
  'cut-link': { mayFail: 'its frontends', feltForMs: 6000 },
  lossy: { mayFail: 'nothing', feltForMs: 3000 },
  clock: { mayFail: 'nothing', feltForMs: 3000 },
  clocks: { mayFail: 'anything', feltForMs: 8000 },
  'fill-disk': { mayFail: 'nothing', feltForMs: 6000 },
  'fill-disks': { mayFail: 'anything', feltForMs: 8000 },
  'stall-disk': { mayFail: 'nothing', feltForMs: 6000 },
  'slow-disk': { mayFail: 'nothing', feltForMs: 6000 },
  'disk-error': { mayFail: 'nothing', feltForMs: 6000 },
  'disk-shortage': { mayFail: 'nothing', feltForMs: 6000 },
  'disk-rot': { mayFail: 'nothing', feltForMs: 6000 },
  'disk-tampered': { mayFail: 'nothing', feltForMs: 6000 },
  'wrong-scale': { mayFail: 'nothing', feltForMs: 6000 },
  'restart-all': { mayFail: 'anything', feltForMs: 8000 },
  'kill-files': { mayFail: 'nothing', feltForMs: 1000 },
  'hang-files': { mayFail: 'nothing', feltForMs: 1000 },
  'fill-files': { mayFail: 'nothing', feltForMs: 1000 },
  'files-error': { mayFail: 'nothing', feltForMs: 1000 },
  'rot-files': { mayFail: 'nothing', feltForMs: 1000 },
  'replace-files': { mayFail: 'nothing', feltForMs: 1000 },
  'drain-files': { mayFail: 'nothing', feltForMs: 1000 },
  aim: { mayFail: 'anything', feltForMs: 10_000 },
} as const satisfies Readonly<Record<string, FaultRule>>;

export type FaultKind = keyof typeof FAULTS;

export interface Fault {
  readonly kind: FaultKind;
  /** The names of the processes that the fault strikes. */
  readonly nodes: readonly string[];
  readonly fromMs: number;
  /** Infinite while the fault is active. */
  untilMs: number;
}

interface Struck {
  readonly process: { readonly name: string };
}

export class FaultLog {
  readonly #world: World;
  readonly #faults: Fault[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  begin(kind: FaultKind, nodes: readonly Struck[]): Fault {
    const fault: Fault = {
      kind,
      nodes: nodes.map(({ process }) => process.name),
      fromMs: this.#world.nowMs,
      untilMs: Number.POSITIVE_INFINITY,
    };
    this.#faults.push(fault);
    this.#world.occur(`fault: ${kind}`);
    return fault;
  }

  /** Begins a fault that ends after `durationMs`. */
  lasting(
    kind: FaultKind,
    nodes: readonly Struck[],
    durationMs: number,
    end: () => void = () => undefined,
  ): void {
    const fault = this.begin(kind, nodes);
    this.#world.at(durationMs, () => {
      end();
      this.end(fault);
    });
  }

  end(fault: Fault): void {
    fault.untilMs = Math.min(fault.untilMs, this.#world.nowMs);
  }

  endAll(): void {
    for (const fault of this.#faults) this.end(fault);
  }

  get hasActive(): boolean {
    return this.#faults.some(({ untilMs }) => untilMs === Number.POSITIVE_INFINITY);
  }

  /** The faults that a client may have felt between these times. */
  feltBetween(fromMs: number, toMs: number): readonly Fault[] {
    return this.#faults.filter(
      (fault) => fault.fromMs <= toMs && fault.untilMs + FAULTS[fault.kind].feltForMs >= fromMs,
    );
  }
}
