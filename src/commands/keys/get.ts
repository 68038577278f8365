// `velour get`: the value of a key, byte by byte.

import type { StoredEntry } from '../../client/velour.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { textOfBytes } from '../../cluster/wire/key-text.ts';
import type { Command } from '../options.ts';
import { printData } from '../printing.ts';
import { BASE64_OPTION, CALL_OPTIONS, withClient } from './endpoint.ts';
import { keyOf } from './input.ts';
import { lineOfBytes, printableJson, terminalText } from './key-text.ts';

export const getCommand: Command = {
  usage: 'get <key>',
  describe:
    'Write the value of a key to stdout: its bytes and nothing else; on a terminal as text that it does not obey',
  options: {
    ...CALL_OPTIONS,
    ...BASE64_OPTION,
    linearizable: {
      type: 'boolean',
      default: false,
      describe:
        'Ask every member of the partition: all such reads and conditional writes have one order',
    },
    json: { type: 'boolean', default: false, describe: 'Print value, ETag and the rest as JSON' },
  },
  positionals: { key: { describe: 'The key' } },
  examples: [
    ['velour get page > page.html', 'exits 1 when there is no such key'],
    ['velour get --json page', 'with its ETag, for set --if-match'],
  ],
  async run(words) {
    const key = keyOf(words, words.maybeEmptyText('key') ?? '');
    const linearizable = words.flag('linearizable');
    const entry = await withClient(words, (client) => client.entry(key, { linearizable }));
    if (entry === undefined) throw new FatalError(EXIT.broken, noSuchKey(key));
    if (words.flag('json')) await printData(`${jsonOf(key, entry)}\n`);
    else if (process.stdout.isTTY === true) await printData(lineFor(entry.value));
    else await printData(entry.value);
  },
};

export function noSuchKey(key: Uint8Array): string {
  return `no such key: ${lineOfBytes(key)}`;
}

function jsonOf(key: Buffer, entry: StoredEntry): string {
  const { etag, version, contentType, expiresAtMs } = entry;
  const value = textOfBytes(entry.value);
  const fields = {
    key: textOfBytes(key),
    value,
    etag,
    version,
    contentType,
    expiresAt: expiresAtMs,
  };
  return printableJson(JSON.stringify(fields));
}

/** The prompt of a shell belongs on a line of its own. */
function lineFor(value: Uint8Array): string {
  const text = terminalText(value);
  return text.endsWith('\n') ? text : `${text}\n`;
}
