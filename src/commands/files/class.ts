// `velour files class`: how many copies the files of a class have. A changed number acts on files that are there: file
// servers read it, and copy or trim (FILES.md, "Classes").

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { recordKey, recordValue } from '../../cluster/model/record.ts';
import type { WriteOutcome } from '../../coordinator/operations/set/decision.ts';
import { Writer } from '../../coordinator/operations/set/writer.ts';
import {
  COPIES_MAX,
  copiesInName,
  DEFAULT_COPIES,
  decodeClass,
  encodeClass,
} from '../../files/classes.ts';
import { classKey, DEFAULT_CLASS, type ReplicationClass } from '../../files/file-key.ts';
import { CLASS_KEY_PREFIX, classNameOf } from '../../files/file-name.ts';
import { leave } from '../client-process.ts';
import { counted } from '../cluster/node-texts.ts';
import { type Arguments, type Command, usage } from '../options.ts';
import { onOneLine } from '../printing.ts';
import { FILES_OPTIONS, type FilesClient, openFiles } from './files-client.ts';

const NAME_MAX = 255;

export const filesClassCommand: Command = {
  usage: 'files class [name] [copies]',
  describe:
    'List the classes of files, show how many copies one has, or set that: files that are there get it as well',
  options: FILES_OPTIONS,
  positionals: {
    name: { describe: 'The class; `default` is that of files of which nobody says another one' },
    copies: { describe: `How many file servers have each of its files, 1 to ${COPIES_MAX}` },
  },
  examples: [
    ['velour files class', 'all that have a number of their own'],
    ['velour files class default 3', 'one copy more of nearly everything'],
  ],
  async run(words) {
    const name = nameIn(words);
    const copies =
      words.optionalText('copies') === undefined
        ? undefined
        : words.integer('copies', { min: 1, max: COPIES_MAX });
    const files = await openFiles(words);
    if (name === undefined) return list(words, files);
    return copies === undefined ? show(words, files, name) : set(words, files, name, copies);
  },
};

function nameIn(words: Arguments): ReplicationClass | undefined {
  const name = words.optionalText('name');
  if (name === undefined) return undefined;
  if (name.length <= NAME_MAX && !/\p{Cc}/u.test(name)) return name as ReplicationClass;
  throw usage(`name must be of 1 to ${NAME_MAX} characters, none of which is a control character`);
}

async function list(words: Arguments, files: FilesClient): Promise<void> {
  const classes = new Map<string, number>([[DEFAULT_CLASS, DEFAULT_COPIES]]);
  for await (const records of files.records(CLASS_KEY_PREFIX)) {
    for (const record of records) {
      const name = classNameOf(recordKey(record)) ?? '';
      const read = decodeClass(recordValue(record));
      if (read.kind === 'failed') throw new FatalError(EXIT.failure, `${name}: ${read.detail}`);
      classes.set(name, read.copies);
    }
  }
  const sorted = [...classes].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = sorted.map(([name, copies]) => `${onOneLine(name)}\t${copies}`);
  await leave(words, { classes: Object.fromEntries(sorted) }, lines.join('\n'));
}

async function show(words: Arguments, files: FilesClient, name: ReplicationClass): Promise<void> {
  const record = await files.get(classKey(name));
  const isOwn = record.kind === 'value';
  const copies = await files.copiesIn(name);
  const text = `${onOneLine(name)}: ${copiesText(copies)}`;
  const isAsDefault = !isOwn && copiesInName(name) === undefined && name !== DEFAULT_CLASS;
  await leave(
    words,
    { class: name, copies, own: isOwn },
    isAsDefault ? `${text}, as default` : text,
  );
}

async function set(
  words: Arguments,
  files: FilesClient,
  name: ReplicationClass,
  copies: number,
): Promise<void> {
  const outcome = await new Promise<WriteOutcome>((resolve) =>
    new Writer(files.client).set(
      {
        key: classKey(name),
        value: encodeClass(copies),
        tombstone: false,
        expiresAtMs: 0,
        attributes: [],
      },
      resolve,
    ),
  );
  switch (outcome.kind) {
    case 'not-stored':
      throw new FatalError(EXIT.unavailable, `not set: ${outcome.detail}`);
    case 'unknown':
      throw new FatalError(
        EXIT.unavailable,
        'not every storage node confirmed it in time: it may or may not be set; say it again',
      );
    case 'stored':
      break;
  }
  const takers = files.servers.filter(({ entry }) => entry.state === 'in').length;
  const text = `${onOneLine(name)}: ${copiesText(copies)}`;
  const shortage =
    takers < copies
      ? `; ${takers === 0 ? 'no file server is' : `only ${counted(takers, 'file server')} ${takers === 1 ? 'is' : 'are'}`} there to have them now`
      : '';
  await leave(words, { class: name, copies, fileServers: takers }, `${text}${shortage}`);
}

function copiesText(copies: number): string {
  return copies === 1 ? '1 copy' : `${copies} copies`;
}
