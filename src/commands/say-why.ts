// Reports why a process cannot start or go on: a line for people, or a log line if the log is JSON.

import { EXIT, type FatalError } from '../cluster/http/errors.ts';
import { openLogger } from '../cluster/io/process/logger.ts';
import { commandNamed, nameOf } from './command-name.ts';
import { tellParent } from './local-child.ts';
import type { Command } from './options.ts';
import { printable, say } from './printing.ts';
import { readSettings } from './settings.ts';

export function sayWhy(
  { message, exitCode }: FatalError,
  words: readonly string[],
  commands: readonly Command[],
): void {
  tellParent(message);
  const command = commandNamed(words, commands);
  const role = jsonRoleOf(words, command, commands);
  if (role !== undefined) {
    const logger = openLogger({ role, node: undefined, level: 'error', pretty: false });
    // A configuration may be wrong in many places, and each is a line.
    for (const line of message.split('\n')) logger.write('error', line);
    return;
  }
  say(`velour: ${printable(message)}\n`);
  const name = command === undefined ? '' : `${nameOf(command)} `;
  if (exitCode === EXIT.usage && !message.includes('--help')) say(`See: velour ${name}--help\n`);
}

/**
 * @returns the role, if its log is JSON, so that the message appears among the logs. It is read from the raw words,
 *   which may be what is wrong
 */
function jsonRoleOf(
  words: readonly string[],
  command: Command | undefined,
  commands: readonly Command[],
): string | undefined {
  if (command?.serves !== true) return undefined;
  const at = words.findIndex((word) => /^--log-format(?:=|$)/.test(word));
  const flag = words[at]?.split('=')[1] ?? (at < 0 ? undefined : words[at + 1]);
  const format = flag ?? formatBySettings(words, command, commands) ?? 'auto';
  const isPretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY === true);
  return isPretty ? undefined : nameOf(command);
}

/** @returns the format of a variable or of the config file; undefined also where that is what is wrong */
function formatBySettings(
  words: readonly string[],
  command: Command,
  commands: readonly Command[],
): string | undefined {
  try {
    const place = { command, options: command.options, commands, variables: process.env };
    const { defaults } = readSettings(words, place);
    return defaults['log-format']?.default.toString();
  } catch {
    return process.env.VELOUR_LOG_FORMAT || undefined;
  }
}
