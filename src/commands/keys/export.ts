// `velour export`: every record, whole, as lines that `velour import` takes, to stdout or into a file that a later call
// can go on with.

import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { VelourError } from '../../client/errors.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { textOfBytes } from '../../cluster/wire/key-text.ts';
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
    const text = words.optionalText('prefix');
    const prefix = text === undefined ? undefined : keyOf(words, text);
    const what = { prefix: prefix && textOfBytes(prefix), since };
    const { sink, from, isWhole } = await openSink(words, what);
    if (isWhole) return say('velour: this export is whole; there is nothing to go on with\n');
    const parameters = [
      ...(prefix === undefined ? [] : [`prefix=${encodeBytes(prefix)}`]),
      ...(since === undefined ? [] : [`since=${since}`]),
    ];
    const job = new Export(sink, from, what);
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
  readonly #what: ExportedPart;
  #records = 0;
  #bytes = 0;
  #share: number;

  constructor(sink: Sink, from: string | undefined, what: ExportedPart) {
    this.#sink = sink;
    this.#from = from;
    this.#what = what;
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
      // An import that gets no more than the beginning sees that it is one.
      if (this.#bytes === 0 && this.#from === undefined) pieces.unshift(cursorLine('', this.#what));
      if (cursor !== undefined) pieces.push(cursorLine(cursor, this.#what));
      const data = Buffer.concat(pieces);
      this.#records += records.length;
      this.#bytes += data.length;
      if (cursor !== undefined) this.#share = shareBefore(cursor) ?? this.#share;
      if (data.length > 0 && !(await this.#sink.write(data))) return;
    }
    await this.#sink.write(cursorLine(null, this.#what));
  }
}

/** Of which records an export is: each line with a cursor says so, for a call that goes on with it. */
interface ExportedPart {
  readonly prefix: unknown;
  readonly since: string | undefined;
}

function cursorLine(cursor: string | null, what: ExportedPart): Buffer {
  return Buffer.from(`${JSON.stringify({ cursor, ...what })}\n`);
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

async function openSink(words: Arguments, what: ExportedPart): Promise<OpenedSink> {
  const path = words.optionalText('output');
  if (path === undefined || path === DASH) {
    if (words.flag('resume')) throw usage('--resume goes on with a file: name it with --output');
    let isBegun = false;
    const sink: Sink = {
      isStdout: true,
      get advice() {
        return isBegun ? '; what was written is a part' : '';
      },
      write: (data) => {
        isBegun = true;
        return printData(data);
      },
      finish: async () => undefined,
    };
    return { sink, from: undefined, isWhole: false };
  }
  const begun = words.flag('resume') ? await placeIn(path, what) : undefined;
  return {
    sink: fileSink(path, begun?.bytes),
    // The empty one stands at the beginning.
    from: begun?.cursor || undefined,
    isWhole: begun?.cursor === null,
  };
}

/** @param keptBytes so many of the file stay, and what comes goes behind them; by default the file begins anew */
function fileSink(path: string, keptBytes: number | undefined): Sink {
  let at = keptBytes ?? 0;
  let file: OpenedFile | undefined;
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
        const place = file.isRegular ? at : null;
        const { bytesWritten } = await orFail(
          path,
          file.handle.write(data, from, data.length - from, place),
        );
        from += bytesWritten;
        at += bytesWritten;
      }
      return true;
    },
    async finish() {
      if (file === undefined) return;
      if (file.isRegular) await orFail(path, file.handle.sync());
      await file.handle.close();
    },
  };
}

/**
 * @returns the last cursor of an export, `null` of a whole one, and the bytes up to its end; undefined where there is no file,
 *   or nothing of an export to keep in it
 * @throws FatalError for a file that is no export, or one of other records
 */
async function placeIn(
  path: string,
  what: ExportedPart,
): Promise<{ readonly cursor: string | null; readonly bytes: number } | undefined> {
  let at = 0;
  let place: { cursor: string | null; bytes: number } | undefined;
  try {
    for await (const lines of linesOf(createReadStream(path) as AsyncIterable<Buffer>)) {
      for (const line of lines) {
        if (at === 0 && !isOfExport(line)) {
          throw new FatalError(
            EXIT.config,
            `${path} is no export: name another file, or leave --resume away`,
          );
        }
        at += line.length + 1;
        const read = cursorIn(line);
        if (read === undefined) continue;
        refuseOther(path, read, what);
        place = { cursor: read.cursor, bytes: at };
      }
    }
  } catch (error) {
    if (error instanceof FatalError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new FatalError(EXIT.config, `${path} cannot be read: ${code ?? error}`);
  }
  return place;
}

const RECORD_BEGINS = Buffer.from('{"key":');
const CURSOR_BEGINS = Buffer.from('{"cursor":');

function isOfExport(line: Buffer): boolean {
  return [RECORD_BEGINS, CURSOR_BEGINS].some((begin) => beginsWith(line, begin));
}

function beginsWith(line: Buffer, begin: Buffer): boolean {
  return line.subarray(0, begin.length).equals(begin.subarray(0, line.length));
}

interface CursorLine extends ExportedPart {
  readonly cursor: string | null;
}

/** @returns undefined for any other line, and for one that was cut off */
function cursorIn(line: Buffer): CursorLine | undefined {
  // Lines of records may be long.
  if (!beginsWith(line, CURSOR_BEGINS)) return undefined;
  try {
    const { cursor, prefix, since } = JSON.parse(line.toString());
    const isCursor = cursor === null || typeof cursor === 'string';
    return isCursor ? { cursor, prefix, since } : undefined;
  } catch {
    return undefined;
  }
}

function refuseOther(path: string, { prefix, since }: CursorLine, what: ExportedPart): void {
  const isSame = JSON.stringify([prefix, since]) === JSON.stringify([what.prefix, what.since]);
  if (isSame) return;
  const parts = [
    ...(prefix === undefined ? [] : [`prefix ${JSON.stringify(prefix)}`]),
    ...(since === undefined ? [] : [`--since ${since}`]),
  ];
  const told = parts.length === 0 ? 'all' : parts.join(' and ');
  throw usage(
    `${path} has an export of other records, of ${told}: name another file, or leave --resume away`,
  );
}

interface OpenedFile {
  readonly handle: FileHandle;
  /** Of a device or a pipe there are no places, and nothing to keep. */
  readonly isRegular: boolean;
}

async function openFile(path: string, keptBytes: number | undefined): Promise<OpenedFile> {
  const handle = await orFail(path, open(path, keptBytes === undefined ? 'w' : 'r+'));
  const isRegular = (await orFail(path, handle.stat())).isFile();
  if (isRegular) await orFail(path, handle.truncate(keptBytes ?? 0));
  return { handle, isRegular };
}

async function orFail<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new FatalError(EXIT.failure, `${path} cannot be written: ${code ?? error}`);
  }
}
