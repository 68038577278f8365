// Parses server-sent events (WHATWG HTML, 9.2) piece by piece, as far as frontends send them: fields with a space behind
// the colon, lines that end with a line feed. Pure.

import { constants } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';

export interface ServerSentEvent {
  /** Empty where the block names none: it has an id alone, or is a comment. */
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** A longer one is no text that Node can have, at either end. What else answers is not kept without end. */
const BLOCK_LENGTH_MAX = constants.MAX_STRING_LENGTH;
const END = '\n\n';

export class EventStreamParser {
  readonly #decoder = new StringDecoder('utf8');
  readonly #lengthMax: number;
  /** The block that is not whole. Joined once: a long one comes in many pieces, and each time would copy it as a whole. */
  #pieces: string[] = [];
  #length = 0;
  #last = '';

  constructor(lengthMax = BLOCK_LENGTH_MAX) {
    this.#lengthMax = lengthMax;
  }

  /** @returns the events that are whole by now; undefined for what cannot be a frontend's */
  push(piece: Buffer): readonly ServerSentEvent[] | undefined {
    if (this.#length + piece.length > this.#lengthMax) return undefined;
    const text = this.#decoder.write(piece);
    const hasEnd = `${this.#last}${text}`.includes(END);
    this.#keep(text);
    if (!hasEnd) return [];
    const blocks = this.#pieces.join('').split(END);
    this.#pieces = [];
    this.#length = 0;
    this.#last = '';
    this.#keep(blocks.pop() ?? '');
    return blocks.map(eventIn);
  }

  #keep(text: string): void {
    if (text === '') return;
    this.#pieces.push(text);
    this.#length += text.length;
    this.#last = text.slice(-1);
  }
}

function eventIn(block: string): ServerSentEvent {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
  }
  return {
    event: fields.get('event') ?? '',
    data: fields.get('data') ?? '',
    id: fields.get('id'),
  };
}
