// `velour scan`: lists keys, and their values where asked for, as they come.

import type { ScannedEntry } from '../../client/velour.ts';
import { partitionCount, partitionOf } from '../../cluster/model/partition.ts';
import { storedKey } from '../../cluster/model/stored-key.ts';
import { textOfBytes } from '../../cluster/wire/key-text.ts';
import type { Command } from '../options.ts';
import { printData } from '../printing.ts';
import { showProgressLine } from '../progress.ts';
import { BASE64_OPTION, CALL_OPTIONS, withClient } from './endpoint.ts';
import { keyOf } from './input.ts';
import { lineOfBytes, printableJson } from './key-text.ts';

/** What is printed at once: a write for each line would cost more than the line. */
const PRINTED_CHARACTERS = 64 * 1024;
/** Scans go through the partitions in order; two digits are as fine as a bar needs. */
const SHARE_DIGITS = 2;

export const scanCommand: Command = {
  usage: 'scan [prefix]',
  describe:
    'List the keys that begin with a prefix, or all, one a line, in no order; a key that is there throughout is listed exactly once',
  options: {
    ...CALL_OPTIONS,
    ...BASE64_OPTION,
    values: { type: 'boolean', default: false, describe: 'With their values, behind a tab' },
    limit: { type: 'number', describe: 'So many keys at the most; by default all' },
    json: { type: 'boolean', default: false, describe: 'A JSON object a line, as of /v1/scan' },
  },
  positionals: { prefix: { describe: 'What the keys begin with' } },
  examples: [
    ['velour scan user:', 'keys that begin with user:'],
    ['velour scan --values --json > all.ndjson', 'everything, for programs'],
  ],
  async run(words) {
    const text = words.optionalText('prefix');
    const prefix = text === undefined ? '' : keyOf(words, text);
    const values = words.flag('values');
    const limit =
      words.optionalText('limit') === undefined
        ? undefined
        : words.integer('limit', { min: 1, max: Number.MAX_SAFE_INTEGER });
    const print = words.flag('json') ? jsonOf : lineOf;
    const done = { items: 0, bytes: 0, share: 0 };
    const endProgress = showProgressLine({
      what: 'scan',
      unit: 'keys',
      printsData: true,
      done: () => ({ ...done }),
    });
    const list = async (entries: AsyncIterable<ScannedEntry>) => {
      let waiting = '';
      for await (const entry of entries) {
        const line = print(entry);
        done.items++;
        done.bytes += line.length;
        waiting += line;
        if (waiting.length < PRINTED_CHARACTERS) continue;
        done.share = shareBefore(entry.key);
        // Nobody reads any more, as behind `head`.
        if (!(await printData(waiting))) return;
        waiting = '';
      }
      if (waiting !== '') await printData(waiting);
    };
    try {
      await withClient(words, (client) => list(client.scan({ prefix, values, limit })));
    } finally {
      endProgress();
    }
  },
};

function lineOf({ key, value }: ScannedEntry): string {
  const ending = value === undefined ? '' : `\t${lineOfBytes(value)}`;
  return `${lineOfBytes(key)}${ending}\n`;
}

function jsonOf({ key, etag, value }: ScannedEntry): string {
  const text = value === undefined ? undefined : textOfBytes(value);
  return `${printableJson(JSON.stringify({ key: textOfBytes(key), etag, value: text }))}\n`;
}

/** @returns how much of all keys a scan has behind it that lists this one */
function shareBefore(key: Uint8Array): number {
  return partitionOf(storedKey(Buffer.from(key)), SHARE_DIGITS) / partitionCount(SHARE_DIGITS);
}
