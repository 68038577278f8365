// Axes of plots: from values to places between 0 and 1, and where labelled ticks stand. Pure numbers, no drawing.

import { printCount } from '../words.ts';

export interface Tick {
  readonly at: number;
  readonly label: string;
}

export interface Scale {
  /** @returns 0 at the beginning of the axis, 1 at its end */
  place(value: number): number;
  readonly ticks: readonly Tick[];
}

const TICKS = 5;

/** An axis from 0 to at least `max`, in steps of 1, 2 or 5 times a power of ten. */
export function linearScale(max: number, label: (value: number) => string = printCount): Scale {
  const step = roundStep(Math.max(max, 1) / TICKS);
  const top = step * Math.max(1, Math.ceil(max / step));
  const values = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return {
    place: (value) => value / top,
    ticks: values.map((value) => ({ at: value / top, label: label(value) })),
  };
}

/** An axis of the seconds of a run: ticks at whole steps; it ends where the run does. */
export function timeScale(seconds: number): Scale {
  const end = Math.max(seconds, 1);
  const step = Math.max(1, timeStep(end / 6));
  const values = Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
  return {
    place: (value) => value / end,
    ticks: values.map((value) => ({ at: value / end, label: `${printCount(value)} s` })),
  };
}

/** A logarithmic axis of milliseconds: fast and slow requests both have room. */
export function logScale(values: readonly number[]): Scale {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(positive.length === 0 ? 0.1 : Math.min(...positive)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(1e-3, ...positive))));
  const span = high - low;
  const place = (value: number) => Math.max(0, (Math.log10(Math.max(value, 1e-6)) - low) / span);
  const steps = span <= 2 ? [1, 2, 5] : span <= 4 ? [1, 3] : [1];
  const ticks: Tick[] = [];
  for (let decade = low; decade <= high; decade++) {
    for (const step of decade === high ? [1] : steps) {
      const value = step * 10 ** decade;
      ticks.push({ at: place(value), label: millisecondsLabel(value) });
    }
  }
  return { place, ticks };
}

/**
 * An axis like that of HdrHistogram's plots: each further nine takes the same room, so that rare slow requests show.
 */
export function percentileScale(percents: readonly number[]): Scale {
  const largest = Math.max(0, ...percents.filter((percent) => percent < 100));
  const nines = Math.max(2, Math.ceil(-Math.log10(1 - largest / 100) - 1e-9));
  const place = (percent: number) =>
    percent >= 100 ? 1 : Math.min(1, -Math.log10(1 - percent / 100) / nines);
  const labelled = [0, 50, ...Array.from({ length: nines }, (_, index) => 100 - 10 ** (1 - index))];
  return {
    place,
    ticks: labelled.map((percent) => ({
      at: place(percent),
      label: `${Number(percent.toFixed(nines))} %`,
    })),
  };
}

function roundStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= atLeast) ?? 10;
  // Counts have no fractions, so no step is below 1.
  return Math.max(1, factor * power);
}

function timeStep(atLeast: number): number {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400];
  return steps.find((step) => step >= atLeast) ?? 14_400;
}

function millisecondsLabel(value: number): string {
  if (value >= 1000) return `${printCount(value / 1000)} s`;
  return value >= 1 ? `${value} ms` : `${Number((value * 1000).toPrecision(2))} µs`;
}
