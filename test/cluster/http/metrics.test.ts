// Metrics as Prometheus reads them: one HELP and TYPE a family, its series together, cumulative
// buckets. The text is checked by a small reader of format 0.0.4 of its own.

import { describe, expect, test } from 'vitest';
import { Metrics, metricsText, readTogether } from '../../../src/cluster/http/metrics.ts';
import { SeededRandom } from '../../helpers/random.ts';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="[^"\\\n]*",?)*)\})? (\S+)$/;

/** @throws for anything that format 0.0.4 does not allow here */
function readText(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed');
  const families = new Map<string, Family>();
  let current: { name: string; help: string } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    const [, word, name = '', rest = ''] = comment ?? [];
    if (word === 'HELP') {
      if (families.has(name)) throw new Error(`${name} has two HELP lines`);
      current = { name, help: rest };
    } else if (word === 'TYPE') {
      if (current?.name !== name) throw new Error(`TYPE of ${name} is not behind its HELP`);
      if (families.has(name)) throw new Error(`${name} has two TYPE lines`);
      families.set(name, { type: rest, help: current.help, samples: [] });
    } else {
      const family = families.get(current?.name ?? '');
      if (family === undefined) throw new Error(`no family for: ${line}`);
      family.samples.push(readSample(line, current?.name ?? '', family.type));
    }
  }
  return families;
}

function readSample(line: string, family: string, type: string): Sample {
  const [, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
  const suffix = type === 'histogram' ? /^_(bucket|sum|count)$/ : /^$/;
  if (!name.startsWith(family) || !suffix.test(name.slice(family.length))) {
    throw new Error(`not of the family ${family}: ${line}`);
  }
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', word = '']) => [
    key,
    word,
  ]);
  return { name, labels: Object.fromEntries(pairs), value: Number(value) };
}

describe('the text', () => {
  test('has each family once, with all its series under it, however they were added', () => {
    const metrics = new Metrics();
    metrics.counter('requests_total', 'Requests.', { op: 'get', code: '200' }).add(3);
    metrics.gauge('items', 'Items held.', () => 7);
    metrics.counter('requests_total', 'Requests.', { op: 'set', code: '504' }).add();
    const families = readText(metrics.text());
    expect([...families.keys()]).toEqual(['requests_total', 'items']);
    expect(families.get('requests_total')).toEqual({
      type: 'counter',
      help: 'Requests.',
      samples: [
        { name: 'requests_total', labels: { op: 'get', code: '200' }, value: 3 },
        { name: 'requests_total', labels: { op: 'set', code: '504' }, value: 1 },
      ],
    });
    expect(families.get('items')).toMatchObject({
      type: 'gauge',
      samples: [{ labels: {}, value: 7 }],
    });
  });

  test('calls a count that is kept elsewhere a counter, and asks for it when it is read', () => {
    const metrics = new Metrics();
    let seconds = 1;
    metrics.countedElsewhere('cpu_seconds_total', 'CPU time.', () => seconds, { of: 'user' });
    seconds = 2.5;
    expect(readText(metrics.text()).get('cpu_seconds_total')).toEqual({
      type: 'counter',
      help: 'CPU time.',
      samples: [{ name: 'cpu_seconds_total', labels: { of: 'user' }, value: 2.5 }],
    });
  });

  test('asks a gauge when it is read, not before', () => {
    const metrics = new Metrics();
    let value = 1;
    metrics.gauge('items', 'Items held.', () => value);
    value = 2;
    expect(readText(metrics.text()).get('items')?.samples[0]?.value).toBe(2);
  });

  test('stays one line a sample whatever a label holds', () => {
    const metrics = new Metrics();
    metrics.counter('odd_total', 'Odd.', { version: 'a"b\\c\nd' });
    expect(readText(metrics.text()).get('odd_total')?.samples).toEqual([
      { name: 'odd_total', labels: { version: 'a_b_c_d' }, value: 0 },
    ]);
  });

  test('carries small and large numbers', () => {
    const metrics = new Metrics();
    metrics.counter('bytes_total', 'Bytes.').add(2 ** 60);
    metrics.gauge('ratio', 'Ratio.', () => 1e-9);
    const families = readText(metrics.text());
    expect(families.get('bytes_total')?.samples[0]?.value).toBe(2 ** 60);
    expect(families.get('ratio')?.samples[0]?.value).toBe(1e-9);
  });
});

describe('a histogram', () => {
  test.each([1, 2, 3])('counts each time in every bucket that reaches it, seed %i', (seed) => {
    const random = new SeededRandom(seed);
    const metrics = new Metrics();
    const durations = metrics.durations('wait_seconds', 'Waits.', { op: 'get' });
    const seconds = Array.from({ length: 300 }, () => random.below(10 ** random.whole(1, 4)) / 1e3);
    for (const second of seconds) durations.observeMs(second * 1000);
    const samples = readText(metrics.text()).get('wait_seconds')?.samples ?? [];
    const buckets = samples.filter(({ name }) => name === 'wait_seconds_bucket');
    expect(buckets.at(-1)?.labels).toEqual({ op: 'get', le: '+Inf' });
    for (const { labels, value } of buckets) {
      const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le);
      expect(value, `le ${labels.le}`).toBe(
        seconds.filter((second) => (second * 1000) / 1000 <= bound).length,
      );
    }
    const bounds = buckets.slice(0, -1).map(({ labels }) => Number(labels.le));
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
    const total = (suffix: string) => samples.find(({ name }) => name.endsWith(suffix))?.value;
    expect(total('_count')).toBe(300);
    expect(total('_sum')).toBeCloseTo(
      seconds.reduce((sum, second) => sum + second, 0),
      6,
    );
  });

  test('a time on a bound belongs to its bucket, the next one up does not', () => {
    const metrics = new Metrics();
    const durations = metrics.durations('wait_seconds', 'Waits.', {});
    durations.observeMs(1000);
    durations.observeMs(1000.1);
    const at = (le: string) =>
      readText(metrics.text())
        .get('wait_seconds')
        ?.samples.find(({ labels }) => labels.le === le)?.value;
    expect([at('0.5'), at('1'), at('2.5'), at('+Inf')]).toEqual([0, 1, 2, 2]);
  });

  test('tells within which bound a share of all stayed', () => {
    const durations = new Metrics().durations('wait_seconds', 'Waits.');
    expect([durations.count, durations.quantileSeconds(0.99)]).toEqual([0, 0]);
    for (let index = 0; index < 99; index++) durations.observeMs(0.4);
    durations.observeMs(30);
    expect(durations.quantileSeconds(0.5)).toBe(0.0005);
    expect(durations.quantileSeconds(0.99)).toBe(0.0005);
    durations.observeMs(30);
    expect([durations.count, durations.quantileSeconds(0.99)]).toEqual([101, 0.05]);
    for (let index = 0; index < 100; index++) durations.observeMs(60_000);
    expect(durations.quantileSeconds(0.99)).toBe(Number.POSITIVE_INFINITY);
  });

  test('of two labels has two sets of buckets in one family', () => {
    const metrics = new Metrics();
    metrics.durations('wait_seconds', 'Waits.', { op: 'get' }).observeMs(1);
    metrics.durations('wait_seconds', 'Waits.', { op: 'set' });
    const samples = readText(metrics.text()).get('wait_seconds')?.samples ?? [];
    const counts = samples.filter(({ name }) => name === 'wait_seconds_count');
    expect(counts.map(({ labels, value }) => [labels.op, value])).toEqual([
      ['get', 1],
      ['set', 0],
    ]);
  });
});

describe('several processes as one', () => {
  test('counts and times are sums, gauges what each says it is together', () => {
    const readings = [1, 10, 100].map((factor) => {
      const metrics = new Metrics();
      metrics.counter('requests_total', 'Requests.', { code: '200' }).add(factor);
      if (factor === 10) metrics.counter('requests_total', 'Requests.', { code: '503' }).add(7);
      metrics.countedElsewhere('cpu_total', 'CPU.', () => factor);
      const durations = metrics.durations('wait_seconds', 'Waits.', { op: 'get' });
      for (let index = 0; index < factor; index++) durations.observeMs(factor);
      metrics.gauge('delay', 'The longest.', () => factor);
      metrics.gauge('bytes', 'All.', () => factor, {}, 'sum');
      metrics.gauge('map', 'The oldest.', () => factor, {}, 'min');
      return metrics.read();
    });
    const families = readText(metricsText(readTogether(readings)));
    const samples = (name: string) => families.get(name)?.samples ?? [];
    const values = (name: string) => samples(name).map(({ value }) => value);
    expect(samples('requests_total').map(({ labels, value }) => [labels.code, value])).toEqual([
      ['200', 111],
      ['503', 7],
    ]);
    expect(['cpu_total', 'delay', 'bytes', 'map'].map(values)).toEqual([[111], [100], [111], [1]]);
    const wait = new Map(
      samples('wait_seconds').map(({ name, labels, value }) => [labels.le ?? name, value]),
    );
    expect([wait.get('0.001'), wait.get('0.01'), wait.get('0.1'), wait.get('+Inf')]).toEqual([
      1, 11, 111, 111,
    ]);
    expect(wait.get('wait_seconds_sum')).toBeCloseTo(10.101, 6);
    expect(wait.get('wait_seconds_count')).toBe(111);
  });

  test('one alone is what it was', () => {
    const metrics = new Metrics();
    metrics.counter('requests_total', 'Requests.').add(3);
    metrics.durations('wait_seconds', 'Waits.').observeMs(3);
    expect(metricsText(readTogether([metrics.read()]))).toBe(metrics.text());
  });
});
