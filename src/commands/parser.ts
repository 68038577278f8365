// Parses the command line: yargs separates commands, options and positional arguments; their texts become values in
// settings.ts and Arguments, never by how a text looks.

import yargs, { type Argv } from 'yargs';
import { VERSION } from '../cluster/software.ts';
import { groupOf, nameOf } from './command-name.ts';
import { Arguments, type Command, GLOBAL_OPTIONS, NO_SETTINGS, usage } from './options.ts';
import { say } from './printing.ts';
import { plainFlags, readSettings, type Variables } from './settings.ts';
import { verbatimIn, withStandIns } from './verbatim.ts';
import { wrongWords } from './wrong-words.ts';

const EPILOGUE = `Every option has a VELOUR_* environment variable (--data-dir: VELOUR_DATA_DIR) and can stand in a --config file.
Precedence: flag, variable, file, default. Data goes to stdout, logs to stderr.
Exit codes: 0 ok, 1 not found or condition failed, 2 usage, 69 unavailable, 70 failure, 78 configuration.`;

/** Options that only ask for information: they are answered even if other words are wrong. */
const ASKS_ONLY = ['--help', '-h', '--version', '--get-yargs-completions'];

export interface ParserContext {
  readonly commands: readonly Command[];
  /** What each group of commands is for, by its name (command-name.ts). */
  readonly groups: Readonly<Record<string, string>>;
  readonly variables: Variables;
}

/**
 * @param typed the words of the command line
 * @throws FatalError for wrong words, and whatever the command throws
 */
export async function runCommand(
  typed: readonly string[],
  { commands, groups, variables }: ParserContext,
): Promise<void> {
  const given = askedByWord(typed);
  const end = given.indexOf('--');
  const asksOnly = given.some((word, at) => ASKS_ONLY.includes(word) && (end < 0 || at < end));
  const plain = asksOnly ? given : plainFlags(given, commands);
  const words = asksOnly ? given : withStandIns(plain, commands);
  const program = yargs(words)
    .scriptName('velour')
    .usage('$0 <command>')
    .version(VERSION)
    .help()
    .alias('help', 'h')
    .completion('completion', 'Print a completion script for the shell')
    .strictCommands()
    .demandCommand(1, 'Name a command; `velour --help` lists them')
    .parserConfiguration({
      'boolean-negation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .exitProcess(false)
    .epilogue(EPILOGUE)
    .fail((message, error) => {
      throw error ?? usage(wrongWords(message, given, commands) ?? message);
    });
  const add = (to: Argv, command: Command) => {
    const options = { ...GLOBAL_OPTIONS, ...command.options };
    let settings = NO_SETTINGS;
    const group = groupOf(command);
    to.command({
      command: group === undefined ? command.usage : command.usage.slice(group.length + 1),
      aliases: command.aliases ?? [],
      describe: command.describe,
      builder: (inner) => {
        if (!asksOnly) settings = readSettings(words, { command, options, commands, variables });
        for (const [name, option] of Object.entries(options)) {
          inner.option(name, { ...option, ...settings.defaults[name] });
        }
        for (const [line, what] of command.examples) inner.example(line, what);
        for (const [name, { describe, choices }] of Object.entries(command.positionals)) {
          // Without a type yargs would turn a text that looks like a number into one: 2024.10 into 2024.1.
          inner.positional(name, {
            type: 'string',
            describe,
            ...(choices === undefined ? {} : { choices }),
          });
        }
        return inner;
      },
      handler: (values) => {
        if (!command.serves) for (const warning of settings.warnings) say(`velour: ${warning}\n`);
        const verbatim = verbatimIn(plain, command, commands);
        return command.run(new Arguments({ ...values, ...verbatim }, settings));
      },
    });
  };
  for (const command of commands.filter((each) => groupOf(each) === undefined)) {
    add(program, command);
  }
  for (const [group, describe] of Object.entries(groups)) {
    const members = commands.filter((each) => groupOf(each) === group);
    const names = members.map(nameOf).join(', ');
    program.command(group, describe, (inner) => {
      for (const command of members) add(inner, command);
      return inner.demandCommand(1, `${group} is no command by itself; there are ${names}`);
    });
  }
  await program.parseAsync();
}

/** Many programs take `help COMMAND` and `version` as commands. */
function askedByWord([first, ...rest]: readonly string[]): readonly string[] {
  if (first === 'help') return [...rest, '--help'];
  if (first === 'version' && rest.length === 0) return ['--version'];
  return first === undefined ? [] : [first, ...rest];
}
