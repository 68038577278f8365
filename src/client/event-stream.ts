// Parses server-sent events (WHATWG HTML, 9.2) piece by piece, as far as frontends send them: fields with a space behind
// the colon, lines that end with a line feed. Pure.

import { StringDecoder } from 'node:string_decoder';

export interface ServerSentEvent {
  /** Empty where the block names none: it has an id alone, or is a comment. */
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** A frontend sends no longer one; what else answers is not kept without end. */
const BLOCK_LENGTH_MAX = 2 ** 30;

export class EventStreamParser {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** @returns the events that are whole by now; undefined for what cannot be a frontend's */
  push(piece: Buffer): readonly ServerSentEvent[] | undefined {
    // A long block comes in many pieces: only behind the last one an end is looked for.
    const before = this.#rest.length;
    this.#rest += this.#decoder.write(piece);
    if (this.#rest.length > BLOCK_LENGTH_MAX) return undefined;
    if (this.#rest.indexOf('\n\n', Math.max(0, before - 1)) < 0) return [];
    const blocks = this.#rest.split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.map(eventIn);
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
