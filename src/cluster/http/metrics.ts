// Counters, gauges and histograms, printed in Prometheus' text format 0.0.4. Label values come from the code, never
// from a request: with keys as labels the series would grow without bound.

/** The upper bounds of the buckets in seconds: from a lookup within one process to nearly the deadline of a set. */
const DURATION_BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

type Labels = Readonly<Record<string, string>>;

/** How to combine the values of several processes that are one frontend to their clients. */
export type Together = 'sum' | 'max' | 'min';

/** Each series as its whole name, labels included, and its value. */
export type Series = readonly (readonly [string, number])[];

interface Family {
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Always `sum` for counters and histograms. */
  readonly together: Together;
  series(): Series;
}

/** The state of a family at one moment, as plain values that one process can send to another. */
export interface FamilyReading extends Omit<Family, 'series'> {
  readonly name: string;
  readonly series: Series;
}

export class Counter {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

export class DurationHistogram {
  /** One count per bound, and one for everything above the last bound; not cumulative. */
  readonly counts = new Array<number>(DURATION_BOUNDS.length + 1).fill(0);
  sumSeconds = 0;

  observeMs(milliseconds: number): void {
    const seconds = milliseconds / 1000;
    this.sumSeconds += seconds;
    let bucket = 0;
    while (bucket < DURATION_BOUNDS.length && seconds > (DURATION_BOUNDS[bucket] ?? 0)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** @returns the bound in seconds that this share of all values stayed within: Infinity beyond the last, 0 for none */
  quantileSeconds(quantile: number): number {
    const { count } = this;
    let within = 0;
    const bucket = this.counts.findIndex((ofBucket) => {
      within += ofBucket;
      return within >= quantile * count;
    });
    return count === 0 ? 0 : (DURATION_BOUNDS[bucket] ?? Number.POSITIVE_INFINITY);
  }
}

export class Metrics {
  readonly #families = new Map<string, Family>();

  /** @returns a new counter with the given labels: call this once per series, and keep the counter */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const counter = new Counter();
    this.#add(name, { help, type: 'counter', together: 'sum' }, () => [
      [`${name}${print(labels)}`, counter.value],
    ]);
    return counter;
  }

  /** @param read called whenever the metrics are read */
  gauge(
    name: string,
    help: string,
    read: () => number,
    labels: Labels = {},
    together: Together = 'max',
  ): void {
    this.#add(name, { help, type: 'gauge', together }, () => [[`${name}${print(labels)}`, read()]]);
  }

  /** Adds a counter whose value is kept elsewhere. @param read called whenever the metrics are read */
  countedElsewhere(name: string, help: string, read: () => number, labels: Labels = {}): void {
    this.#add(name, { help, type: 'counter', together: 'sum' }, () => [
      [`${name}${print(labels)}`, read()],
    ]);
  }

  durations(name: string, help: string, labels: Labels = {}): DurationHistogram {
    const histogram = new DurationHistogram();
    this.#add(name, { help, type: 'histogram', together: 'sum' }, () => {
      let total = 0;
      const buckets = [...DURATION_BOUNDS.map(String), '+Inf'].map((bound, index) => {
        total += histogram.counts[index] ?? 0;
        return [`${name}_bucket${print({ ...labels, le: bound })}`, total] as const;
      });
      return [
        ...buckets,
        [`${name}_sum${print(labels)}`, histogram.sumSeconds],
        [`${name}_count${print(labels)}`, total],
      ];
    });
    return histogram;
  }

  text(): string {
    return metricsText(this.read());
  }

  read(): readonly FamilyReading[] {
    return [...this.#families].map(([name, family]) => ({
      ...family,
      name,
      series: family.series(),
    }));
  }

  #add(name: string, family: Omit<Family, 'series'>, series: () => Series): void {
    const earlier = this.#families.get(name);
    this.#families.set(
      name,
      earlier === undefined
        ? { ...family, series }
        : { ...family, series: () => [...earlier.series(), ...series()] },
    );
  }
}

export function metricsText(families: readonly FamilyReading[]): string {
  let text = '';
  for (const { name, help, type, series } of families) {
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    for (const [of, value] of series) text += `${of} ${value}\n`;
  }
  return text;
}

/** Combines the readings of several processes as if they were one process. */
export function readTogether(
  readings: readonly (readonly FamilyReading[])[],
): readonly FamilyReading[] {
  const families = new Map<string, { family: FamilyReading; series: Map<string, number> }>();
  for (const family of readings.flat()) {
    const { name, together } = family;
    const all = families.get(name) ?? { family, series: new Map<string, number>() };
    families.set(name, all);
    for (const [of, value] of family.series) {
      const others = all.series.get(of);
      all.series.set(of, others === undefined ? value : COMBINE[together](others, value));
    }
  }
  return [...families.values()].map(({ family, series }) => ({ ...family, series: [...series] }));
}

const COMBINE: Readonly<Record<Together, (a: number, b: number) => number>> = {
  sum: (a, b) => a + b,
  max: Math.max,
  min: Math.min,
};

function print(labels: Labels): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return '';
  return `{${entries.map(([name, value]) => `${name}="${value.replace(/["\\\n]/g, '_')}"`).join(',')}}`;
}
