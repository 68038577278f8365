// `velour files stat`: one file, where its copies belong, and which file servers say that they have one.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import type { BlobCopies } from '../../files/copies.ts';
import type { FileManifest } from '../../files/manifest.ts';
import type { PlacedServer } from '../../files/placement.ts';
import { leave } from '../client-process.ts';
import type { Command } from '../options.ts';
import { onOneLine } from '../printing.ts';
import { type Column, tableOf } from '../table.ts';
import { FILES_OPTIONS, type FilesClient, openFiles } from './files-client.ts';
import { fileText, jsonOfFile, type ListedFile, readFileRecord } from './listed-file.ts';
import { fileIn, type NamedKey, SPACE_OPTION } from './naming.ts';

const SERVER_COLUMNS: readonly Column[] = [
  { title: 'FILE SERVER' },
  { title: 'ADDRESS' },
  { title: 'HOST' },
  { title: 'BELONGS' },
  { title: 'HAS' },
];

export const filesStatCommand: Command = {
  usage: 'files stat <path>',
  describe: 'Show a file: its record, where its copies belong, and which file servers have one',
  options: { ...FILES_OPTIONS, ...SPACE_OPTION },
  positionals: { path: { describe: 'The path of the file' } },
  examples: [['velour files stat folder/readme.txt', 'a file of sfss']],
  async run(words) {
    const named = fileIn(words, words.text('path'));
    const files = await openFiles(words);
    const file = await fileAt(files, named);
    if (file === undefined) {
      return leave(
        words,
        { path: words.text('path'), found: false },
        `there is no ${fileText(named.name)}`,
        EXIT.broken,
      );
    }
    const { manifest } = file;
    const wanted = await files.copiesIn(manifest.replicationClass);
    const copies =
      manifest.kind === 'blob'
        ? (await files.copiesOf([{ blob: manifest.blob, copies: wanted }])).get(manifest.blob)
        : undefined;
    const answer = { ...jsonOfFile(file, wanted), ...(copies && jsonOfCopies(copies)) };
    const text = [...linesOf(file, wanted), ...linesOfCopies(copies)].join('\n');
    await leave(words, answer, text, exitCodeOf(copies));
  },
};

/** As of `velour files check`. */
function exitCodeOf(copies: BlobCopies | undefined): number {
  if (copies?.state === 'nowhere') return EXIT.broken;
  return copies?.state === 'unheard' ? EXIT.unavailable : 0;
}

/** @throws FatalError when nobody can say whether there is one, or what is there is none */
export async function fileAt(
  files: FilesClient,
  { key, name }: NamedKey,
): Promise<ListedFile | undefined> {
  const outcome = await files.get(key);
  switch (outcome.kind) {
    case 'absent':
      return undefined;
    case 'failed':
      throw new FatalError(EXIT.unavailable, `${fileText(name)}: ${outcome.detail}`);
    case 'value': {
      const read = readFileRecord(outcome.record);
      if (read.kind === 'file') return read;
      const why = read.kind === 'damaged' ? read.why : 'it is of something else';
      throw new FatalError(EXIT.failure, `${fileText(name)}: its record is damaged: ${why}`);
    }
  }
}

function linesOf({ name, manifest }: ListedFile, wanted: number): readonly string[] {
  const { size, sha512, md5, modifiedMs, contentType, replicationClass, attributes } = manifest;
  const rows: readonly (readonly [string, string])[] = [
    ['path', fileText(name)],
    ['size', size.toString()],
    ['type', contentType ?? '-'],
    ['modified', new Date(modifiedMs).toISOString()],
    ['class', `${replicationClass}, copies: ${wanted}`],
    ['sha-512', sha512],
    ['md5', md5],
    ['blob', placeText(manifest)],
    ...Object.entries(attributes ?? {}).map(([key, value]) => [`@${key}`, value] as const),
  ];
  return tableOf([{ title: '' }, { title: '' }], rows)
    .slice(1)
    .map(onOneLine);
}

function placeText(manifest: FileManifest): string {
  switch (manifest.kind) {
    case 'inline':
      return 'in the record';
    case 'directory':
      return 'none: a directory';
    case 'blob':
      return manifest.blob;
  }
}

function linesOfCopies(copies: BlobCopies | undefined): readonly string[] {
  if (copies === undefined) return [];
  const { belongs, holders, silent } = copies;
  const all = [...new Set([...belongs, ...holders, ...silent].map(({ id }) => id))];
  const known = new Map([...belongs, ...holders, ...silent].map((server) => [server.id, server]));
  const isIn = (servers: readonly PlacedServer[], id: string) =>
    servers.some((each) => each.id === id);
  const rows = all.map((id) => {
    const { address = '-', host = '-' } = known.get(id)?.entry ?? {};
    const has = isIn(holders, id) ? 'yes' : isIn(silent, id) ? 'silent' : 'no';
    return [id, address, host, isIn(belongs, id) ? 'yes' : 'no', has];
  });
  return ['', ...tableOf(SERVER_COLUMNS, rows), missingText(copies)];
}

/** @returns in words how it is with the copies */
export function missingText({ state, lacking, silent, belongs }: BlobCopies): string {
  const named = (servers: readonly PlacedServer[]) => servers.map(({ id }) => id).join(', ');
  switch (state) {
    case 'complete':
      return `all ${belongs.length} copies are where they belong`;
    case 'lacking': {
      const parts = [
        ...(lacking.length > 0 ? [`no copy at ${named(lacking)}`] : []),
        ...(silent.length > 0 ? [`no answer of ${named(silent)}`] : []),
      ];
      return parts.join('; ');
    }
    case 'unheard':
      return `nobody who answers has it; no answer of ${named(silent)}`;
    case 'nowhere':
      return 'no file server has it';
  }
}

export function jsonOfCopies({ state, belongs, holders, lacking, silent }: BlobCopies) {
  const ids = (servers: readonly PlacedServer[]) => servers.map(({ id }) => id);
  return {
    state,
    belongs: ids(belongs),
    holders: ids(holders),
    lacking: ids(lacking),
    silent: ids(silent),
  };
}
