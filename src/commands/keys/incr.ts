// `velour incr`: adds to a number, and prints the sum.

import { textOfBytes } from '../../cluster/wire/key-text.ts';
import type { Command } from '../options.ts';
import { printData } from '../printing.ts';
import { BASE64_OPTION, CALL_OPTIONS, withClient } from './endpoint.ts';
import { keyOf } from './input.ts';
import { printableJson } from './key-text.ts';

export const incrCommand: Command = {
  usage: 'incr <key> [by]',
  describe:
    'Add to the decimal number that is the value, and print the sum; an absent key counts as 0. Never sent twice',
  options: {
    ...CALL_OPTIONS,
    ...BASE64_OPTION,
    json: { type: 'boolean', default: false, describe: 'Print key and sum as JSON' },
  },
  positionals: {
    key: { describe: 'The key' },
    by: { describe: 'A whole number, by default 1; it may be negative' },
  },
  examples: [
    ['velour incr visits', 'prints the new number'],
    ['velour incr stock -3', 'takes three'],
  ],
  async run(words) {
    const key = keyOf(words, words.maybeEmptyText('key') ?? '');
    const max = Number.MAX_SAFE_INTEGER;
    const by = words.optionalText('by') === undefined ? 1 : words.integer('by', { min: -max, max });
    const sum = await withClient(words, (client) => client.incr(key, by));
    const json = () => printableJson(JSON.stringify({ key: textOfBytes(key), value: sum }));
    await printData(`${words.flag('json') ? json() : sum}\n`);
  },
};
