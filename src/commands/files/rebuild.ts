// `velour files rebuild`: sets the records of files anew from the blobs that file servers have, after the records were lost (FILES.md,
// the row "the records are lost"). Only what may be lost is set, and only where there is no record; the file servers, which
// collect nothing of this before, are told when it is over.

import { createHash } from 'node:crypto';
import { filesOf } from '../../backup/blob-backup.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import type { MapVersion } from '../../cluster/model/cluster-map.ts';
import { type ClusterId, clusterId } from '../../cluster/model/identity.ts';
import { integer, Malformed, object, optional } from '../../cluster/wire/shapes.ts';
import type { ConditionalOutcome } from '../../coordinator/operations/conditional/decision.ts';
import { ConditionalWriter } from '../../coordinator/operations/conditional/round.ts';
import type { BlobId } from '../../files/blob-id.ts';
import { directoriesAround, fileKeyOf, fileNameOf } from '../../files/file-name.ts';
import type { FileLayer, SetFileOutcome } from '../../files/outcomes.ts';
import type { PlacedServer } from '../../files/placement.ts';
import { isForeign, mayOwnerBeLost, type Provenance, rebuilt } from '../../files/provenance.ts';
import { leave, showProgress } from '../client-process.ts';
import { counted } from '../cluster/node-texts.ts';
import { lookAtFileServer } from '../controller-calls.ts';
import type { Command } from '../options.ts';
import { onOneLine, printData, say } from '../printing.ts';
import { FILES_OPTIONS, type FilesClient, openFiles } from './files-client.ts';
import { fileText } from './listed-file.ts';
import { type BlobLines, blobLinesIn, NewestBlobs, type RebuiltRecord } from './owners.ts';

/** The owners are gone through in slices of about so many blobs: their manifests are held in memory. */
const SLICE_BLOBS = 250_000;
const PAGE_BLOBS = 1000;
const SETS_AT_ONCE = 32;
/** So many directories are kept in mind; those beyond are asked for again. */
const DIRECTORIES_MAX = 100_000;

const size = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const rebuiltStatus = object({ cluster: clusterId, rebuilt: optional(rebuilt), blobs: size });

/** A file server, and what its own blobs may be taken for. */
interface Source {
  readonly server: PlacedServer;
  readonly provenance: Provenance;
  readonly blobs: number;
  /** The clusters that blobs of it are of, and this one is not. */
  readonly foreign: Set<ClusterId>;
}

export interface RebuildCounts {
  /** Blobs that were looked at, copies among them. */
  blobs: number;
  /** Those of them whose records may be lost. */
  candidates: number;
  unusable: number;
  set: number;
  /** Files that have a record. */
  there: number;
  failed: number;
}

export const filesRebuildCommand: Command = {
  usage: 'files rebuild',
  describe:
    'Set the records of files anew from what file servers have, where records are lost; a record that is there stays',
  options: {
    ...FILES_OPTIONS,
    'dry-run': {
      type: 'boolean',
      default: false,
      describe: 'Only say which files would be set, one a line',
    },
  },
  positionals: {},
  examples: [['velour files rebuild --dry-run', 'before, and then without it']],
  async run(words) {
    const files = await openFiles(words);
    const sources = await sourcesOf(files);
    const isDry = words.flag('dry-run');
    const isJson = words.flag('json');
    const rebuild = new Rebuild(files, sources, async ({ owner }) => {
      const name = fileNameOf(owner);
      if (isDry && !isJson && name !== undefined) await printData(`${onOneLine(fileText(name))}\n`);
    });
    const endProgress = showProgress(
      () => `${counted(rebuild.counts.blobs, 'blob')} looked at, ${rebuild.counts.set} files set`,
    );
    const { map } = files;
    try {
      await rebuild.run(isDry);
    } finally {
      endProgress();
    }
    const { counts } = rebuild;
    // Losses that were accepted meanwhile are none that this rebuild has made good.
    if (!isDry && counts.failed === 0) await tell(files, sources, map.version);
    await leave(
      words,
      { ...counts, dryRun: isDry },
      rebuildText(counts, isDry),
      counts.failed > 0 ? EXIT.unavailable : 0,
    );
  },
};

export function rebuildText(counts: RebuildCounts, isDry: boolean): string {
  const { blobs, candidates, unusable, set, there, failed } = counts;
  const lines: readonly (readonly [number, string])[] = [
    [there, 'have a record, which stays'],
    [unusable, 'blobs without a manifest of theirs, left alone'],
    [failed, 'could not be set: say it again; until then nothing of it is collected'],
  ];
  const others = lines.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const files = counted(set, 'file');
  return [
    `${counted(blobs, 'blob')} looked at, of ${candidates} of which the records may be lost`,
    isDry ? `${files} would be set` : `${files} set`,
    ...others,
  ].join('\n');
}

/** @throws FatalError where one does not answer: what only it has would be missed, and could be collected afterwards */
async function sourcesOf({ servers, map }: FilesClient): Promise<readonly Source[]> {
  return Promise.all(
    servers.map(async (server) => {
      const reply = await lookAtFileServer(server.entry.address, '/status', rebuiltStatus);
      if (reply.kind !== 'message') {
        throw new FatalError(
          EXIT.unavailable,
          `${server.id}: ${reply.detail}; its blobs would be missed: start it, or take it off the map with velour remove`,
        );
      }
      const { blobs, ...provenance } = reply.message;
      if (provenance.cluster === map.cluster) {
        return { server, provenance, blobs, foreign: new Set<ClusterId>() };
      }
      throw new FatalError(EXIT.config, `${server.id} is of cluster ${provenance.cluster}`);
    }),
  );
}

async function tell(
  files: FilesClient,
  sources: readonly Source[],
  map: MapVersion,
): Promise<void> {
  for (const { server, foreign } of sources) {
    const message = { cluster: files.map.cluster, upTo: map, clusters: [...foreign] };
    const outcome = await files.post(server.entry.address, '/rebuilt', message);
    if (outcome.kind === 'answered' && outcome.status === 200) continue;
    say(
      `velour: ${server.id} could not be told that the records are there again, and collects nothing of it: say it again\n`,
    );
  }
}

class Rebuild {
  readonly #files: FilesClient;
  readonly #sources: readonly Source[];
  readonly #writer: ConditionalWriter;
  readonly #would: (record: RebuiltRecord) => Promise<void>;
  readonly #layer: Pick<FileLayer, 'makeDirectory'>;
  /** The directories that are known to be there, by their keys. */
  readonly #directories = new Set<string>();
  readonly counts: RebuildCounts = {
    blobs: 0,
    candidates: 0,
    unusable: 0,
    set: 0,
    there: 0,
    failed: 0,
  };

  /** @param would called with each record that is set, or would be */
  constructor(
    files: FilesClient,
    sources: readonly Source[],
    would: (record: RebuiltRecord) => Promise<void>,
  ) {
    this.#files = files;
    this.#sources = sources;
    this.#writer = new ConditionalWriter(files.client);
    this.#would = would;
    this.#layer = filesOf(files.client);
  }

  async run(isDry: boolean): Promise<void> {
    const all = this.#sources.reduce((sum, { blobs }) => sum + blobs, 0);
    const slices = Math.max(1, Math.ceil(all / SLICE_BLOBS));
    for (let slice = 0; slice < slices; slice++) {
      const newest = new NewestBlobs();
      for (const source of this.#sources) {
        await this.#gather(source, newest, (owner) => sliceOf(owner, slices) === slice);
      }
      this.counts.unusable += newest.unusable;
      await this.#setAll(newest.records, isDry);
    }
  }

  async #gather(
    { server, provenance, foreign }: Source,
    newest: NewestBlobs,
    isInSlice: (owner: Buffer) => boolean,
  ): Promise<void> {
    for (let after: BlobId | undefined; ; ) {
      const { blobs, cursor } = await this.#page(server, after);
      for (const blob of blobs) {
        if (!isInSlice(blob.owner)) continue;
        this.counts.blobs++;
        if (isForeign(blob, provenance)) foreign.add(blob.cluster);
        if (!mayOwnerBeLost(blob, provenance, this.#files.map)) continue;
        this.counts.candidates++;
        newest.note(blob);
      }
      if (cursor === undefined) return;
      after = cursor;
    }
  }

  /** @throws FatalError when the file server does not give it */
  async #page({ id, entry }: PlacedServer, after: BlobId | undefined): Promise<BlobLines> {
    const behind = after === undefined ? '' : `&after=${after}`;
    const answer = await this.#files.read(entry.address, `/blobs?limit=${PAGE_BLOBS}${behind}`);
    if (typeof answer === 'string') {
      throw new FatalError(EXIT.unavailable, `${id}: its blobs cannot be listed: ${answer}`);
    }
    try {
      return blobLinesIn(answer);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new FatalError(EXIT.failure, `${id}: its blobs cannot be listed: ${error.message}`);
    }
  }

  async #setAll(records: readonly RebuiltRecord[], isDry: boolean): Promise<void> {
    let next = 0;
    const worker = async () => {
      for (let record = records[next++]; record !== undefined; record = records[next++]) {
        await this.#set(record, isDry);
      }
    };
    await Promise.all(Array.from({ length: SETS_AT_ONCE }, worker));
  }

  async #set(record: RebuiltRecord, isDry: boolean): Promise<void> {
    const { counts } = this;
    const { owner, manifest } = record;
    const before = await this.#files.get(owner);
    if (before.kind !== 'absent') {
      counts[before.kind === 'value' ? 'there' : 'failed']++;
      return;
    }
    if (!isDry) {
      if (!(await this.#makeDirectories(owner))) {
        counts.failed++;
        return;
      }
      const change = { kind: 'put', value: manifest, attributes: [], expiresAtMs: 0 } as const;
      const request = { key: owner, condition: { ifNoneMatch: 'any' }, change } as const;
      const outcome = await new Promise<ConditionalOutcome>((resolve) =>
        this.#writer.write(request, resolve),
      );
      if (outcome.kind === 'unmet') counts.there++;
      else if (outcome.kind !== 'stored') counts.failed++;
      if (outcome.kind !== 'stored') return;
    }
    counts.set++;
    await this.#would(record);
  }

  /**
   * Makes the directories around a file that are not there: they have no blob from which they could be known, and no listing would
   * reach the file without them.
   * @returns whether all are there
   */
  async #makeDirectories(owner: Buffer): Promise<boolean> {
    const name = fileNameOf(owner);
    for (const directory of name === undefined ? [] : directoriesAround(name)) {
      const key = fileKeyOf(directory);
      const known = key?.toString('latin1');
      if (key === undefined || known === undefined || this.#directories.has(known)) continue;
      const request = { key, attributes: undefined, condition: { ifNoneMatch: 'any' } } as const;
      const { kind } = await new Promise<SetFileOutcome>((resolve) =>
        this.#layer.makeDirectory(request, resolve),
      );
      if (kind !== 'stored' && kind !== 'unmet') return false;
      if (this.#directories.size < DIRECTORIES_MAX) this.#directories.add(known);
    }
    return true;
  }
}

function sliceOf(owner: Buffer, slices: number): number {
  return slices === 1 ? 0 : createHash('sha256').update(owner).digest().readUInt32BE() % slices;
}
