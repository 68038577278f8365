// `velour files check`: whether each file has its copies. Those that lack some are looked at by their holders, who do so by
// themselves as well, but later; what cannot be found anywhere is said.

import { EXIT } from '../../cluster/http/errors.ts';
import { recordValue } from '../../cluster/model/record.ts';
import { textOfBytes } from '../../cluster/wire/key-text.ts';
import type { BlobId } from '../../files/blob-id.ts';
import type { BlobCopies } from '../../files/copies.ts';
import { fileKeyOf, keyPrefixOf } from '../../files/file-name.ts';
import { ASKED_BLOBS_MAX } from '../../files/have.ts';
import { decodeManifest } from '../../files/manifest.ts';
import { leave, showProgress } from '../client-process.ts';
import { counted } from '../cluster/node-texts.ts';
import { printableJson } from '../keys/key-text.ts';
import type { Command } from '../options.ts';
import { onOneLine, printData, say } from '../printing.ts';
import { FILES_OPTIONS, type FilesClient, openFiles } from './files-client.ts';
import { fileText, type ListedFile, readFileRecord } from './listed-file.ts';
import { fileIn, SPACE_OPTION } from './naming.ts';
import { fileAt, jsonOfCopies, missingText } from './stat.ts';

/** A file whose bytes are a blob. */
interface BlobFile extends ListedFile {
  readonly blob: BlobId;
  readonly copies: number;
}

/** What was found so far. */
export interface CheckCounts {
  files: number;
  /** Those whose bytes are in their records, which storage nodes look after. */
  inline: number;
  complete: number;
  lacking: number;
  /** Nobody has them. */
  nowhere: number;
  /** Nobody who answers has them, and some do not answer. */
  unheard: number;
  damaged: number;
}

export const filesCheckCommand: Command = {
  usage: 'files check [path]',
  describe:
    'Say which files lack copies, and which cannot be found anywhere, and ask those that have them to look',
  options: { ...FILES_OPTIONS, ...SPACE_OPTION },
  positionals: { path: { describe: 'One file; by default all files of all spaces' } },
  examples: [['velour files check', 'all files']],
  async run(words) {
    const path = words.optionalText('path');
    const named = path === undefined ? undefined : fileIn(words, path);
    const files = await openFiles(words);
    const check = new FilesCheck(files, words.flag('json'));
    if (named === undefined) await check.all();
    else {
      const file = await fileAt(files, named);
      if (file === undefined) {
        return leave(
          words,
          { ...check.counts, found: false },
          `there is no ${fileText(named.name)}`,
          EXIT.broken,
        );
      }
      await check.some([file]);
    }
    await leave(words, check.counts, checkText(check.counts), exitOf(check.counts));
  },
};

function exitOf({ nowhere, damaged, unheard }: CheckCounts): number {
  if (nowhere + damaged > 0) return EXIT.broken;
  return unheard > 0 ? EXIT.unavailable : 0;
}

export function checkText(counts: CheckCounts): string {
  const { files, inline, complete, lacking, nowhere, unheard, damaged } = counts;
  const lines: readonly (readonly [number, string])[] = [
    [inline, 'in their records'],
    [complete, 'with all copies where they belong'],
    [lacking, 'without all of their copies: those that have them were asked to look'],
    [unheard, 'that nobody has who answers: say it again when all file servers are up'],
    [nowhere, 'that cannot be found anywhere'],
    [damaged, 'whose records are damaged'],
  ];
  const parts = lines.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return [counted(files, 'file'), ...parts].join('\n');
}

class FilesCheck {
  readonly #files: FilesClient;
  readonly #isJson: boolean;
  readonly counts: CheckCounts = {
    files: 0,
    inline: 0,
    complete: 0,
    lacking: 0,
    nowhere: 0,
    unheard: 0,
    damaged: 0,
  };

  constructor(files: FilesClient, isJson: boolean) {
    this.#files = files;
    this.#isJson = isJson;
  }

  async all(): Promise<void> {
    const endProgress = showProgress(() => `${counted(this.counts.files, 'file')} looked at`);
    try {
      for await (const records of this.#files.records(keyPrefixOf(undefined))) {
        const listed: ListedFile[] = [];
        for (const record of records) {
          const read = readFileRecord(record);
          if (read.kind === 'file') listed.push(read);
          if (read.kind !== 'damaged') continue;
          this.counts.files++;
          this.counts.damaged++;
          say(`velour: ${fileText(read.name)}: its record is damaged: ${read.why}\n`);
        }
        for (let at = 0; at < listed.length; at += ASKED_BLOBS_MAX) {
          await this.some(listed.slice(at, at + ASKED_BLOBS_MAX));
        }
      }
    } finally {
      endProgress();
    }
  }

  /** @param listed at most ASKED_BLOBS_MAX */
  async some(listed: readonly ListedFile[]): Promise<void> {
    const blobs: BlobFile[] = [];
    for (const file of listed) {
      this.counts.files++;
      const { manifest } = file;
      if (manifest.kind !== 'blob') {
        this.counts.inline++;
        continue;
      }
      const copies = await this.#files.copiesIn(manifest.replicationClass);
      blobs.push({ ...file, blob: manifest.blob, copies });
    }
    if (blobs.length === 0) return;
    const found = await this.#files.copiesOf(blobs);
    for (const file of blobs) {
      const copies = found.get(file.blob);
      if (copies !== undefined) await this.#judge(file, copies);
    }
  }

  async #judge(file: BlobFile, copies: BlobCopies): Promise<void> {
    const { counts } = this;
    switch (copies.state) {
      case 'complete':
        counts.complete++;
        return;
      case 'lacking':
        counts.lacking++;
        await this.#tell(file, copies, missingText(copies));
        for (const holder of copies.holders) await this.#files.lookAt(holder, file.blob);
        return;
      case 'unheard':
      case 'nowhere':
        return this.#judgeMissing(file, copies);
    }
  }

  /** It may have been overwritten or deleted since it was listed, and it may be in the trash of somebody. */
  async #judgeMissing(file: BlobFile, copies: BlobCopies): Promise<void> {
    const { counts } = this;
    if (!(await this.#isStillNamed(file))) {
      counts.files--;
      return;
    }
    const servers = this.#files.servers.filter(
      ({ id }) => !copies.silent.some((one) => one.id === id),
    );
    for (const server of servers) {
      if (!(await this.#files.isServedBy(server, file.blob))) continue;
      counts.lacking++;
      await this.#files.lookAt(server, file.blob);
      return this.#tell(file, copies, `in the trash of ${server.id}, which was asked to look`);
    }
    if (copies.state === 'nowhere') counts.nowhere++;
    else counts.unheard++;
    return this.#tell(file, copies, missingText(copies));
  }

  async #isStillNamed({ name, blob }: BlobFile): Promise<boolean> {
    const key = fileKeyOf(name);
    const outcome = key && (await this.#files.get(key));
    if (outcome?.kind !== 'value') return outcome?.kind !== 'absent';
    const now = decodeManifest(recordValue(outcome.record));
    return now.kind === 'blob' && now.blob === blob;
  }

  async #tell({ name, blob }: BlobFile, copies: BlobCopies, what: string): Promise<void> {
    const told = { space: name.space, path: textOfBytes(name.path), blob, ...jsonOfCopies(copies) };
    await printData(
      this.#isJson
        ? `${printableJson(JSON.stringify(told))}\n`
        : `${onOneLine(`${fileText(name)}: ${what}`)}\n`,
    );
  }
}
