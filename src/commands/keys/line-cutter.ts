// Cuts bytes that come in pieces into lines. It holds one line that has begun, up to a limit. Pure.

const LINE_FEED = 0x0a;

export class LineCutter {
  readonly #bytesMax: number;
  #begun: Buffer[] = [];
  #begunBytes = 0;

  /** @param bytesMax the longest line */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @returns the lines that are whole now, without their line feeds; undefined once one is too long */
  add(piece: Buffer): readonly Buffer[] | undefined {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = piece.indexOf(LINE_FEED); at >= 0; at = piece.indexOf(LINE_FEED, from)) {
      this.#keep(piece.subarray(from, at));
      lines.push(this.#take());
      from = at + 1;
    }
    this.#keep(piece.subarray(from));
    return this.#begunBytes > this.#bytesMax ? undefined : lines;
  }

  /** @returns the last line where it lacks its line feed */
  end(): Buffer | undefined {
    return this.#begunBytes === 0 ? undefined : this.#take();
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#begun.push(bytes);
    this.#begunBytes += bytes.length;
  }

  #take(): Buffer {
    const [only = Buffer.alloc(0)] = this.#begun;
    const line = this.#begun.length > 1 ? Buffer.concat(this.#begun) : only;
    this.#begun = [];
    this.#begunBytes = 0;
    return line;
  }
}
