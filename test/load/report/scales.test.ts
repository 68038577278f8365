// Axes: where values stand, and which lines are labelled.

import { describe, expect, test } from 'vitest';
import {
  linearScale,
  logScale,
  percentileScale,
  timeScale,
} from '../../../src/load/report/scales.ts';

const labels = (scale: { ticks: readonly { label: string }[] }) =>
  scale.ticks.map(({ label }) => label);

test('linear: round steps from 0 to above the largest', () => {
  expect(labels(linearScale(1920))).toEqual(['0', '500', '1,000', '1,500', '2,000']);
  expect(linearScale(1920).place(500)).toBe(0.25);
  expect(labels(linearScale(0))).toEqual(['0', '1']);
  expect(labels(linearScale(3))).toEqual(['0', '1', '2', '3']);
});

test('logarithmic: each decade as wide, from below the least to above the most', () => {
  const scale = logScale([0.4, 30, 2000]);
  expect(labels(scale)).toEqual(['100 µs', '1 ms', '10 ms', '100 ms', '1 s', '10 s']);
  expect(scale.place(1) - scale.place(0.1)).toBeCloseTo(scale.place(1000) - scale.place(100));
  expect(scale.place(0.1)).toBeCloseTo(0);
  expect(scale.place(10_000)).toBeCloseTo(1);
  expect(labels(logScale([]))).toEqual(['100 µs', '200 µs', '500 µs', '1 ms']);
});

describe('percentiles', () => {
  test('each nine takes as much room', () => {
    const scale = percentileScale([50, 99.95]);
    expect(labels(scale)).toEqual(['0 %', '50 %', '90 %', '99 %', '99.9 %', '99.99 %']);
    expect(scale.place(90)).toBeCloseTo(0.25);
    expect(scale.place(99)).toBeCloseTo(0.5);
    expect(scale.place(99.9)).toBeCloseTo(0.75);
  });

  test('the slowest of all stands at the end', () => {
    expect(percentileScale([99.95]).place(100)).toBe(1);
    expect(percentileScale([]).place(100)).toBe(1);
  });
});

test('time: the axis ends where the run does', () => {
  expect(timeScale(30).place(30)).toBe(1);
  expect(labels(timeScale(30))).toEqual(['0 s', '5 s', '10 s', '15 s', '20 s', '25 s', '30 s']);
  expect(labels(timeScale(0.5))).toEqual(['0 s', '1 s']);
  expect(timeScale(86_400).ticks.length).toBeLessThan(9);
});
