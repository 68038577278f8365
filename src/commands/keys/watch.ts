// `velour watch`: prints what is set and deleted, as that happens.

import type { WatchEvent } from '../../client/velour.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { textOfBytes } from '../../cluster/wire/key-text.ts';
import type { Arguments, Command } from '../options.ts';
import { printData, say } from '../printing.ts';
import { BASE64_OPTION, CALL_OPTIONS, endpointsOf, timeoutMsOf, withClient } from './endpoint.ts';
import { keyOf } from './input.ts';
import { lineOfBytes, printableJson } from './key-text.ts';

const SECONDS_MAX = 2_000_000;

export const watchCommand: Command = {
  usage: 'watch [prefix]',
  describe:
    'Print what is set and deleted of the keys that begin with a prefix, or of all, until Ctrl-C; "missed" where something may be missing',
  options: {
    ...CALL_OPTIONS,
    ...BASE64_OPTION,
    values: { type: 'boolean', default: false, describe: 'With the values, behind a tab' },
    since: { type: 'string', describe: 'Go on where an earlier watch was: its "place"' },
    count: { type: 'number', describe: 'End after so many events' },
    for: { type: 'number', describe: 'End after so many seconds' },
    json: { type: 'boolean', default: false, describe: 'A JSON object a line, with the place' },
  },
  positionals: { prefix: { describe: 'What the keys begin with' } },
  examples: [
    ['velour watch user:', 'until Ctrl-C'],
    ['velour watch --values --json | jq .', 'for programs; the first line says that it has begun'],
  ],
  async run(words) {
    const text = words.optionalText('prefix');
    const prefix = text === undefined ? '' : keyOf(words, text);
    const isJson = words.flag('json');
    const most = { min: 1, max: Number.MAX_SAFE_INTEGER };
    const isCounted = words.optionalText('count') !== undefined;
    let left = isCounted ? words.integer('count', most) : Number.POSITIVE_INFINITY;
    const time = words.optionalText('for') === undefined ? undefined : new WatchTime(words);
    const signal = time?.signal;
    const since = words.optionalText('since');
    const values = words.flag('values');
    // A person sees nothing until something changes, and cannot tell that from a watch that has not begun.
    const isWatched = process.stdout.isTTY === true && process.stderr.isTTY === true;
    await withClient(words, async (client) => {
      const watch = client.watch({ prefix, values, since, signal });
      try {
        for await (const event of watch) {
          const line = isJson ? jsonOf(event, watch.place) : lineOf(event);
          // Nobody reads any more, as behind `head`.
          if (line !== '' && !(await printData(line))) return;
          time?.begins();
          if (event.kind !== 'begun') left--;
          else if (isWatched && !isJson) say('velour: watching; Ctrl-C ends\n');
          if (left <= 0) return;
        }
      } catch (error) {
        if (signal?.aborted !== true) throw error;
        if (time?.hasBegun !== true) {
          const where = endpointsOf(words).join(', ');
          throw new FatalError(EXIT.unavailable, `no frontend began the watch, of ${where}`);
        }
      }
    });
  },
};

/** How long `--for` lets it watch, from when a frontend begins; and how long one may take to begin. */
class WatchTime {
  readonly #ends = new AbortController();
  readonly #forMs: number;
  #timer: NodeJS.Timeout;
  hasBegun = false;

  constructor(words: Arguments) {
    this.#forMs = 1000 * words.number('for', { min: 0.001, max: SECONDS_MAX });
    this.#timer = setTimeout(() => this.#ends.abort(), Math.max(this.#forMs, timeoutMsOf(words)));
  }

  get signal(): AbortSignal {
    return this.#ends.signal;
  }

  begins(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ends.abort(), this.#forMs);
    this.#timer.unref();
  }
}

function lineOf(event: WatchEvent): string {
  switch (event.kind) {
    case 'begun':
      return '';
    case 'missed':
      return 'missed\n';
    case 'delete':
      return `delete\t${lineOfBytes(event.key)}\n`;
    case 'set': {
      const ending = event.value === undefined ? '' : `\t${lineOfBytes(event.value)}`;
      return `set\t${lineOfBytes(event.key)}${ending}\n`;
    }
  }
}

/** @param place behind the event before, so that who goes on there is told this one again and misses nothing */
function jsonOf(event: WatchEvent, place: string | undefined): string {
  return `${printableJson(JSON.stringify({ event: event.kind, ...fieldsOf(event), place }))}\n`;
}

function fieldsOf(event: WatchEvent): Readonly<Record<string, unknown>> {
  if (event.kind === 'begun' || event.kind === 'missed') return {};
  const key = textOfBytes(event.key);
  if (event.kind === 'delete') return { key, version: event.version };
  const { etag, value, expiresAtMs } = event;
  const text = value === undefined ? undefined : textOfBytes(value);
  return { key, etag, value: text, expiresAt: expiresAtMs };
}
