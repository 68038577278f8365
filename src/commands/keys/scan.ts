// `velour scan`: lists keys, and their values where asked for, as they come.

import { VelourError } from '../../client/errors.ts';
import { bytesOfText } from '../../cluster/wire/key-text.ts';
import { shareBefore } from '../../coordinator/operations/scan/position.ts';
import type { Arguments, Command } from '../options.ts';
import { printData, say } from '../printing.ts';
import { showProgressLine } from '../progress.ts';
import { BASE64_OPTION, ENDPOINT_OPTION, endpointsOf, fatalOf } from './endpoint.ts';
import { lineOfBytes, printableJson } from './key-text.ts';
import { cursorOf, listedPath, prefixOf } from './prefix.ts';
import { Unrepeated } from './unrepeated.ts';

/** A page is what comes again when a frontend fails, and what is remembered of the keys that came. */
const PAGE_KEYS = 1000;

export const scanCommand: Command = {
  usage: 'scan [prefix]',
  describe:
    'List the keys that begin with a prefix, or all, one a line, in no order; a key that is there throughout is listed exactly once',
  options: {
    ...ENDPOINT_OPTION,
    ...BASE64_OPTION,
    values: { type: 'boolean', default: false, describe: 'With their values, behind a tab' },
    limit: { type: 'number', describe: 'So many keys at the most; by default all' },
    cursor: { type: 'string', describe: 'Go on where an earlier scan with a limit ended' },
    json: { type: 'boolean', default: false, describe: 'A JSON object a line, as of /v1/scan' },
  },
  positionals: { prefix: { describe: 'What the keys begin with' } },
  examples: [
    ['velour scan user:', 'keys that begin with user:'],
    ['velour scan --values --json > all.ndjson', 'everything, for programs'],
  ],
  async run(words) {
    const endpoints = endpointsOf(words);
    try {
      await new KeyListing(words, endpoints).run();
    } catch (error) {
      if (error instanceof VelourError) throw await fatalOf(error, endpoints);
      throw error;
    }
  },
};

interface ListedKey {
  readonly key: Buffer;
  readonly keyJson: string;
  readonly value: Buffer | undefined;
}

class KeyListing {
  readonly #endpoints: readonly string[];
  readonly #prefix: Buffer | undefined;
  readonly #from: string | undefined;
  readonly #hasValues: boolean;
  readonly #isJson: boolean;
  readonly #limit: number;
  readonly #unrepeated = new Unrepeated();
  #listed = 0;
  #bytes = 0;
  #share = 0;

  constructor(words: Arguments, endpoints: readonly string[]) {
    this.#endpoints = endpoints;
    this.#prefix = prefixOf(words);
    this.#from = cursorOf(words);
    this.#hasValues = words.flag('values');
    this.#isJson = words.flag('json');
    this.#limit =
      words.optionalText('limit') === undefined
        ? Number.POSITIVE_INFINITY
        : words.integer('limit', { min: 1, max: Number.MAX_SAFE_INTEGER });
    this.#share = shareBefore(this.#from ?? '') ?? 0;
  }

  async run(): Promise<void> {
    const endProgress = showProgressLine({
      what: 'scan',
      unit: 'keys',
      printsData: true,
      done: () => ({ items: this.#listed, bytes: this.#bytes, share: this.#share }),
    });
    let rest: string | undefined;
    try {
      rest = await this.#list();
    } finally {
      endProgress();
    }
    if (rest === undefined) return;
    if (this.#isJson) await printData(`${JSON.stringify({ cursor: rest })}\n`);
    else say(`velour: the limit is reached; --cursor ${rest} goes on\n`);
  }

  /** @returns the cursor where the limit ended it and there may be more */
  async #list(): Promise<string | undefined> {
    const { listed } = await import('./listing.ts');
    const parts = listed({
      endpoints: this.#endpoints,
      pathFrom: (cursor) => this.#pathFrom(cursor),
      isPaged: true,
      from: this.#from,
    });
    for await (const { records, cursor, isAgain } of parts) {
      if (isAgain) this.#unrepeated.broke();
      let text = '';
      for (const record of records) text += this.#textOf(record);
      if (cursor !== undefined) {
        this.#unrepeated.cursorCame();
        this.#share = shareBefore(cursor) ?? this.#share;
      }
      // Nobody reads any more, as behind `head`.
      if (text !== '' && !(await printData(text))) return undefined;
      if (cursor !== undefined && this.#listed >= this.#limit) return cursor;
    }
    return undefined;
  }

  #pathFrom(cursor: string | undefined): string {
    const limit = Math.max(1, Math.min(PAGE_KEYS, this.#limit - this.#listed));
    const parameters = [`limit=${limit}`, ...(this.#hasValues ? ['values=1'] : [])];
    return listedPath('/v1/scan', { prefix: this.#prefix, cursor, parameters });
  }

  #textOf(record: Buffer): string {
    this.#bytes += record.length;
    const json = record.toString('utf8');
    const { key, keyJson, value } = scannedIn(json);
    if (!this.#unrepeated.isNew(keyJson)) return '';
    this.#listed++;
    if (this.#isJson) return `${printableJson(json)}\n`;
    if (value === undefined) return `${lineOfBytes(key)}\n`;
    return `${lineOfBytes(key)}\t${lineOfBytes(value)}\n`;
  }
}

function scannedIn(json: string): ListedKey {
  try {
    const { key, value } = JSON.parse(json) as { readonly key: unknown; readonly value?: unknown };
    const bytes = bytesOfText(key);
    if (bytes !== undefined) {
      const keyJson = JSON.stringify(key);
      return { key: bytes, keyJson, value: value === undefined ? undefined : bytesOfText(value) };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new VelourError('not-a-frontend', 'what answers lists no keys as a frontend does');
}
