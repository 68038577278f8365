// `velour export`: every record, whole, as lines that `velour import` takes, to stdout or into a file that a later call
// can go on with.

import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { VelourError } from '../../client/errors.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { encodeBytes } from '../../cluster/wire/query.ts';
import { shareBefore } from '../../coordinator/operations/scan/position.ts';
import { type Arguments, type Command, usage } from '../options.ts';
import { printData, say } from '../printing.ts';
import { showProgressLine } from '../progress.ts';
import { grouped } from '../progress-text.ts';
import { BASE64_OPTION, ENDPOINT_OPTION, endpointsOf, fatalOf } from './endpoint.ts';
import { DASH, keyOf, linesOf } from './input.ts';

const SINCE = /^(?:[0-9a-f]{16}|\d{1,15})$/;
const LINE_FEED = Buffer.from('\n');

export const exportCommand: Command = {
  usage: 'export [prefix]',
  describe:
    'Write the records of the keys that begin with a prefix, or all, as lines that import takes, with their versions',
  options: {
    ...ENDPOINT_OPTION,
    ...BASE64_OPTION,
    output: {
      type: 'string',
      alias: 'o',
      describe: 'Into this file; by default, and for -, to stdout',
    },
    since: {
      type: 'string',
      describe:
        'Only what was set or deleted since: a version, or milliseconds since 1970; deletes too',
    },
    resume: {
      type: 'boolean',
      default: false,
      describe: 'Go on with the file of --output where an earlier export of the same broke off',
    },
  },
  positionals: { prefix: { describe: 'What the keys begin with' } },
  examples: [
    ['velour export -o all.ndjson', 'all records into a file'],
    ['velour export | velour import --endpoint 10.0.0.9:12080', 'into another cluster'],
  ],
  async run(words) {
    const endpoints = endpointsOf(words);
    const since = words.optionalText('since');
    if (since !== undefined && !SINCE.test(since)) {
      throw usage(`since is ${since}, and must be 16 hex digits, or milliseconds since 1970`);
    }
    const { sink, from, isWhole } = await openSink(words);
    if (isWhole) return say('velour: this export is whole; there is nothing to go on with\n');
    const prefix = words.optionalText('prefix');
    const parameters = [
      ...(prefix === undefined ? [] : [`prefix=${encodeBytes(keyOf(words, prefix))}`]),
      ...(since === undefined ? [] : [`since=${since}`]),
    ];
    const job = new Export(sink, from);
    const endProgress = showProgressLine({
      what: 'export',
      unit: 'records',
      printsData: sink.isStdout,
      done: () => job.done(),
    });
    try {
      await job.run(endpoints, (cursor) => {
        const all = cursor === undefined ? parameters : [...parameters, `cursor=${cursor}`];
        return `/v1/export?${all.join('&')}`;
      });
    } catch (error) {
      if (!(error instanceof VelourError)) throw error;
      const { exitCode, message } = await fatalOf(error, endpoints);
      throw new FatalError(exitCode, `${message}${sink.advice}`);
    } finally {
      endProgress();
    }
    if (sink.isStdout) return;
    await sink.finish();
    const more = from === undefined ? '' : ' more';
    say(`velour: ${grouped(job.done().items)}${more} records are in ${words.text('output')}\n`);
  },
};

class Export {
  readonly #sink: Sink;
  readonly #from: string | undefined;
  #records = 0;
  #bytes = 0;
  #share: number;

  constructor(sink: Sink, from: string | undefined) {
    this.#sink = sink;
    this.#from = from;
    this.#share = shareBefore(from ?? '') ?? 0;
  }

  done() {
    return { items: this.#records, bytes: this.#bytes, share: this.#share };
  }

  async run(
    endpoints: readonly string[],
    pathFrom: (cursor: string | undefined) => string,
  ): Promise<void> {
    const { listed } = await import('./listing.ts');
    // What came twice after a break stays twice: an import of it changes nothing.
    const parts = listed({ endpoints, pathFrom, from: this.#from });
    for await (const { records, cursor } of parts) {
      const pieces = records.flatMap((record) => [record, LINE_FEED]);
      if (cursor !== undefined) pieces.push(cursorLine(cursor));
      const data = Buffer.concat(pieces);
      this.#records += records.length;
      this.#bytes += data.length;
      if (cursor !== undefined) this.#share = shareBefore(cursor) ?? this.#share;
      if (data.length > 0 && !(await this.#sink.write(data))) return;
    }
    await this.#sink.write(cursorLine(null));
  }
}

function cursorLine(cursor: string | null): Buffer {
  return Buffer.from(`${JSON.stringify({ cursor })}\n`);
}

interface Sink {
  readonly isStdout: boolean;
  /** What to do when it broke off, as the end of a message. */
  readonly advice: string;
  /** @returns whether anybody wants more */
  write(data: Buffer): Promise<boolean>;
  finish(): Promise<void>;
}

interface OpenedSink {
  readonly sink: Sink;
  readonly from: string | undefined;
  /** Whether there is nothing to go on with. */
  readonly isWhole: boolean;
}

async function openSink(words: Arguments): Promise<OpenedSink> {
  const path = words.optionalText('output');
  if (path === undefined || path === DASH) {
    if (words.flag('resume')) throw usage('--resume goes on with a file: name it with --output');
    const sink = {
      isStdout: true,
      advice: '; what was written is a part',
      write: (data: Buffer) => printData(data),
      finish: async () => undefined,
    };
    return { sink, from: undefined, isWhole: false };
  }
  const begun = words.flag('resume') ? await placeIn(path) : undefined;
  return {
    sink: fileSink(path, begun?.bytes),
    from: begun?.cursor ?? undefined,
    isWhole: begun?.cursor === null,
  };
}

/** @param keptBytes so many of the file stay, and what comes goes behind them; by default the file begins anew */
function fileSink(path: string, keptBytes: number | undefined): Sink {
  let at = keptBytes ?? 0;
  let file: FileHandle | undefined;
  return {
    isStdout: false,
    get advice() {
      if (at === 0) return `; nothing was written to ${path}`;
      return `; ${path} has a part: the same command with --resume goes on`;
    },
    async write(data) {
      // Only now, as an earlier export in this file is worth more than nothing.
      file ??= await openFile(path, keptBytes);
      for (let from = 0; from < data.length; ) {
        const { bytesWritten } = await orFail(path, file.write(data, from, data.length - from, at));
        from += bytesWritten;
        at += bytesWritten;
      }
      return true;
    },
    async finish() {
      if (file === undefined) return;
      await orFail(path, file.sync());
      await file.close();
    },
  };
}

/** @returns the last cursor of an export, `null` of a whole one, and the bytes up to its end; undefined without a file */
async function placeIn(
  path: string,
): Promise<{ readonly cursor: string | null; readonly bytes: number } | undefined> {
  let at = 0;
  let place: { cursor: string | null; bytes: number } | undefined;
  try {
    for await (const lines of linesOf(createReadStream(path) as AsyncIterable<Buffer>)) {
      for (const line of lines) {
        at += line.length + 1;
        const [, cursor] = /^\{"cursor":(null|"[\w-]+")\}$/.exec(cursorText(line)) ?? [];
        if (cursor !== undefined) place = { cursor: JSON.parse(cursor), bytes: at };
      }
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new FatalError(EXIT.config, `${path} cannot be read: ${code ?? error}`);
  }
  return place;
}

/** Lines of records may be long, and are none of a cursor. */
function cursorText(line: Buffer): string {
  return line[2] === 0x63 ? line.toString('latin1') : '';
}

async function openFile(path: string, keptBytes: number | undefined): Promise<FileHandle> {
  const file = await orFail(path, open(path, keptBytes === undefined ? 'w' : 'r+'));
  await orFail(path, file.truncate(keptBytes ?? 0));
  return file;
}

async function orFail<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new FatalError(EXIT.failure, `${path} cannot be written: ${code ?? error}`);
  }
}
