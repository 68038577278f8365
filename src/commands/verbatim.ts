// The positional arguments of a command line, exactly as they were typed. yargs drops a lone `-`, and everything behind
// `--`; it gets a stand-in for such a word, which it only counts, and the command gets the word itself.

import { wordsOfName } from './command-name.ts';
import { type Command, GLOBAL_OPTIONS } from './options.ts';

const STAND_IN = 'word';
const POSITIONAL = /[<[]([a-z-]+)(\.\.)?[>\]]/g;

interface Word {
  readonly text: string;
  readonly isPositional: boolean;
}

/**
 * @param plain the words of the command line, with their flags as `plainFlags` makes them
 * @returns the words for yargs, without `--`
 */
export function withStandIns(
  plain: readonly string[],
  commands: readonly Command[],
): readonly string[] {
  return wordsOf(plain, commands).map(({ text, isPositional }) =>
    isPositional && text.startsWith('-') ? STAND_IN : text,
  );
}

/** @returns by its name a text for each positional argument that was given; a list for one that takes many */
export function verbatimIn(
  plain: readonly string[],
  command: Command,
  commands: readonly Command[],
): Readonly<Record<string, string | readonly string[]>> {
  const texts = wordsOf(plain, commands)
    .filter(({ isPositional }) => isPositional)
    .map(({ text }) => text)
    .slice(wordsOfName(command).length);
  const values: Record<string, string | readonly string[]> = {};
  for (const [, name = '', isMany] of command.usage.matchAll(POSITIONAL)) {
    if (isMany !== undefined) values[name] = texts.splice(0);
    else {
      const text = texts.shift();
      if (text !== undefined) values[name] = text;
    }
  }
  return values;
}

/** The words of the command's own name are the first positional ones. */
function wordsOf(plain: readonly string[], commands: readonly Command[]): readonly Word[] {
  const takesValue = new Set(
    [{ options: GLOBAL_OPTIONS }, ...commands].flatMap(({ options }) =>
      Object.keys(options).filter((name) => options[name]?.type !== 'boolean'),
    ),
  );
  const words: Word[] = [];
  for (let at = 0; at < plain.length; at++) {
    const text = plain[at] ?? '';
    if (text === '--') {
      const rest = plain.slice(at + 1).map((each) => ({ text: each, isPositional: true }));
      return [...words, ...rest];
    }
    const isOption = text.startsWith('-') && text !== '-' && !/^-\.?\d/.test(text);
    words.push({ text, isPositional: !isOption });
    const value = plain[at + 1];
    if (!isOption || value === undefined || !takesValue.has(text.slice(2))) continue;
    at++;
    words.push({ text: value, isPositional: false });
  }
  return words;
}
