// A file layer in memory, for the tests of gateways: it keeps what it is given, and ends as a test says that the real one
// would (src/files/cluster-files.ts).

import { hash } from 'node:crypto';
import type { BytePart } from '../../src/cluster/http/byte-stream.ts';
import { type Condition, type ETag, etagOf } from '../../src/cluster/model/condition.ts';
import type { StoreId } from '../../src/cluster/model/identity.ts';
import { encodeRecord, recordHead } from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import type { BlobId } from '../../src/files/blob-id.ts';
import { DEFAULT_CLASS, entriesPrefix, type FileKey } from '../../src/files/file-key.ts';
import { CONFIRMATIONS_MAX } from '../../src/files/file-record.ts';
import { encodeManifest, type FileManifest } from '../../src/files/manifest.ts';
import type {
  AmendFile,
  ByteRange,
  ConfirmedSet,
  ContentName,
  CopyFile,
  DeleteFileOutcome,
  FileCondition,
  FileLayer,
  FileLocation,
  FilePlacesOutcome,
  FileServerView,
  FileVersion,
  FindFileOutcome,
  ListDirectory,
  ListDirectoryOutcome,
  MakeDirectory,
  OpenFileOutcome,
  PutFile,
  PutFileOutcome,
  RestoreFile,
  SetFileOutcome,
} from '../../src/files/outcomes.ts';
import { MemoryTickets } from './memory-tickets.ts';
import { Pieces } from './pieces.ts';

const PIECE_BYTES = 1000;
const EMPTY = Buffer.alloc(0);

export class MemoryFileLayer implements FileLayer {
  hasFileServers = true;
  modifiedMs = Date.UTC(2024, 1, 29, 12, 0, 0, 123);
  /** How the next operations end; undefined for as they should. */
  puts: PutFileOutcome | undefined;
  finds: FindFileOutcome | undefined;
  /** What one member tells of any file until all of them are asked; undefined where they agree. */
  unsettled: FindFileOutcome | undefined;
  /** What comes of asking all members; undefined for what is there. */
  settles: FindFileOutcome | undefined;
  deletes: DeleteFileOutcome | undefined;
  opens: ((range: ByteRange | undefined) => OpenFileOutcome | undefined) | undefined;
  /** What was asked for, in this order. */
  readonly requests: PutFile[] = [];
  readonly opened: { readonly range: ByteRange | undefined; readonly body: Pieces }[] = [];
  /** Where all blobs are, and where uploads go. */
  locations: readonly FileLocation[] = [];
  readonly tickets = new MemoryTickets();
  readonly #files = new Map<string, FileVersion>();
  /** The bytes of files that are not in their records. */
  readonly #blobs = new Map<BlobId, Buffer>();
  #version = 0x0196c6f1f2c40000n;

  get names(): readonly string[] {
    return [...this.#files.keys()].map((key) => Buffer.from(key, 'latin1').toString());
  }

  put(request: PutFile, callback: (outcome: PutFileOutcome) => void): void {
    this.requests.push(request);
    const { body, bytesMax, key, condition } = request;
    const conditionOn = (content: ContentName) =>
      typeof condition === 'function' ? condition(content) : condition;
    const refuse = (outcome: PutFileOutcome) => {
      body.discard();
      callback(outcome);
    };
    if ((body.length ?? 0) > bytesMax) return refuse({ kind: 'broken', why: 'too-large' });
    const present = typeof key === 'function' ? undefined : this.#files.get(nameOf(key));
    const isJudgedLater = request.confirm !== undefined;
    if (!isJudgedLater && typeof condition !== 'function' && !holds(condition, present)) {
      return refuse({ kind: 'unmet', file: present });
    }
    if (this.puts !== undefined) return refuse(this.puts);
    const pieces: Buffer[] = [];
    let bytes = 0;
    const take = (part: BytePart): void => {
      switch (part.kind) {
        case 'bytes':
          bytes += part.bytes.length;
          if (bytes > bytesMax) return refuse({ kind: 'broken', why: 'too-large' });
          pieces.push(part.bytes);
          return body.read(take);
        case 'broken':
          return callback(part);
        case 'end': {
          const content = Buffer.concat(pieces);
          const { md5, sha512 } = request.expected;
          const sums = digestsOf(content);
          if ((md5 ?? sums.md5) !== sums.md5 || (sha512 ?? sums.sha512) !== sums.sha512) {
            return callback({ kind: 'mismatch', detail: 'other bytes' });
          }
          const own = typeof key === 'function' ? key(sums) : key;
          const told = this.#manifestOf(content, request);
          const store = (
            { condition: is, ...set }: ConfirmedSet,
            stored: (outcome: SetFileOutcome) => void,
          ) => this.#setIf(own, { ...told, ...set }, is, stored);
          const confirm = (attempts = CONFIRMATIONS_MAX): void =>
            request.confirm?.((set) => {
              if (set === undefined) return callback({ kind: 'unmet', file: undefined });
              return store(set, (outcome) => {
                const isOver = outcome.kind !== 'unmet' || attempts === 1;
                return isOver ? callback(outcome) : confirm(attempts - 1);
              });
            }, told);
          const { attributes } = request;
          return isJudgedLater
            ? confirm()
            : store({ condition: conditionOn(sums), attributes }, callback);
        }
      }
    };
    return body.read(take);
  }

  keep(key: FileKey, content: Buffer, told: Partial<PutFile> = {}): FileVersion {
    return this.#set(key, this.#manifestOf(content, told));
  }

  #manifestOf(content: Buffer, told: Partial<PutFile>): FileManifest {
    const { contentType, attributes, modifiedMs = this.modifiedMs } = told;
    const { replicationClass = DEFAULT_CLASS, inlineMax = Number.POSITIVE_INFINITY } = told;
    const fields = {
      ...digestsOf(content),
      modifiedMs,
      contentType,
      attributes,
      replicationClass,
    };
    if (content.length <= inlineMax) return { ...fields, kind: 'inline', content };
    const blob = (this.#blobs.size + 1).toString(16).padStart(32, '0') as BlobId;
    this.#blobs.set(blob, content);
    return { ...fields, kind: 'blob', blob };
  }

  locate(): readonly FileLocation[] {
    return this.locations;
  }

  places({ manifest }: FileVersion, callback: (outcome: FilePlacesOutcome) => void): void {
    if (manifest.kind !== 'blob') return callback({ kind: 'no-blob' });
    const holders = this.locations.map(({ id, publicAddress: address }) => ({
      id,
      entry: { address, store: '' as StoreId, host: 'h', weight: 1, state: 'in' as const },
    }));
    const found = {
      state: 'complete',
      holders,
      belongs: holders,
      lacking: [],
      silent: [],
    } as const;
    return callback({ kind: 'places', copies: holders.length, found });
  }

  get fileServers(): readonly FileServerView[] {
    return this.locations.map(({ id, publicAddress }) => ({
      id,
      publicAddress,
      address: publicAddress,
      host: 'h',
      state: 'in' as const,
      isUp: true,
      told: undefined,
    }));
  }

  targetFor(): FileLocation | undefined {
    return this.locations[0];
  }

  makeDirectory(
    { key, attributes, condition }: MakeDirectory,
    callback: (outcome: SetFileOutcome) => void,
  ): void {
    const { modifiedMs } = this;
    const fields = { ...digestsOf(Buffer.alloc(0)), modifiedMs, replicationClass: DEFAULT_CLASS };
    this.#setIf(key, { ...fields, kind: 'directory', attributes }, condition, callback);
  }

  amend(
    { key, file: { manifest, record }, change, lookAgain }: AmendFile,
    callback: (outcome: SetFileOutcome) => void,
  ): void {
    const condition = { ifMatch: [etagOf(record)], lookAgain };
    this.#setIf(key, { ...manifest, ...change }, condition, callback);
  }

  copy(
    { from, to, attributes, condition, ...told }: CopyFile,
    callback: (outcome: SetFileOutcome) => void,
  ): void {
    this.#setIf(to, { ...from.manifest, attributes, ...told }, condition, callback);
  }

  list(
    { domain, directory, after, limit }: ListDirectory,
    callback: (outcome: ListDirectoryOutcome) => void,
  ): void {
    const prefix = entriesPrefix(domain, directory)?.toString('latin1') ?? '';
    const from = after?.afterKey.toString('latin1') ?? '';
    const all = [...this.#files].filter(([key]) => key.startsWith(prefix) && key > from);
    const page = all.sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit);
    const entries = page.map(([key, { manifest, record }]) => ({
      name: Buffer.from(key.slice(prefix.length), 'latin1'),
      kind: manifest.kind,
      fields: manifest,
      head: recordHead(record),
    }));
    const last = page.at(-1)?.[0];
    const isOver = last === undefined || page.length === all.length;
    const next = isOver ? undefined : { bucket: 0, afterKey: Buffer.from(last, 'latin1') };
    callback({ kind: 'page', entries, next });
  }

  restore(
    { key, file, condition }: RestoreFile,
    callback: (outcome: SetFileOutcome) => void,
  ): void {
    this.#setIf(key, file.manifest, condition, callback);
  }

  #setIf(
    key: FileKey,
    manifest: FileManifest,
    condition: FileCondition,
    callback: (outcome: SetFileOutcome) => void,
  ): void {
    const present = this.#files.get(nameOf(key));
    if (!holds(condition, present)) return callback({ kind: 'unmet', file: present });
    const file = this.#set(key, manifest);
    return this.#keepIfClear(key, { present, file }, condition, (unkept) =>
      callback(unkept ?? { kind: 'stored', file, created: present === undefined }),
    );
  }

  /** @param callback called with how the change ends that is not to stay, or undefined for one that is */
  #keepIfClear(
    key: FileKey,
    change: Record<'present' | 'file', FileVersion | undefined>,
    { lookAgain = (callback) => callback('clear') }: FileCondition,
    callback: (unkept: Extract<SetFileOutcome, { kind: 'unmet' | 'unknown' }> | undefined) => void,
  ): void {
    const { present, file } = change;
    lookAgain((seen) => {
      if (seen === 'clear') return callback(undefined);
      const isStill = this.#files.get(nameOf(key)) === file;
      if (seen === 'unclear' || !isStill) return callback({ kind: 'unknown', version: undefined });
      if (present === undefined) this.#files.delete(nameOf(key));
      const restored = present && this.#set(key, present.manifest);
      return callback({ kind: 'unmet', file: restored, isUndone: true });
    });
  }

  #set(key: FileKey, manifest: FileManifest): FileVersion {
    const version = this.#version++ as Version;
    const record = encodeRecord({ key, version, value: encodeManifest(manifest) });
    const file = { manifest, record };
    this.#files.set(nameOf(key), file);
    return file;
  }

  find(key: FileKey, callback: (outcome: FindFileOutcome) => void): void {
    const scripted = this.finds ?? this.unsettled;
    if (scripted !== undefined) return callback(scripted);
    const file = this.#files.get(nameOf(key));
    return callback(file === undefined ? { kind: 'absent' } : { kind: 'found', file });
  }

  findSettled(key: FileKey, callback: (outcome: FindFileOutcome) => void): void {
    if (this.settles !== undefined) return callback(this.settles);
    this.unsettled = undefined;
    return this.find(key, callback);
  }

  open(
    { manifest }: FileVersion,
    range: ByteRange | undefined,
    callback: (outcome: OpenFileOutcome) => void,
  ): void {
    const outcome = this.opens?.(range);
    if (outcome !== undefined) return callback(outcome);
    if (manifest.kind === 'directory') throw new Error('a directory has no content');
    const whole = manifest.kind === 'inline' ? manifest.content : this.#blobs.get(manifest.blob);
    const content = (whole ?? EMPTY).subarray(range?.first ?? 0, (range?.last ?? Infinity) + 1);
    const count = Math.ceil(content.length / PIECE_BYTES);
    const pieces = Array.from({ length: count }, (_, at) =>
      content.subarray(at * PIECE_BYTES, (at + 1) * PIECE_BYTES),
    );
    const body = new Pieces(pieces, { length: content.length });
    this.opened.push({ range, body });
    return callback({ kind: 'open', body });
  }

  delete(
    key: FileKey,
    condition: FileCondition,
    callback: (outcome: DeleteFileOutcome) => void,
  ): void {
    if (this.deletes !== undefined) return callback(this.deletes);
    const present = this.#files.get(nameOf(key));
    if (!holds(condition, present)) return callback({ kind: 'unmet', file: present });
    const existed = this.#files.delete(nameOf(key));
    return this.#keepIfClear(key, { present, file: undefined }, condition, (unkept) =>
      callback(unkept ?? { kind: 'deleted', existed }),
    );
  }
}

/** As the cluster judges it (H39). */
function holds({ ifMatch, ifNoneMatch }: Condition, present: FileVersion | undefined): boolean {
  const isAmong = (tags: 'any' | readonly ETag[]) => {
    if (present === undefined) return false;
    const { version, hash } = etagOf(present.record);
    return tags === 'any' || tags.some((tag) => tag.version === version && tag.hash === hash);
  };
  if (ifMatch !== undefined && !isAmong(ifMatch)) return false;
  return ifNoneMatch === undefined || !isAmong(ifNoneMatch);
}

function digestsOf(content: Buffer) {
  const { length: size } = content;
  return { size, sha512: hash('sha512', content), md5: hash('md5', content) };
}

function nameOf(key: FileKey): string {
  return key.toString('latin1');
}
