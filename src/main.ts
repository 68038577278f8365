// The `velour` command: a table of commands, one line each, and the words they share. A command loads its role
// when it runs: no process holds the code of the others.

import yargs from 'yargs';
import { EXIT, FatalError } from './cluster/errors.ts';
import { VERSION } from './cluster/software.ts';
import { backupCommand } from './commands/backup.ts';
import { controllerCommand } from './commands/controller.ts';
import { frontendCommand } from './commands/frontend.ts';
import { loadCommand } from './commands/load.ts';
import { localCommand } from './commands/local.ts';
import {
  acceptLossCommand,
  drainCommand,
  forgetCommand,
  planCommand,
  removeCommand,
} from './commands/operate.ts';
import {
  type Command,
  GLOBAL_OPTIONS,
  readConfig,
  refuseWrongOptions,
  usage,
  Words,
} from './commands/options.ts';
import { say, surviveReaders } from './commands/printing.ts';
import { restoreCommand } from './commands/restore.ts';
import { simulateCommand } from './commands/simulate.ts';
import { storageCommand } from './commands/storage.ts';

const COMMANDS: readonly Command[] = [
  controllerCommand,
  storageCommand,
  frontendCommand,
  localCommand,
  drainCommand,
  removeCommand,
  forgetCommand,
  acceptLossCommand,
  planCommand,
  backupCommand,
  restoreCommand,
  loadCommand,
  simulateCommand,
];

const EPILOGUE = `Every option has a VELOUR_* environment variable (--data-dir: VELOUR_DATA_DIR) and can stand in a --config file.
Precedence: flag, variable, file, default. Data goes to stdout, logs to stderr.
Exit codes: 0 ok, 1 not found or condition failed, 2 usage, 69 unavailable, 70 failure, 78 configuration.`;

async function main(words: readonly string[]): Promise<void> {
  const program = yargs(words)
    .scriptName('velour')
    .usage('$0 <command>')
    .env('VELOUR')
    .version(VERSION)
    .help()
    .completion('completion', 'Print a completion script for the shell')
    .strictCommands()
    .recommendCommands()
    .demandCommand(1, 'Name a command; `velour --help` lists them')
    .parserConfiguration({ 'boolean-negation': false })
    .exitProcess(false)
    .epilogue(EPILOGUE)
    .fail((message, error) => {
      throw error ?? usage(message);
    });
  for (const command of COMMANDS) {
    program.command({
      command: command.usage,
      aliases: command.aliases ?? [],
      describe: command.describe,
      builder: (inner) => {
        const options = { ...GLOBAL_OPTIONS, ...command.options };
        const known = Object.keys(options);
        refuseWrongOptions(words, [...known, 'help', 'version'], command.repeatable ?? []);
        const file = readConfig(configPath(words), known);
        for (const [name, option] of Object.entries(options)) {
          const variable = process.env[command.variables?.[name] ?? ''] ?? '';
          const fromFile = name in file && variable === '';
          inner.option(name, fromFile ? { ...option, default: file[name] } : option);
        }
        for (const [line, what] of command.examples) inner.example(line, what);
        return command.positionals(inner);
      },
      handler: (values) => command.run(new Words(values)),
    });
  }
  await program.parseAsync();
}

function configPath(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => word === '--config' || word.startsWith('--config='));
  const word = words[at];
  if (word === undefined) return process.env.VELOUR_CONFIG || undefined;
  return word === '--config' ? words[at + 1] : word.slice('--config='.length);
}

surviveReaders();
main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof FatalError)) throw error;
  say(`velour: ${error.message}\n`);
  if (error.exitCode === EXIT.usage) say('See: velour --help\n');
  process.exit(error.exitCode);
});
