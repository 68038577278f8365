// `velour import`: sends lines of an export, or of a scan, to a frontend as fast as they are stored.

import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { VelourError } from '../../client/errors.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { counted } from '../cluster/node-texts.ts';
import { type Arguments, type Command, usage } from '../options.ts';
import { onOneLine, printData, say } from '../printing.ts';
import { showProgressLine } from '../progress.ts';
import { grouped } from '../progress-text.ts';
import { ENDPOINT_OPTION, endpointsOf, fatalOf } from './endpoint.ts';
import { DASH, standardInput } from './input.ts';

const LINE_FEED = 0x0a;
/** Statuses of an import that ended before its lines did, with what became of those before. */
const BROKEN_OFF = [408, 503, 504, 507];

interface Imported {
  readonly stored: number;
  readonly skipped: number;
  readonly failed: number;
  readonly lines: number;
  readonly complete?: boolean;
  readonly errors?: readonly { readonly line: number; readonly detail: string }[];
  readonly error?: string;
  readonly detail?: string;
}

export const importCommand: Command = {
  usage: 'import [file]',
  describe:
    'Store the records of an export; what is newer in the cluster stays, and to repeat it changes nothing. Exits 1 when lines are refused or missing',
  options: {
    ...ENDPOINT_OPTION,
    'as-new': {
      type: 'boolean',
      default: false,
      describe:
        'Give every record a version of now, so that it wins; also for lines of scan --values --json',
    },
    json: { type: 'boolean', default: false, describe: 'Print the summary as JSON' },
  },
  positionals: { file: { describe: 'The file; without one, and for -, standard input' } },
  examples: [['velour import all.ndjson', 'what velour export -o all.ndjson wrote']],
  async run(words) {
    const endpoints = endpointsOf(words);
    const source = await sourceOf(words);
    const body = new CountedBody(source.stream);
    const endProgress = showProgressLine({
      what: 'import',
      unit: 'lines',
      printsData: false,
      done: () => body.done(source.bytes),
    });
    let imported: Imported;
    try {
      imported = await send(endpoints, body.readable(), words.flag('as-new'));
    } catch (error) {
      if (body.failure !== undefined) throw body.failure;
      if (error instanceof VelourError) throw await fatalOf(error, endpoints);
      throw error;
    } finally {
      endProgress();
    }
    if (body.done(undefined).bytes === 0) {
      throw new FatalError(EXIT.broken, 'nothing came to import, not even the end of an export');
    }
    await printData(`${words.flag('json') ? JSON.stringify(imported) : summaryOf(imported)}\n`);
    judge(imported);
  },
};

async function send(
  endpoints: readonly string[],
  body: Readable,
  isAsNew: boolean,
): Promise<Imported> {
  const path = isAsNew ? '/v1/import?as-new=1' : '/v1/import';
  const answerType = 'application/json';
  const request = { method: 'POST', path, body, answerType, alsoTaken: BROKEN_OFF } as const;
  const { ask, wholeText } = await import('./streamed.ts');
  const answer = await ask(endpoints, request);
  try {
    return JSON.parse(await wholeText(answer));
  } finally {
    answer.close();
  }
}

function summaryOf({ stored, skipped, failed }: Imported): string {
  const parts = [`${grouped(stored)} stored`, `${grouped(skipped)} skipped`];
  return [...parts, ...(failed > 0 ? [`${grouped(failed)} failed`] : [])].join(', ');
}

/** @throws FatalError where not everything was stored */
function judge({ failed, complete, errors = [], error, detail }: Imported): void {
  for (const each of errors) say(`line ${each.line}: ${onOneLine(each.detail)}\n`);
  if (error !== undefined) {
    throw new FatalError(EXIT.unavailable, `${detail ?? error}: import all of it again`);
  }
  if (failed > 0)
    throw new FatalError(
      EXIT.broken,
      `${counted(failed, 'line')} ${failed === 1 ? 'was' : 'were'} not stored`,
    );
  if (complete === false) {
    throw new FatalError(
      EXIT.broken,
      'the end of the export is missing: it broke off, and this was only a part',
    );
  }
}

interface ImportSource {
  readonly stream: AsyncIterable<Buffer>;
  /** Undefined where nobody knows how much there is. */
  readonly bytes: number | undefined;
}

async function sourceOf(words: Arguments): Promise<ImportSource> {
  const path = words.optionalText('file');
  if (path !== undefined && path !== DASH) {
    const stats: Stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new FatalError(EXIT.config, `${path} cannot be read: ${error.code}`);
    });
    if (stats.isDirectory()) throw new FatalError(EXIT.config, `${path} is a directory`);
    const stream = createReadStream(path) as AsyncIterable<Buffer>;
    return { stream, bytes: stats.isFile() ? stats.size : undefined };
  }
  if (path === undefined && process.stdin.isTTY === true) {
    throw usage('name a file, or - to type the lines here');
  }
  return { stream: standardInput(), bytes: undefined };
}

/** Counts what is sent. A file that cannot be read ends the request; `failure` then says why. */
class CountedBody {
  readonly #source: AsyncIterable<Buffer>;
  #bytes = 0;
  #lines = 0;
  failure: FatalError | undefined;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source;
  }

  done(bytesInAll: number | undefined) {
    const share =
      bytesInAll === undefined || bytesInAll === 0
        ? undefined
        : Math.min(1, this.#bytes / bytesInAll);
    return { items: this.#lines, bytes: this.#bytes, share };
  }

  readable(): Readable {
    return Readable.from(this.#pieces(), { objectMode: false });
  }

  async *#pieces(): AsyncGenerator<Buffer> {
    try {
      for await (const piece of this.#source) {
        this.#bytes += piece.length;
        for (let at = piece.indexOf(LINE_FEED); at >= 0; at = piece.indexOf(LINE_FEED, at + 1)) {
          this.#lines++;
        }
        yield piece;
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.failure = new FatalError(
        EXIT.config,
        `what is imported cannot be read: ${code ?? error}`,
      );
      throw error;
    }
  }
}
