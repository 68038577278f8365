// `velour delete`: deletes keys, or all that begin with a prefix, which it does not do without being told twice.

import { createInterface } from 'node:readline/promises';
import type { VelourError } from '../../client/errors.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { type Arguments, type Command, usage } from '../options.ts';
import { onOneLine, printData, say } from '../printing.ts';
import { grouped } from '../progress-text.ts';
import {
  BASE64_OPTION,
  CALL_OPTIONS,
  endpointsOf,
  exitCodeOf,
  fatalOf,
  withClient,
} from './endpoint.ts';
import { DASH, keyOf, keysGiven } from './input.ts';
import { lineOfBytes } from './key-text.ts';
import { conditionsOf } from './set.ts';

const AT_ONCE = 1000;

export const deleteCommand: Command = {
  usage: 'delete [keys..]',
  describe: 'Delete keys, whether or not they are there; or all that begin with a prefix',
  options: {
    ...CALL_OPTIONS,
    ...BASE64_OPTION,
    'if-match': {
      type: 'string',
      describe: 'Of one key: only the value with this ETag; * for any',
    },
    prefix: { type: 'string', describe: 'Delete every key that begins with this' },
    all: { type: 'boolean', default: false, describe: 'Delete every key of the cluster' },
    yes: { type: 'boolean', default: false, describe: 'With --prefix or --all: do not ask' },
    json: { type: 'boolean', default: false, describe: 'Print how many as JSON' },
  },
  positionals: { keys: { describe: 'The keys; - reads them from standard input, one a line' } },
  examples: [
    ['velour delete a b', 'exits 0 also where they were not there'],
    ['velour delete --prefix user: --yes', 'all that begin with user:'],
  ],
  async run(words) {
    const isOfMany = words.optionalText('prefix') !== undefined || words.flag('all');
    const deleted = isOfMany ? await deleteByPrefix(words) : await deleteKeys(words);
    if (words.flag('json')) await printData(`${JSON.stringify({ deleted })}\n`);
    else if (isOfMany) await printData(`${grouped(deleted)} deleted\n`);
  },
};

/** @returns how many */
async function deleteKeys(words: Arguments): Promise<number> {
  const { ifMatch } = conditionsOf(words);
  if (ifMatch !== undefined) {
    const [text = '', ...more] = words.texts('keys');
    if (more.length > 0 || text === DASH) throw usage('--if-match is of one key');
    const key = keyOf(words, text);
    await withClient(words, (client) => client.delete(key, { ifMatch }));
    return 1;
  }
  let deleted = 0;
  let failure: VelourError | undefined;
  await withClient(words, async (client) => {
    for await (const keys of keysGiven(words, AT_ONCE)) {
      for (const result of await client.deleteMany(keys)) {
        if (result.ok) deleted++;
        else {
          failure ??= result.error;
          say(
            `velour: ${lineOfBytes(Buffer.from(result.key))}: ${onOneLine(result.error.message)}\n`,
          );
        }
      }
    }
  });
  if (failure === undefined) return deleted;
  // The lines above say why; one of them says what to do where that is not plain.
  const { message } = await fatalOf(failure, endpointsOf(words));
  throw new FatalError(exitCodeOf(failure), `not everything was deleted: ${message}`);
}

/** @returns how many */
async function deleteByPrefix(words: Arguments): Promise<number> {
  const text = words.optionalText('prefix');
  if (words.optionalText('if-match') !== undefined) throw usage('--if-match is of one key');
  if (words.texts('keys').length > 0) throw usage('name keys, or a --prefix, and not both');
  if (text !== undefined && words.flag('all')) throw usage('--prefix and --all are two things');
  const prefix = text === undefined ? undefined : keyOf(words, text);
  await confirm(words, prefix);
  return withClient(words, (client) =>
    prefix === undefined ? client.deletePrefix('', { all: true }) : client.deletePrefix(prefix),
  );
}

/** @throws FatalError where nobody says yes */
async function confirm(words: Arguments, prefix: Buffer | undefined): Promise<void> {
  if (words.flag('yes')) return;
  const what =
    prefix === undefined ? 'every key' : `every key that begins with ${lineOfBytes(prefix)}`;
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) {
    throw usage(`this deletes ${what}: say --yes`);
  }
  const where = words.text('endpoint');
  const answer = await answerTo(`Delete ${what} of the cluster at ${where}? Type yes: `);
  if (answer.trim().toLowerCase() !== 'yes') {
    throw new FatalError(EXIT.broken, 'nothing was deleted');
  }
}

/** @returns what is typed; nothing at the end of input, so that Ctrl-D is no yes */
async function answerTo(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ends = new AbortController();
  terminal.once('close', () => ends.abort());
  // A line editor takes Ctrl-C for itself: the process is to end by it, as everywhere else.
  terminal.once('SIGINT', () => {
    terminal.close();
    process.kill(process.pid, 'SIGINT');
  });
  try {
    return await terminal.question(question, { signal: ends.signal });
  } catch {
    say('\n');
    return '';
  } finally {
    terminal.close();
  }
}
