// `velour blobs get`: reads a content from the blob service, and compares its SHA-512 with the one that was asked for.

import { createHash } from 'node:crypto';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { DASH } from '../keys/input.ts';
import type { Command } from '../options.ts';
import { OutputFile } from '../output-file.ts';
import { printData } from '../printing.ts';
import { BLOBS_OPTION, callBlobs } from './blob-service.ts';
import { hashIn } from './mark.ts';

export const blobsGetCommand: Command = {
  usage: 'blobs get <hash>',
  describe: 'Read a content by its SHA-512, and compare that',
  options: {
    ...BLOBS_OPTION,
    output: {
      type: 'string',
      alias: 'o',
      describe: 'Into this file, once all of it is right; by default, and for -, to stdout',
    },
    here: { type: 'boolean', default: false, describe: 'Only what this cluster has' },
  },
  positionals: { hash: { describe: 'The SHA-512, 128 hexadecimal digits' } },
  examples: [['velour blobs get HASH -o photo.jpg', 'into a file']],
  async run(words) {
    const wanted = hashIn(words, 'hash');
    const output = words.optionalText('output') ?? DASH;
    const path = words.flag('here') ? `/${wanted}/nopeerload` : `/${wanted}`;
    const file = output === DASH ? undefined : await OutputFile.open(output);
    try {
      const answer = await callBlobs(words, { method: 'GET', path });
      const hash = createHash('sha512');
      for await (const piece of answer.body) {
        hash.update(piece);
        if (file === undefined) await printData(piece);
        else await file.write(piece);
      }
      if (hash.digest('hex') !== wanted) {
        throw new FatalError(EXIT.broken, 'what came is not the content with this SHA-512');
      }
      await file?.finish();
    } catch (error) {
      await file?.abandon();
      if (error instanceof FatalError) throw error;
      throw new FatalError(EXIT.unavailable, `it broke off: ${(error as Error).message}`);
    }
    process.exit(0);
  },
};
