// `velour files ls`: the files of a space, as they come.

import { EXIT } from '../../cluster/http/errors.ts';
import { domainIn, keyPrefixOf } from '../../files/file-name.ts';
import { printableJson } from '../keys/key-text.ts';
import type { Command } from '../options.ts';
import { printData, say } from '../printing.ts';
import { FILES_OPTIONS, openFiles } from './files-client.ts';
import { fileText, jsonOfFile, lineOfFile, readFileRecord } from './listed-file.ts';
import { pathIn, SPACE_OPTION, spaceIn } from './naming.ts';

export const filesLsCommand: Command = {
  usage: 'files ls [prefix]',
  describe:
    'List files, one a line, in no order: path, size, date, class, copies that it wants, type, with tabs between them',
  options: {
    ...FILES_OPTIONS,
    ...SPACE_OPTION,
    json: { type: 'boolean', default: false, describe: 'A JSON object a line' },
  },
  positionals: { prefix: { describe: 'What the paths begin with; by default all' } },
  examples: [
    ['velour files ls folder/', 'files of sfss below folder/'],
    ['velour files ls --space b --json', 'the blobs, for programs'],
  ],
  async run(words) {
    const space = spaceIn(words);
    const prefix = pathIn(space, words.optionalText('prefix') ?? '');
    const files = await openFiles(words);
    const isJson = words.flag('json');
    let damaged = 0;
    let isEmpty = true;
    // A prefix may end within a directory, which a key has in two parts: so paths are compared, not keys.
    for await (const records of files.records(keyPrefixOf(space))) {
      let lines = '';
      for (const record of records) {
        const read = readFileRecord(record);
        isEmpty &&= read.kind === 'other';
        if (read.kind === 'other' || !startsWith(read.name.path, prefix)) continue;
        if (read.kind === 'damaged') {
          damaged++;
          say(`velour: ${fileText(read.name)}: its record is damaged: ${read.why}\n`);
          continue;
        }
        const copies = await files.copiesIn(read.manifest.replicationClass);
        const line = isJson
          ? printableJson(JSON.stringify(jsonOfFile(read, copies)))
          : lineOfFile(read, copies);
        lines += `${line}\n`;
      }
      // Nobody reads any more, as behind `head`.
      if (lines !== '' && !(await printData(lines))) break;
    }
    if (isEmpty && domainIn(space) !== undefined) say(`velour: ${nothingIn(space)}\n`);
    // Streams to the cluster, and the polls of its map, would keep the process alive.
    process.exit(damaged > 0 ? EXIT.broken : 0);
  },
};

function nothingIn(space: string): string {
  return `there is nothing in ${space}: the files of a domain are in d:NAME, by the first domain_name of its configuration, and in d:default without one; /.broker/domains of a broker has these names`;
}

function startsWith(path: Buffer, prefix: Buffer): boolean {
  return path.subarray(0, prefix.length).equals(prefix);
}
