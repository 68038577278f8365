// Words that a client has misspelt: a parameter or a field that nobody knows would otherwise be lost without a sound, and with it
// what it asks for. Pure.

import { nearest } from '../../../cluster/nearest-word.ts';

/** Longer ones, and such with other characters, are not repeated. */
const SHOWN = /^[\w.-]{1,64}$/;

/**
 * @param kind what the words are, such as `parameter`
 * @param meant by words that are not known, but stand for a known one elsewhere
 * @returns what is wrong with the first one that is not known, as a sentence without a full stop
 */
export function unknownWord(
  kind: string,
  given: Iterable<string>,
  known: readonly string[],
  meant: ReadonlyMap<string, string> = new Map(),
): string | undefined {
  for (const word of given) {
    if (known.includes(word)) continue;
    const shown = SHOWN.test(word) ? `${word} is no ${kind} here` : `a ${kind} has an unknown name`;
    const near = meant.get(word) ?? nearest(word.slice(0, 64), known);
    if (near !== undefined) return `${shown}: did you mean ${near}?`;
    return known.length === 0 ? shown : `${shown}: there ${are(known)}`;
  }
  return undefined;
}

function are(known: readonly string[]): string {
  return `${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`;
}
