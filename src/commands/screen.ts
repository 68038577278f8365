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
  }

  draw(lines: readonly ScreenLine[]): void {
    const columns = process.stdout.columns || SIZE_DEFAULT.columns;
    const rows = process.stdout.rows || SIZE_DEFAULT.rows;
    const shown = lines
      .slice(0, rows - 1)
      .map(({ text, paint }) => `${paint(text.slice(0, columns))}${CODES.clearLine}\r\n`);
    this.#stream.write(`${CODES.home}${shown.join('')}${CODES.clearBelow}`);
  }
}
