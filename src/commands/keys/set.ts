// `velour set`: stores a value, which is a word or what standard input has.

import type { ConditionOptions } from '../../client/velour.ts';
import { TTL_SECONDS_MAX } from '../../cluster/model/limits.ts';
import { textOfBytes } from '../../cluster/wire/key-text.ts';
import { type Arguments, type Command, type OptionTable, usage } from '../options.ts';
import { printData } from '../printing.ts';
import { BASE64_OPTION, CALL_OPTIONS, withClient } from './endpoint.ts';
import { DASH, isInputNull, keyOf, readValue, typedBytes } from './input.ts';
import { printableJson } from './key-text.ts';

export const CONDITION_OPTIONS: OptionTable = {
  'if-match': {
    type: 'string',
    describe:
      'Only over the value with this ETag, as get --json and set --json print it; * for any',
  },
  'if-none-match': {
    type: 'string',
    describe: '*: only where there is no value; an ETag: only where the value is another one',
  },
};

export const setCommand: Command = {
  usage: 'set <key> [value]',
  describe:
    'Store a value; without one, or for -, what standard input has. Exits 1 when a condition does not hold',
  options: {
    ...CALL_OPTIONS,
    ...BASE64_OPTION,
    ...CONDITION_OPTIONS,
    ttl: { type: 'number', describe: 'Seconds after which it is gone; by default it stays' },
    'content-type': { type: 'string', describe: 'Kept with the value, such as text/html' },
    json: { type: 'boolean', default: false, describe: 'Print its ETag and version as JSON' },
  },
  positionals: {
    key: { describe: 'The key' },
    value: { describe: 'The value, exactly as it is; - is standard input' },
  },
  examples: [
    ['velour set greeting hello --ttl 60', 'gone after a minute'],
    ['velour set page < page.html', 'a file of any bytes'],
    ["velour set lock mine --if-none-match '*'", 'only where there is none'],
  ],
  async run(words) {
    const key = keyOf(words, words.maybeEmptyText('key') ?? '');
    const options = {
      ...conditionsOf(words),
      ttl:
        words.optionalText('ttl') === undefined
          ? undefined
          : words.integer('ttl', { min: 1, max: TTL_SECONDS_MAX }),
      contentType: words.optionalText('content-type'),
    };
    const value = await givenValue(words);
    const result = await withClient(words, (client) => client.set(key, value, options));
    if (!words.flag('json')) return;
    const { etag, version, created } = result;
    const fields = { key: textOfBytes(key), etag, version, created };
    await printData(`${printableJson(JSON.stringify(fields))}\n`);
  },
};

async function givenValue(words: Arguments): Promise<Buffer> {
  const text = words.maybeEmptyText('value');
  if (text !== undefined && text !== DASH) {
    return typedBytes(text, 'the value', 'give it on standard input');
  }
  if (text === undefined && process.stdin.isTTY === true) {
    throw usage('name a value, or - to type it here, to the end of input (Ctrl-D)');
  }
  if (text === undefined && isInputNull()) {
    throw usage(
      "name a value, '' for an empty one, or - for what standard input has: it is closed",
    );
  }
  return readValue();
}

export function conditionsOf(words: Arguments): ConditionOptions {
  return { ifMatch: tagOf(words, 'if-match'), ifNoneMatch: tagOf(words, 'if-none-match') };
}

/** A shell takes the quotes of an ETag away easily: it is taken without them too. */
function tagOf(words: Arguments, name: string): string | undefined {
  const text = words.optionalText(name);
  if (text === undefined || text === '*') return text;
  const tag = text.startsWith('"') ? text : `"${text}"`;
  if (/^"[^"\s,]+"$/.test(tag)) return tag;
  throw usage(`${name} is ${text}, and must be one ETag, or *`);
}
