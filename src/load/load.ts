// The phases of `velour load` in order: find the frontends, fill, warm up, measure. Each phase is in a file of its own;
// the command itself is commands/load.ts.

import type { BreakKind, OpenExchanges } from '../cluster/http/exchange.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { Clock, Timers } from '../cluster/ports.ts';
import { SeededRandom } from '../cluster/seeded-random.ts';
import { chooserOf } from './choosers.ts';
import { Fill } from './fill.ts';
import { LoadConnection } from './load-connection.ts';
import { Operations } from './operations.ts';
import { LoadRecords } from './records.ts';
import type { FillResult, LoadParameters, LoadResult, Second } from './result.ts';
import { LoadRun } from './run.ts';
import type { ValueSizes } from './value-sizes.ts';
import { WORKLOADS } from './workload.ts';

export interface LoadPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly open: OpenExchanges;
  /** Reports something that the user should know at once. */
  warn(text: string): void;
}

export interface LoadSettings {
  readonly parameters: LoadParameters;
  readonly frontends: readonly Address[];
  readonly sizes: ValueSizes;
  readonly fill: boolean;
}

export type LoadOutcome =
  | { readonly kind: 'finished'; readonly result: LoadResult }
  | { readonly kind: 'unreachable'; readonly detail: string };

export type Progress =
  | { readonly phase: 'start' }
  | { readonly phase: 'fill'; readonly stored: number; readonly records: number }
  | { readonly phase: 'warm-up'; readonly seconds: number }
  | {
      readonly phase: 'run';
      readonly seconds: number;
      readonly last: Second | undefined;
      /** How many due requests of an open loop wait for a free connection. */
      readonly waiting: number;
    };

export class Load {
  readonly #ports: LoadPorts;
  readonly #settings: LoadSettings;
  readonly #random: SeededRandom;
  readonly #connections: readonly LoadConnection[];
  readonly #operations: Operations;
  readonly #done: (outcome: LoadOutcome) => void;
  #fill: Fill | undefined;
  #fillResult: FillResult | null = null;
  #run: LoadRun | undefined;
  #interrupted = false;

  constructor(ports: LoadPorts, settings: LoadSettings, done: (outcome: LoadOutcome) => void) {
    const { parameters, frontends, sizes } = settings;
    const { seed, records, keyPrefix, chooser, connections, verify, allowMisses } = parameters;
    this.#ports = ports;
    this.#settings = settings;
    this.#done = done;
    this.#random = new SeededRandom(seed);
    this.#operations = new Operations({
      records: new LoadRecords(keyPrefix, records),
      choose: chooserOf(chooser, this.#random),
      sizes,
      random: this.#random,
      verify,
      allowMisses,
    });
    // Connections take the frontends in turns: each frontend has as many, and consecutive ones differ.
    this.#connections = Array.from({ length: connections }, (_, index) => {
      const address = frontends[index % frontends.length] as Address;
      return new LoadConnection(ports.clock, ports.open(address), address);
    });
  }

  start(): void {
    const ofFrontends = this.#connections.slice(0, this.#settings.frontends.length);
    const unreached: string[] = [];
    let left = ofFrontends.length;
    const { clock, timers } = this.#ports;
    const giveUpAtMs = clock.monotonicMs() + this.#timeoutMs;
    const sweep = () => {
      if (left === 0 || this.#interrupted) return;
      if (clock.monotonicMs() >= giveUpAtMs) {
        for (const connection of ofFrontends) connection.expire(Number.POSITIVE_INFINITY);
      } else timers.after(Math.min(100, this.#timeoutMs / 4), sweep);
    };
    for (const connection of ofFrontends) {
      connection.send({ method: 'GET', path: '/livez' }, (outcome) => {
        if (outcome.kind === 'timeout') unreached.push(`${connection.address} did not answer`);
        else if (outcome.kind === 'broken')
          unreached.push(`${connection.address} ${WORDS[outcome.why]}`);
        if (--left > 0 || this.#interrupted) return;
        this.#found(unreached, ofFrontends.length);
      });
    }
    sweep();
  }

  /** Ends the run at a signal: the result is what was measured so far. */
  stop(): void {
    if (this.#interrupted) return;
    this.#interrupted = true;
    if (this.#run !== undefined) this.#run.stop();
    else if (this.#fill !== undefined) this.#fill.end('interrupted');
    else this.#finish();
  }

  progress(): Progress {
    if (this.#run?.isWarmingUp) {
      return { phase: 'warm-up', seconds: this.#run.measuredMs / 1000 };
    }
    if (this.#run !== undefined) {
      const nowMs = this.#ports.clock.monotonicMs();
      return {
        phase: 'run',
        seconds: this.#run.measuredMs / 1000,
        last: this.#run.recorder.lastSecond(nowMs),
        waiting: this.#run.waiting,
      };
    }
    if (this.#fill === undefined) return { phase: 'start' };
    const { records } = this.#settings.parameters;
    return { phase: 'fill', stored: this.#fill.stored, records };
  }

  get #timeoutMs(): number {
    return this.#settings.parameters.timeoutSeconds * 1000;
  }

  #found(unreached: readonly string[], frontends: number): void {
    const detail = unreached.join('; ');
    if (unreached.length === frontends) return this.#done({ kind: 'unreachable', detail });
    if (unreached.length > 0) this.#ports.warn(`${detail}: going on with the others`);
    if (!this.#settings.fill) return this.#measure();
    const { records } = this.#settings.parameters;
    const options = { records, timeoutMs: this.#timeoutMs };
    this.#fill = new Fill(this.#ports, this.#connections, this.#operations, options, (result) => {
      this.#fillResult = result;
      if (result.problem === null && !this.#interrupted) this.#measure();
      else this.#finish();
    });
    this.#fill.start();
  }

  #measure(): void {
    const { workload, chooser, warmUpSeconds, durationSeconds, ratePerSecond, arrivals } =
      this.#settings.parameters;
    const rate =
      ratePerSecond === null
        ? undefined
        : { perSecond: ratePerSecond, kind: arrivals ?? ('constant' as const) };
    this.#run = new LoadRun(
      { ...this.#ports, random: this.#random },
      this.#connections,
      this.#operations,
      {
        workload: { ...WORKLOADS[workload], chooser },
        warmUpMs: warmUpSeconds * 1000,
        durationMs: durationSeconds * 1000,
        timeoutMs: this.#timeoutMs,
        rate,
      },
      () => this.#finish(),
    );
    this.#run.start();
  }

  #finish(): void {
    for (const connection of this.#connections) connection.close();
    const recorded = this.#run?.recorder.results();
    const { violations, violationExamples, verifiedReads } = this.#operations;
    const nothing = {
      count: 0,
      perSecond: 0,
      misses: 0,
      errors: {},
      latencyMs: null,
      serviceMs: null,
    };
    this.#done({
      kind: 'finished',
      result: {
        parameters: this.#settings.parameters,
        fill: this.#fillResult,
        seconds: Math.round((this.#run?.recorder.measuredSeconds ?? 0) * 1000) / 1000,
        interrupted: this.#interrupted,
        all: recorded?.all ?? nothing,
        operations: recorded?.operations ?? {},
        unsent: this.#run?.unsent ?? 0,
        violations,
        violationExamples,
        verifiedReads,
        latencyPercentilesMs: recorded?.percentiles ?? [],
        servicePercentilesMs: recorded?.servicePercentiles ?? [],
        generatorLateMs: recorded?.generatorLateMs ?? null,
        timeline: recorded?.timeline ?? [],
      },
    });
  }
}

const WORDS: Readonly<Record<BreakKind, string>> = {
  refused: 'refuses connections',
  reset: 'breaks connections off',
  unreachable: 'cannot be reached',
  exhausted: 'was not tried: this machine has no file descriptor or local port left for it',
  malformed: 'does not speak HTTP',
};
