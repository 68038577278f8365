// Says what is wrong with the words of a command line, with what to write instead, where yargs only counts them. Options
// are checked in settings.ts.

import { nearest } from '../cluster/nearest-word.ts';
import { commandNamed, groupOf, namesOf } from './command-name.ts';
import type { Command } from './options.ts';

/** As yargs says that a positional argument is none of its choices. */
const INVALID = /^Invalid values:\s+Argument: (\S+), Given: "(.*)", Choices: (.*)$/s;
const REQUIRED = /<[^>]+>/g;

/** @returns what to say instead of a message of yargs; undefined for one that is plain */
export function wrongWords(
  message: string,
  given: readonly string[],
  commands: readonly Command[],
): string | undefined {
  const command = commandNamed(given, commands);
  const [, unknown] = /^Unknown commands?: (.*)$/.exec(message) ?? [];
  if (unknown !== undefined) {
    // yargs calls it an unknown command if a known one gets too many words.
    if (command !== undefined) return tooMany(unknown, command);
    const group = commands.map(groupOf).find((each) => each !== undefined && each === given[0]);
    return noCommand(group === undefined ? unknown : `${group} ${unknown}`, commands);
  }
  const [, argument, value, choices = ''] = INVALID.exec(message) ?? [];
  if (argument !== undefined) {
    return `${argument} is ${value}, and must be one of ${choices.replaceAll('"', '')}`;
  }
  const [, got] = /^Not enough non-option arguments: got (\d+)/.exec(message) ?? [];
  if (got === undefined || command === undefined) return undefined;
  const missing = (command.usage.match(REQUIRED) ?? []).slice(Number(got));
  return `${missing.join(' ')} ${missing.length === 1 ? 'is' : 'are'} missing; it is velour ${command.usage}`;
}

function tooMany(words: string, { usage, options }: Command): string {
  const controller = 'controller' in options ? ' [--controller HOST:PORT]' : '';
  return `more than it takes: ${words}; it is velour ${usage}${controller}`;
}

function noCommand(words: string, commands: readonly Command[]): string {
  const [name = ''] = words.split(', ');
  const groups = commands.map(groupOf).filter((group) => group !== undefined);
  const names = [...commands.flatMap(namesOf), ...new Set(groups)];
  const near = nearest(name, names, name.length / 3) ?? names.find((each) => each.startsWith(name));
  const advice = near === undefined ? '`velour --help` lists them' : `did you mean ${near}?`;
  return `there is no command ${name}; ${advice}`;
}
