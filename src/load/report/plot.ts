// One plot as inline SVG: axes, lines, a legend, and a text for the point under the pointer. Colours come from the
// page's style sheet, by class. Which plots there are is plots.ts's.

import type { Scale } from './scales.ts';

export interface PlotSeries {
  readonly name: string;
  /** The class of the style sheet that gives the colour. */
  readonly style: 'first' | 'second' | 'bad';
  /** Points in the order of x; undefined leaves a gap. */
  readonly points: readonly (readonly [number, number | undefined])[];
}

export interface Plot {
  readonly id: string;
  readonly title: string;
  /** A sentence that says what the plot shows, for readers who cannot see it. */
  readonly description: string;
  readonly x: Scale;
  readonly y: Scale;
  readonly series: readonly PlotSeries[];
  /** Fills the area below the only series. */
  readonly filled?: boolean;
  /** The text shown while the pointer is over a point; one for each point of the first series. */
  readonly hints: readonly string[];
  /** The width of the card that the drawing is scaled to: letters should be equally large in all cards. */
  readonly width: 'whole' | 'half';
}

const WIDTHS = { whole: 720, half: 480 };
const HEIGHT = 270;
const LEFT = 64;
const RIGHT = 18;
const TOP = 34;
const BOTTOM = 34;
const INNER_HEIGHT = HEIGHT - TOP - BOTTOM;
/** Up to so many points also get dots: a line alone hardly shows where they are. */
const DOTS_MAX = 40;
const LABEL_PIXELS_MIN = 46;

export function plotOf(plot: Plot): string {
  const { id, title, description, series } = plot;
  return `<svg viewBox="0 0 ${WIDTHS[plot.width]} ${HEIGHT}" role="img" aria-labelledby="${id}-title ${id}-text">
<title id="${id}-title">${escaped(title)}</title><desc id="${id}-text">${escaped(description)}</desc>
${gridOf(plot)}
${series.map((one) => lineOf(plot, one)).join('\n')}
${legendOf(series)}
${hintsOf(plot)}
</svg>`;
}

function gridOf(plot: Plot): string {
  const { x, y } = plot;
  const right = rightOf(plot);
  const parts: string[] = [];
  for (const { at, label } of y.ticks) {
    const top = round(TOP + INNER_HEIGHT * (1 - at));
    const style = at === 0 ? 'axis' : 'grid';
    parts.push(`<line class="${style}" x1="${LEFT}" x2="${right}" y1="${top}" y2="${top}"/>`);
    parts.push(`<text x="${LEFT - 8}" y="${top + 4}" text-anchor="end">${escaped(label)}</text>`);
  }
  let lastLabel = Number.NEGATIVE_INFINITY;
  for (const { at, label } of x.ticks) {
    const left = round(LEFT + (right - LEFT) * at);
    parts.push(
      `<line class="grid" x1="${left}" x2="${left}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>`,
    );
    if (left - lastLabel < LABEL_PIXELS_MIN) continue;
    lastLabel = left;
    const y1 = HEIGHT - BOTTOM + 18;
    // A centred label at the right end would stick out.
    const anchor = left > right - LABEL_PIXELS_MIN / 2 ? 'end' : 'middle';
    const x1 = anchor === 'end' ? right + RIGHT : left;
    parts.push(`<text x="${x1}" y="${y1}" text-anchor="${anchor}">${escaped(label)}</text>`);
  }
  return parts.join('\n');
}

function lineOf(plot: Plot, { style, points }: PlotSeries): string {
  const placed = points.map(([x, y]) => (y === undefined ? undefined : placeOf(plot, x, y)));
  const runs: (readonly [number, number])[][] = [[]];
  for (const point of placed) {
    if (point === undefined) runs.push([]);
    else runs.at(-1)?.push(point);
  }
  const drawn = runs.filter((run) => run.length > 0);
  const path = drawn.map((run) => `M${run.map((point) => point.join(' ')).join('L')}`).join('');
  const base = HEIGHT - BOTTOM;
  const areas = drawn.map(
    (run) =>
      `M${run[0]?.[0]} ${base}L${run.map((point) => point.join(' ')).join('L')}L${run.at(-1)?.[0]} ${base}Z`,
  );
  const area = plot.filled ? `<path class="area ${style}" d="${areas.join('')}"/>` : '';
  const dots = points.length > DOTS_MAX ? [] : placed.filter((point) => point !== undefined);
  const circles = dots.map(([x, y]) => `<circle class="${style}" cx="${x}" cy="${y}" r="2.5"/>`);
  return `${area}<path class="line ${style}" d="${path}"/>${circles.join('')}`;
}

/** The legend, above the plot where no line is. A single series needs none: the heading names it. */
function legendOf(series: readonly PlotSeries[]): string {
  if (series.length < 2) return '';
  const entries = series.map(({ name, style }, index) => {
    const left = LEFT + index * 190;
    return `<line class="line ${style}" x1="${left}" x2="${left + 26}" y1="14" y2="14"/><text class="name" x="${left + 33}" y="18">${escaped(name)}</text>`;
  });
  return entries.join('');
}

/** A transparent band for each point: browsers show the title of the element under the pointer, without a script. */
function hintsOf(plot: Plot): string {
  const { x, series, hints } = plot;
  const right = rightOf(plot);
  const places = (series[0]?.points ?? []).map(([value]) => LEFT + (right - LEFT) * x.place(value));
  const bands = places.map((place, index) => {
    const before = index === 0 ? LEFT : (place + (places[index - 1] ?? place)) / 2;
    const after = (place + (places[index + 1] ?? right)) / 2;
    const end = index === places.length - 1 ? right : after;
    const width = round(Math.max(0.1, end - before));
    return `<rect class="hint" x="${round(before)}" y="${TOP}" width="${width}" height="${INNER_HEIGHT}"><title>${escaped(hints[index] ?? '')}</title></rect>`;
  });
  return `<g aria-hidden="true">${bands.join('')}</g>`;
}

/** The x coordinate of the plot's right edge. */
function rightOf({ width }: Plot): number {
  return WIDTHS[width] - RIGHT;
}

function placeOf(plot: Plot, xValue: number, yValue: number): readonly [number, number] {
  return [
    round(LEFT + (rightOf(plot) - LEFT) * plot.x.place(xValue)),
    round(TOP + INNER_HEIGHT * (1 - plot.y.place(yValue))),
  ];
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
