// The text of a broker's configuration, and the places in it: every word knows where it stands, so that each fault can say
// so. What the words mean is not known here.

/** Where something begins in a text. */
export interface ConfigPlace {
  /** From 1 on. */
  readonly line: number;
  /** From 1 on, in UTF-16 units of its line; a tab is one. */
  readonly column: number;
}

export interface ConfigWord extends ConfigPlace {
  readonly text: string;
}

/** Something to say of a place in the text. */
export interface ConfigRemark extends ConfigPlace {
  /** One sentence without a full stop: what is wrong, and what would be right. */
  readonly message: string;
}

/** Notes what is wrong at a place; the reading goes on where it can. */
export type TellFault = (place: ConfigPlace, message: string) => void;

/** Ends the reading of a value that has no sense, or of a text; whoever reads on behind it catches it. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault';
  readonly remark: ConfigRemark;

  constructor({ line, column }: ConfigPlace, message: string) {
    super(message);
    this.remark = { line, column, message };
  }
}

/** So many words that are wrong end the reading: it is no configuration, and nobody reads all that could be said of it. */
export const FAULTS_MAX = 1000;

export class ConfigSource {
  readonly text: string;
  readonly #lineStarts: readonly number[];

  constructor(text: string) {
    this.text = text;
    this.#lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  }

  placeOf(offset: number): ConfigPlace {
    let [low, high] = [0, this.#lineStarts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 };
  }

  wordAt(offset: number, text: string): ConfigWord {
    return { ...this.placeOf(offset), text };
  }
}

/** @returns the remark as a line, in the form that editors and compilers share */
export function remarkLine(file: string, { line, column, message }: ConfigRemark): string {
  return `${file}:${line}:${column}: ${message}`;
}
