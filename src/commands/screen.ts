// A terminal as a page that is drawn again and again, and that is as it was before when the process ends.

import type { Writable } from 'node:stream';
import { standardStream } from '../cluster/io/process/output.ts';

const CODES = {
  /** The other page that terminals have, without the cursor. */
  enter: '\x1b[?1049h\x1b[?25l',
  leave: '\x1b[?25h\x1b[?1049l',
  home: '\x1b[H',
  clearLine: '\x1b[K',
  clearBelow: '\x1b[J',
} as const;
/** Where a terminal does not know its size. */
const SIZE_DEFAULT = { columns: 80, rows: 24 };

export interface ScreenLine {
  readonly text: string;
  /** @param text cut to the width of the screen */
  paint(text: string): string;
}

export class Screen {
  readonly #stream: Writable = standardStream('stdout');

  constructor() {
    this.#stream.write(CODES.enter);
    // However the process ends; a write to a terminal is done when it returns.
    process.on('exit', () => this.#stream.write(CODES.leave));
    // Ctrl-Z: the shell gets its page back, and the next table after `fg` draws this one again.
    process.on('SIGTSTP', () => {
      this.#stream.write(CODES.leave);
      process.kill(process.pid, 'SIGSTOP');
    });
    process.on('SIGCONT', () => this.#stream.write(CODES.enter));
  }

  get columns(): number {
    return process.stdout.columns || SIZE_DEFAULT.columns;
  }

  draw(lines: readonly ScreenLine[]): void {
    const rows = process.stdout.rows || SIZE_DEFAULT.rows;
    // The cursor stands on a line below.
    const shown = linesWithin(rows - 1, lines).map(
      ({ text, paint }) => `${paint(text.slice(0, this.columns))}${CODES.clearLine}\r\n`,
    );
    this.#stream.write(`${CODES.home}${shown.join('')}${CODES.clearBelow}`);
  }
}

/** @returns at most so many lines, of which the last one says how many more there are */
export function linesWithin(rows: number, lines: readonly ScreenLine[]): readonly ScreenLine[] {
  if (lines.length <= rows) return lines;
  const shown = lines.slice(0, Math.max(0, rows - 1));
  const more = `and ${lines.length - shown.length} more, on a higher terminal`;
  return [...shown, { text: more, paint: (text) => text }];
}
