// `velour blobs put`: stores a file in the blob service, and says its SHA-512, which is computed here as well.

import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { DASH, standardInput } from '../keys/input.ts';
import { wholeText } from '../keys/streamed.ts';
import { type Command, usage } from '../options.ts';
import { printData } from '../printing.ts';
import { BLOBS_OPTION, callBlobs } from './blob-service.ts';

export const blobsPutCommand: Command = {
  usage: 'blobs put <file>',
  describe: 'Store a file in the blob service, and print its SHA-512',
  options: {
    ...BLOBS_OPTION,
    name: { type: 'string', describe: 'Its name there; by default that of the file' },
    json: { type: 'boolean', default: false, describe: 'Print the whole answer' },
  },
  positionals: { file: { describe: 'The local file; - is standard input' } },
  examples: [['velour blobs put photo.jpg', 'its SHA-512 is for your document']],
  async run(words) {
    const path = words.text('file');
    const name = words.optionalText('name') ?? (path === DASH ? 'stdin' : basename(path));
    const hash = createHash('sha512');
    const hashing = new Transform({
      transform(piece: Buffer, _encoding, done: TransformCallback) {
        hash.update(piece);
        done(null, piece);
      },
    });
    if (name.includes('/')) throw usage(`name is ${name}, and must be one without a slash`);
    const bytes = path === DASH ? undefined : sizeOf(path);
    const source = path === DASH ? Readable.from(standardInput()) : createReadStream(path);
    source.once('error', (error: Error) => hashing.destroy(error));
    const answer = await callBlobs(words, {
      method: 'PUT',
      path: `/${encodeURIComponent(name)}`,
      // Files that the system makes up have a length of 0, and bytes.
      headers: bytes === undefined || bytes === 0 ? {} : { 'content-length': `${bytes}` },
      body: source.pipe(hashing),
    });
    const text = await wholeText(answer);
    answer.close();
    const own = hash.digest('hex');
    if (!text.includes(`"${own}"`)) {
      throw new FatalError(
        EXIT.broken,
        `what was stored is not what was sent: ${own}, and ${text}`,
      );
    }
    await printData(`${words.flag('json') ? text : own}\n`);
    process.exit(0);
  },
};

function sizeOf(path: string): number {
  try {
    const stat = statSync(path);
    if (stat.isFile()) return stat.size;
  } catch (error) {
    throw usage(`file is ${path}, which cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  throw usage(`file is ${path}, which is no file`);
}
