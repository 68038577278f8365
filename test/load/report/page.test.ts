// The page and the table of a run: the same numbers in both, everything in one file, nothing that a name could break.

import { describe, expect, test } from 'vitest';
import { Recorder } from '../../../src/load/recorder.ts';
import { pageOf } from '../../../src/load/report/page.ts';
import { spansOf } from '../../../src/load/report/plots.ts';
import type { LoadResult } from '../../../src/load/result.ts';
import { progressLine, summaryOf } from '../../../src/load/summary.ts';

const CONTEXT = { startedAt: '2026-01-02T03:04:05.678Z', generatorCpuPercent: 40 };

function resultOf(more: Partial<LoadResult> = {}, { open = true, seconds = 4 } = {}): LoadResult {
  const recorder = new Recorder({ open, startMs: 0, endMs: seconds * 1000 });
  for (let ms = 0; ms < seconds * 1000; ms += 2) {
    const times = { intendedMs: ms, sentMs: ms + 1, endedMs: ms + 1 + (ms % 100) };
    recorder.sentLate(times);
    recorder.record(ms % 4 === 0 ? 'read' : 'update', { kind: 'done', missed: false }, times);
  }
  const times = { intendedMs: 2100, sentMs: 2100, endedMs: 2101 };
  const ending = { kind: 'failed', error: '503 <not-stored>', waited: false } as const;
  recorder.record('update', ending, times);
  const { percentiles, servicePercentiles, ...recorded } = recorder.results();
  return {
    parameters: {
      frontends: ['10.0.0.1:12080'],
      workload: 'a',
      chooser: 'zipfian',
      records: 10_000,
      keyPrefix: 'load-',
      valueSize: '100:95%,10000:5%',
      connections: 16,
      ratePerSecond: open ? 500 : null,
      arrivals: open ? 'constant' : null,
      warmUpSeconds: 1,
      durationSeconds: seconds,
      timeoutSeconds: 10,
      verify: true,
      allowMisses: false,
      seed: 1,
    },
    fill: { stored: 10_000, seconds: 2, errors: { reset: 3 }, problem: null },
    seconds,
    interrupted: false,
    unsent: 0,
    violations: { corrupt: 0, stale: 0, lost: 0, unversioned: 0 },
    violationExamples: [],
    verifiedReads: 1000,
    latencyPercentilesMs: percentiles,
    servicePercentilesMs: servicePercentiles,
    ...recorded,
    ...more,
  };
}

/** What stands in the cells of all tables. */
function cellsOf(page: string): readonly string[] {
  return [...page.matchAll(/<t[hd][^>]*>([^<]*)<\/t[hd]>/g)].map(([, cell = '']) => cell);
}

describe('the page', () => {
  test('needs nothing else: no script, no other file, no address to load from', () => {
    const page = pageOf(resultOf(), CONTEXT);
    expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|https?:|\ssrc=|\son\w+=/i);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    expect(page).toContain('prefers-color-scheme: dark');
  });

  test('says to all what its plots show: a title and a description each, and the numbers in tables', () => {
    const page = pageOf(resultOf(), CONTEXT);
    const plots = page.match(/<svg /g) ?? [];
    expect(plots).toHaveLength(4);
    expect(page.match(/<svg [^>]*role="img" aria-labelledby="(\w+)-title \1-text"/g)).toHaveLength(
      4,
    );
    expect(page.match(/<desc /g)).toHaveLength(4);
    const cells = cellsOf(page);
    for (const row of ['read', 'update', 'all', 'slowest', '99.9 %']) expect(cells).toContain(row);
  });

  test('has the numbers of the table', () => {
    const result = resultOf();
    const cells = cellsOf(pageOf(result, CONTEXT));
    const row = summaryOf(result, CONTEXT)
      .split('\n')
      .find((line) => line.startsWith('update'));
    const numbers = row?.trim().split(/ {2,}/).slice(1) ?? [];
    expect(numbers).toHaveLength(9);
    const at = cells.indexOf('update');
    expect(cells.slice(at + 1, at + 10)).toEqual(numbers);
  });

  test('no name of a key, a frontend or an error is taken for HTML', () => {
    const result = resultOf();
    const parameters = { ...result.parameters, keyPrefix: '<b>', frontends: ['<i>:1'] };
    const page = pageOf(resultOf({ parameters, violationExamples: ['stale: <u>"&'] }), CONTEXT);
    expect(page).not.toMatch(/<b>b|<i>|<u>|<not-stored>/);
    expect(page).toContain('503 &lt;not-stored&gt;');
    expect(page).toContain('stale: &lt;u&gt;&quot;&amp;');
  });

  test('lines stay within their plots, whatever was measured', () => {
    for (const result of [resultOf(), resultOf({}, { open: false, seconds: 1 })]) {
      const page = pageOf(result, CONTEXT);
      expect(page).not.toMatch(/NaN|Infinity|undefined|null/);
      for (const [, width = '', height = '', drawing = ''] of page.matchAll(
        /viewBox="0 0 (\d+) (\d+)"(.*?)<\/svg>/gs,
      )) {
        for (const [, path = ''] of drawing.matchAll(/ d="([^"]*)"/g)) {
          for (const [, x = '', y = ''] of path.matchAll(/([\d.-]+) ([\d.-]+)/g)) {
            expect(Number(x)).toBeGreaterThanOrEqual(0);
            expect(Number(x)).toBeLessThanOrEqual(Number(width));
            expect(Number(y)).toBeGreaterThanOrEqual(0);
            expect(Number(y)).toBeLessThanOrEqual(Number(height));
          }
        }
      }
    }
  });

  test('of a run in which nothing was measured says why', () => {
    const nothing = new Recorder({ open: false, startMs: 0, endMs: 0 }).results();
    const fill = { stored: 7, seconds: 10, errors: { refused: 9 }, problem: 'nobody there' };
    const result = resultOf({ ...nothing, seconds: 0, fill, latencyPercentilesMs: [] });
    const page = pageOf({ ...result, servicePercentilesMs: [], verifiedReads: 0 }, CONTEXT);
    expect(page).toContain('nobody there');
    expect(page).toContain('nothing was verified');
    expect(page).not.toMatch(/class="good"|NaN|undefined/);
  });
});

describe('spans', () => {
  const second = (index: number, count: number, p99Ms: number | null) => ({
    second: index,
    count,
    errors: 1,
    p50Ms: p99Ms,
    p99Ms,
  });

  test('a second each, as long as they fit', () => {
    const spans = spansOf([second(0, 10, 1), second(1, 20, null)]);
    expect(spans.map(({ countPerSecond, p99Ms }) => [countPerSecond, p99Ms])).toEqual([
      [10, 1],
      [20, null],
    ]);
  });

  test('of a day: some seconds each, with their mean rate and their worst latency', () => {
    const day = Array.from({ length: 86_400 }, (_, index) => second(index, index % 2, index));
    const spans = spansOf(day);
    expect(spans.length).toBeLessThanOrEqual(400);
    expect(spans[0]).toMatchObject({
      fromSecond: 0,
      seconds: 216,
      countPerSecond: 0.5,
      p99Ms: 215,
    });
    expect(spans.reduce((sum, { seconds }) => sum + seconds, 0)).toBe(86_400);
  });
});

describe('the table', () => {
  test('has operations, their service times in an open loop, errors by kind and what was verified', () => {
    const text = summaryOf(resultOf(), CONTEXT);
    expect(text).toMatch(/^operation +count +per s +mean +p50 +p90 +p99 +p99\.9 +max +errors$/m);
    expect(text.match(/^ {2}service /gm)).toHaveLength(3);
    expect(text).toMatch(/errors of\n {2}update: 1 503 <not-stored>/);
    expect(text).toContain('verified: 1,000 gets, none corrupt, stale or lost');
    expect(text).toContain(
      'The generator itself was late by p50 1.00 ms, p99 1.00 ms, max 1.00 ms:',
    );
    const closed = summaryOf(resultOf({}, { open: false }), CONTEXT);
    expect(closed).not.toMatch(/ {2}service|was late/);
  });

  test('says what spoils the figures', () => {
    const violations = { corrupt: 0, stale: 2, lost: 1, unversioned: 0 };
    const text = summaryOf(resultOf({ unsent: 1234, violations, interrupted: true }), {
      ...CONTEXT,
      generatorCpuPercent: 99,
    });
    expect(text).toContain('1,234 requests were never sent');
    expect(text).toContain('BROKEN PROMISES: 2 stale, 1 lost');
    expect(text).toContain('Interrupted: 4 s of 4 s measured.');
    expect(text).toContain('The generator itself used 99 % of its core');
  });
});

test('progress: one line for each phase', () => {
  expect(progressLine({ phase: 'start' }, 30)).toBe('looking for the frontends');
  expect(progressLine({ phase: 'fill', stored: 1500, records: 10_000 }, 30)).toBe(
    'fill: 1,500 of 10,000 records',
  );
  expect(progressLine({ phase: 'warm-up', seconds: -3.2 }, 30)).toBe('warm-up: 4 s left');
  const last = { second: 11, count: 4321, errors: 2, p50Ms: 0.5, p99Ms: 12 };
  expect(progressLine({ phase: 'run', seconds: 12.3, last, waiting: 7 }, 30)).toBe(
    '12 of 30 s: 4,321/s, p50 0.500 ms, p99 12.0 ms, 2 errors/s, 7 waiting',
  );
});
