// `velour mget`: the values of many keys, a line each.

import type { VelourError } from '../../client/errors.ts';
import type { Result } from '../../client/velour.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { textOfBytes } from '../../cluster/wire/key-text.ts';
import type { Command } from '../options.ts';
import { printData } from '../printing.ts';
import { BASE64_OPTION, CALL_OPTIONS, endpointsOf, fatalOf, withClient } from './endpoint.ts';
import { keysGiven } from './input.ts';
import { lineOfBytes, printableJson } from './key-text.ts';

/** So many values are in memory at a time. */
const AT_ONCE = 100;
const NOT_FOUND = 404;

type Got = Result<Uint8Array | undefined>;

export const mgetCommand: Command = {
  usage: 'mget [keys..]',
  describe:
    'Print the values of many keys, a line each: the key, a tab, the value. Exits 1 when one is absent',
  options: {
    ...CALL_OPTIONS,
    ...BASE64_OPTION,
    json: {
      type: 'boolean',
      default: false,
      describe: 'A JSON object a line, also of what is absent',
    },
  },
  positionals: { keys: { describe: 'The keys; - reads them from standard input, one a line' } },
  examples: [
    ['velour mget a b c', 'absent ones are left out'],
    ['velour scan user: | velour mget --json -', 'those that a scan lists'],
  ],
  async run(words) {
    const isJson = words.flag('json');
    let absent = 0;
    let asked = 0;
    let failure: VelourError | undefined;
    let isRead = true;
    await withClient(words, async (client) => {
      for await (const keys of keysGiven(words, AT_ONCE)) {
        const results = await client.getMany(keys);
        asked += results.length;
        absent += results.filter((result) => result.ok && result.value === undefined).length;
        failure ??= results.find((result) => !result.ok)?.error;
        isRead = await printData(results.map(isJson ? jsonOf : lineOf).join(''));
        if (!isRead) return;
      }
    });
    if (!isRead) return;
    if (failure !== undefined) throw await fatalOf(failure, endpointsOf(words));
    if (absent > 0) throw new FatalError(EXIT.broken, `${absent} of ${asked} keys are absent`);
  },
};

function lineOf(result: Got): string {
  if (!result.ok || result.value === undefined) return '';
  return `${lineOfBytes(Buffer.from(result.key))}\t${lineOfBytes(result.value)}\n`;
}

function jsonOf(result: Got): string {
  const key = textOfBytes(Buffer.from(result.key));
  return `${printableJson(JSON.stringify({ key, ...fieldsOf(result) }))}\n`;
}

function fieldsOf(result: Got): Readonly<Record<string, unknown>> {
  if (!result.ok) {
    const { status, code, message } = result.error;
    return { status, error: code, detail: message };
  }
  if (result.value === undefined) return { status: NOT_FOUND };
  return { status: 200, value: textOfBytes(result.value) };
}
