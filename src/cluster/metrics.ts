// Counters, gauges and histograms, printed in Prometheus' text format 0.0.4. Label values come from
// the code, never from a request: a key as a label would be a memory leak with a name.

/** Seconds. From a lookup in one process up to the deadline of a set. */
const DURATION_BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  lines(): readonly string[];
}

export class Counter {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

export class DurationHistogram {
  /** One count a bound and one for everything above; not cumulative. */
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

  /** @returns the bound that this share of all stayed within; infinite beyond the last bound, 0 for none */
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

  /** @returns the counter of the given labels; call once and keep it. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const counter = new Counter();
    this.#series(name, help, 'counter', () => [`${name}${print(labels)} ${counter.value}`]);
    return counter;
  }

  /** @param read is called when the metrics are asked for. */
  gauge(name: string, help: string, read: () => number, labels: Labels = {}): void {
    this.#series(name, help, 'gauge', () => [`${name}${print(labels)} ${read()}`]);
  }

  /** A count that is kept elsewhere. @param read is called when the metrics are asked for. */
  countedElsewhere(name: string, help: string, read: () => number, labels: Labels = {}): void {
    this.#series(name, help, 'counter', () => [`${name}${print(labels)} ${read()}`]);
  }

  durations(name: string, help: string, labels: Labels = {}): DurationHistogram {
    const histogram = new DurationHistogram();
    this.#series(name, help, 'histogram', () => {
      let total = 0;
      const lines = [...DURATION_BOUNDS.map(String), '+Inf'].map((bound, index) => {
        total += histogram.counts[index] ?? 0;
        return `${name}_bucket${print({ ...labels, le: bound })} ${total}`;
      });
      return [
        ...lines,
        `${name}_sum${print(labels)} ${histogram.sumSeconds}`,
        `${name}_count${print(labels)} ${total}`,
      ];
    });
    return histogram;
  }

  text(): string {
    let text = '';
    for (const [name, family] of this.#families) {
      text += `# HELP ${name} ${family.help}\n# TYPE ${name} ${family.type}\n`;
      text += `${family.lines().join('\n')}\n`;
    }
    return text;
  }

  #series(name: string, help: string, type: Family['type'], lines: () => readonly string[]): void {
    const earlier = this.#families.get(name);
    if (earlier === undefined) this.#families.set(name, { help, type, lines });
    else {
      this.#families.set(name, { help, type, lines: () => [...earlier.lines(), ...lines()] });
    }
  }
}

function print(labels: Labels): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return '';
  return `{${entries.map(([name, value]) => `${name}="${value.replace(/["\\\n]/g, '_')}"`).join(',')}}`;
}
