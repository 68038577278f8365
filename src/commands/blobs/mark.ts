// `velour blobs mark`: lets the blob service answer 403 or 404 for a content, whatever is stored, or takes that back. It
// goes to the cluster itself, not to a frontend: clients of the blob service set no marks.

import { hash as digest } from 'node:crypto';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { systemClock } from '../../cluster/io/process/system.ts';
import { recordValue } from '../../cluster/model/record.ts';
import type { WriteOutcome, WriteRequest } from '../../coordinator/operations/set/decision.ts';
import { Writer } from '../../coordinator/operations/set/writer.ts';
import { DEFAULT_CLASS } from '../../files/file-key.ts';
import { decodeManifest, encodeManifest } from '../../files/manifest.ts';
import {
  type ContentHash,
  markKey,
  namedBlobIn,
} from '../../frontend/gateways/blobs/dtfc-usage.ts';
import { type BlobMark, MARKS } from '../../frontend/gateways/blobs/marked-blobs.ts';
import { leave } from '../client-process.ts';
import { FILES_OPTIONS, type FilesClient, openFiles } from '../files/files-client.ts';
import { type Arguments, type Command, usage } from '../options.ts';

export const blobsMarkCommand: Command = {
  usage: 'blobs mark <hash> [status]',
  describe:
    'Show the mark of a content, or set it: 403 forbids it, 404 hides it, whatever is stored; none takes that back',
  options: FILES_OPTIONS,
  positionals: {
    hash: { describe: 'The SHA-512 of the content, 128 hexadecimal digits' },
    status: { describe: 'The mark; by default it is shown', choices: [...MARKS, 'none'] },
  },
  examples: [['velour blobs mark $(sha512sum < FILE | cut -c -128) 403', 'nobody reads it']],
  async run(words) {
    const content = hashIn(words, 'hash');
    const mark = words.optionalText('status') as BlobMark | 'none' | undefined;
    const files = await openFiles(words);
    const key = markKey(content);
    if (mark !== undefined) await set(files, { key, ...(mark === 'none' ? ABSENT : marked(mark)) });
    const shown = mark ?? (await shownMark(files, content));
    await leave(words, { sha512: content, mark: shown }, shown);
  },
};

/** @throws FatalError for what is no SHA-512 */
export function hashIn(words: Arguments, name: string): ContentHash {
  const named = namedBlobIn(Buffer.from(words.text(name)));
  if (named !== undefined && named.option === undefined) return named.hash;
  throw usage(`${name} is ${words.text(name)}, and must be 128 hexadecimal digits`);
}

const UNADORNED = { expiresAtMs: 0, attributes: [] } as const;
const ABSENT = { value: Buffer.alloc(0), tombstone: true, ...UNADORNED } as const;

function marked(mark: BlobMark): Omit<WriteRequest, 'key'> {
  const content = Buffer.from(mark);
  const value = encodeManifest({
    kind: 'inline',
    content,
    size: content.length,
    sha512: digest('sha512', content),
    md5: digest('md5', content),
    modifiedMs: Math.floor(systemClock.wallMs()),
    contentType: 'text/plain',
    replicationClass: DEFAULT_CLASS,
  });
  return { value, tombstone: false, ...UNADORNED };
}

async function shownMark(files: FilesClient, content: ContentHash): Promise<string> {
  const outcome = await files.get(markKey(content));
  switch (outcome.kind) {
    case 'absent':
      return 'none';
    case 'failed':
      throw new FatalError(EXIT.unavailable, `nobody can say it now: ${outcome.detail}`);
    case 'value': {
      const manifest = decodeManifest(recordValue(outcome.record));
      return manifest.kind === 'inline' ? manifest.content.toString('latin1') : '403';
    }
  }
}

async function set(files: FilesClient, request: WriteRequest): Promise<void> {
  const outcome = await new Promise<WriteOutcome>((resolve) =>
    new Writer(files.client).set(request, resolve),
  );
  switch (outcome.kind) {
    case 'stored':
      return;
    case 'not-stored':
      throw new FatalError(EXIT.unavailable, `not set: ${outcome.detail}`);
    case 'unknown':
      throw new FatalError(
        EXIT.unavailable,
        'not every storage node confirmed it in time: it may or may not be set; say it again',
      );
  }
}
