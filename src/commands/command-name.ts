// What a command is called by: one word, such as `backup`, or a group and a word in it, such as `files ls`. Pure.

import type { Command } from './options.ts';

type Called = Pick<Command, 'usage'> & { readonly aliases?: readonly string[] };

/** @returns the words before its arguments */
export function wordsOfName({ usage }: Called): readonly string[] {
  const words = usage.split(' ');
  const end = words.findIndex((word) => /^[<[]/.test(word));
  return end < 0 ? words : words.slice(0, end);
}

export function nameOf(command: Called): string {
  return wordsOfName(command).join(' ');
}

/** @returns the group that the command is in; undefined for one that is in none */
export function groupOf(command: Called): string | undefined {
  const [group, ...rest] = wordsOfName(command);
  return rest.length > 0 ? group : undefined;
}

export function namesOf(command: Called): readonly string[] {
  return [nameOf(command), ...(command.aliases ?? [])];
}

/**
 * @param words of a command line; flags among them are skipped
 * @returns the command that they name; undefined where there is none
 */
export function commandNamed(
  words: readonly string[],
  commands: readonly Command[],
): Command | undefined {
  const [first = '', second = ''] = words.filter((word) => !word.startsWith('-'));
  const called = [first, `${first} ${second}`];
  return commands.find((command) => namesOf(command).some((name) => called.includes(name)));
}
