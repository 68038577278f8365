// The line that shows how far long work is: how much is done, at which rate, how long it will take. Pure.

/** The rate is that of the last seconds: what was long ago says little of what is left. */
const WINDOW_MS = 10_000;
const BAR_WIDTH = 20;
const SPACING = '  ';
const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

export interface WorkDone {
  readonly items: number;
  readonly bytes: number;
  /** 0 to 1; undefined where nobody knows how much there is. */
  readonly share: number | undefined;
}

interface Sample extends WorkDone {
  readonly atMs: number;
}

export class ProgressText {
  readonly #what: string;
  readonly #unit: string;
  /** At least one; the oldest first. */
  #samples: readonly Sample[];

  /** @param what is done, such as `export`, @param unit of the items, such as `keys` */
  constructor(what: string, unit: string, begun: WorkDone, nowMs: number) {
    this.#what = what;
    this.#unit = unit;
    this.#samples = [{ ...begun, atMs: nowMs }];
  }

  /** @param columns the width of the terminal; the line is shorter by one, or it would wrap */
  next(done: WorkDone, nowMs: number, columns: number): string {
    const now = { ...done, atMs: nowMs };
    const all = [...this.#samples, now];
    const first = all.findLastIndex(({ atMs }) => nowMs - atMs >= WINDOW_MS);
    this.#samples = all.slice(Math.max(0, first));
    const [oldest = now] = this.#samples;
    const seconds = (nowMs - oldest.atMs) / 1000;
    const perSecond = (of: (sample: Sample) => number) =>
      seconds > 0 ? (of(now) - of(oldest)) / seconds : 0;
    const parts = [
      this.#what,
      ...(done.share === undefined ? [] : [bar(done.share), percent(done.share)]),
      `${grouped(done.items)} ${this.#unit}`,
      `${grouped(Math.round(perSecond(({ items }) => items)))}/s`,
      `${printBytes(perSecond(({ bytes }) => bytes))}/s`,
      ...timeLeft(
        done.share,
        perSecond(({ share = 0 }) => share),
      ),
    ];
    return parts.join(SPACING).slice(0, Math.max(0, columns - 1));
  }
}

function bar(share: number): string {
  const full = Math.round(BAR_WIDTH * Math.min(1, Math.max(0, share)));
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`;
}

function percent(share: number): string {
  return `${Math.floor(100 * share)
    .toString()
    .padStart(3)} %`;
}

function timeLeft(share: number | undefined, perSecond: number): readonly string[] {
  if (share === undefined || perSecond <= 0) return [];
  return [`${printSeconds(Math.max(0, 1 - share) / perSecond)} left`];
}

/** @returns such as 0:07, 12:30 or 1:02:03 */
export function printSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (number: number) => number.toString().padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** @returns such as 512 B or 1.5 MB */
export function printBytes(bytes: number): string {
  let scaled = bytes;
  let unit = 0;
  // What would be rounded to 1000 is 1.0 of the next unit.
  while (scaled >= (unit === 0 ? 999.5 : 999.95) && unit < BYTE_UNITS.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** @returns such as 1,234,567 */
export function grouped(number: number): string {
  return number.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}
