// What a node's metrics say of its load, and the rates between two looks at it. Pure.

/** Counts since the node's start, and what is so now; undefined where the role has no such figure. */
export interface NodeFigures {
  /** By this machine's monotonic clock. */
  readonly atMs: number;
  readonly requests: number | undefined;
  readonly gets: number | undefined;
  readonly sets: number | undefined;
  readonly items: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly memoryLimitBytes: number | undefined;
  readonly rssBytes: number | undefined;
  readonly cpuSeconds: number | undefined;
  /** The delay of the event loop that 99 % of its turns stayed below, over the last minute or two. */
  readonly lagMs: number | undefined;
}

/** All a second, but the last one. */
export interface NodeRates {
  readonly requests: number | undefined;
  readonly gets: number | undefined;
  readonly sets: number | undefined;
  /** 100 is one processor. */
  readonly cpuPercent: number | undefined;
}

interface LabelledValue {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SERIES = /^([a-z_0-9]+)(?:\{([^}]*)\})? (\S+)$/gm;
const LABEL = /(\w+)="([^"]*)"/g;
/** Requests of frontends that read; those of batches are counted by their items. */
const READS: readonly string[] = ['get', 'v1-get'];
const BATCHES: readonly string[] = ['mget', 'mset', 'mdelete'];

/** @param exposition the answer of /metrics */
export function figuresIn(exposition: string, atMs: number): NodeFigures {
  const all = [...exposition.matchAll(SERIES)].map(
    ([, name = '', labels = '', value]): LabelledValue => ({
      name,
      labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key, text]) => [key, text])),
      value: Number(value),
    }),
  );
  const sum = (
    name: string,
    isMeant: (labels: LabelledValue['labels']) => boolean = () => true,
  ) => {
    const series = all.filter((each) => each.name === name);
    if (series.length === 0) return undefined;
    return series
      .filter(({ labels }) => isMeant(labels))
      .reduce((total, { value }) => total + value, 0);
  };
  const counts = countsIn(sum);
  return {
    atMs,
    ...counts,
    items: sum('velourfog_items'),
    memoryBytes: sum('velourfog_memory_bytes'),
    memoryLimitBytes: sum('velourfog_memory_limit_bytes'),
    rssBytes: sum('process_resident_memory_bytes'),
    cpuSeconds: sum('process_cpu_seconds_total'),
    lagMs: scaled(sum('nodejs_eventloop_lag_p99_seconds'), 1000),
  };
}

type Sum = (
  name: string,
  isMeant?: (labels: Readonly<Record<string, string>>) => boolean,
) => number | undefined;

function countsIn(sum: Sum): Pick<NodeFigures, 'requests' | 'gets' | 'sets'> {
  const operations = 'velourfog_operations_total';
  const ofStorage = (kind: string) => sum(operations, ({ operation }) => operation === kind);
  const requests = sum('velourfog_requests_total');
  if (requests === undefined) {
    return { requests: sum(operations), gets: ofStorage('get'), sets: ofStorage('set') };
  }
  const single = (isMeant: (op: string) => boolean) =>
    sum('velourfog_requests_total', ({ op = '' }) => !BATCHES.includes(op) && isMeant(op)) ?? 0;
  const items = (isMeant: (op: string) => boolean) =>
    sum('velourfog_batch_items_total', ({ op = '' }) => isMeant(op)) ?? 0;
  return {
    requests,
    gets: single((op) => READS.includes(op)) + items((op) => op === 'mget'),
    sets: single((op) => !READS.includes(op)) + items((op) => op !== 'mget'),
  };
}

/** @returns what changed a second; undefined where a counter fell, for the node has started again in between */
export function ratesBetween(before: NodeFigures, after: NodeFigures): NodeRates {
  const seconds = (after.atMs - before.atMs) / 1000;
  const rate = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined || to < from || seconds <= 0
      ? undefined
      : (to - from) / seconds;
  return {
    requests: rate(before.requests, after.requests),
    gets: rate(before.gets, after.gets),
    sets: rate(before.sets, after.sets),
    cpuPercent: scaled(rate(before.cpuSeconds, after.cpuSeconds), 100),
  };
}

function scaled(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value * by;
}
