// `velour blobs rm`: deletes a content in the blob service, and at its peers if that is wanted.

import { wholeText } from '../keys/streamed.ts';
import type { Command } from '../options.ts';
import { printData } from '../printing.ts';
import { BLOBS_OPTION, callBlobs } from './blob-service.ts';
import { hashIn } from './mark.ts';

export const blobsRmCommand: Command = {
  usage: 'blobs rm <hash>',
  describe: 'Delete a content by its SHA-512, and print what was deleted',
  options: {
    ...BLOBS_OPTION,
    'all-peers': { type: 'boolean', default: false, describe: 'At all peers as well' },
  },
  positionals: { hash: { describe: 'The SHA-512, 128 hexadecimal digits' } },
  examples: [['velour blobs rm HASH --all-peers', 'here and at all peers']],
  async run(words) {
    const hash = hashIn(words, 'hash');
    const path = words.flag('all-peers') ? `/${hash}/allpeers` : `/${hash}`;
    const answer = await callBlobs(words, { method: 'DELETE', path });
    await printData(`${await wholeText(answer)}\n`);
    process.exit(0);
  },
};
