// A file layer in memory, for the tests of gateways: it keeps what it is given, and ends as a test says that the real one
// would (src/files/cluster-files.ts).

import { hash } from 'node:crypto';
import type { BytePart } from '../../src/cluster/http/byte-stream.ts';
import { etagOf } from '../../src/cluster/model/condition.ts';
import { encodeRecord } from '../../src/cluster/model/record.ts';
import type { Version } from '../../src/cluster/model/version.ts';
import { DEFAULT_CLASS, type FileKey } from '../../src/files/file-key.ts';
import { encodeManifest, type FileManifest } from '../../src/files/manifest.ts';
import type {
  ByteRange,
  DeleteFileOutcome,
  FileLayer,
  FileVersion,
  FindFileOutcome,
  OpenFileOutcome,
  PutFile,
  PutFileOutcome,
} from '../../src/files/outcomes.ts';
import { Pieces } from './pieces.ts';

const PIECE_BYTES = 1000;

export class MemoryFileLayer implements FileLayer {
  hasFileServers = true;
  modifiedMs = Date.UTC(2024, 1, 29, 12, 0, 0, 123);
  /** How the next operations end; undefined for as they should. */
  puts: PutFileOutcome | undefined;
  finds: FindFileOutcome | undefined;
  deletes: DeleteFileOutcome | undefined;
  opens: ((range: ByteRange | undefined) => OpenFileOutcome | undefined) | undefined;
  /** What was asked for, in this order. */
  readonly requests: PutFile[] = [];
  readonly opened: { readonly range: ByteRange | undefined; readonly body: Pieces }[] = [];
  readonly #files = new Map<string, FileVersion>();
  #version = 0x0196c6f1f2c40000n;

  get names(): readonly string[] {
    return [...this.#files.keys()].map((key) => Buffer.from(key, 'latin1').toString());
  }

  put(request: PutFile, callback: (outcome: PutFileOutcome) => void): void {
    this.requests.push(request);
    const { body, bytesMax, key, condition } = request;
    const refuse = (outcome: PutFileOutcome) => {
      body.discard();
      callback(outcome);
    };
    if ((body.length ?? 0) > bytesMax) return refuse({ kind: 'broken', why: 'too-large' });
    const present = typeof key === 'function' ? undefined : this.#files.get(nameOf(key));
    if (condition.ifNoneMatch === 'any' && present !== undefined) {
      return refuse({ kind: 'unmet', file: present });
    }
    const { ifMatch } = condition;
    const etag = present && etagOf(present.record);
    const isMatch =
      ifMatch === undefined ||
      (etag !== undefined &&
        (ifMatch === 'any' || ifMatch.some((tag) => tag.version === etag.version)));
    if (!isMatch) return refuse({ kind: 'unmet', file: present });
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
          const { sha512 } = request.expected;
          if (sha512 !== undefined && sha512 !== sumsOf(content).sha512) {
            return callback({ kind: 'mismatch', detail: 'other bytes' });
          }
          const own = typeof key === 'function' ? key(sumsOf(content)) : key;
          const created = !this.#files.has(nameOf(own));
          return callback({ kind: 'stored', file: this.keep(own, content, request), created });
        }
      }
    };
    return body.read(take);
  }

  keep(
    key: FileKey,
    content: Buffer,
    { contentType, attributes }: Partial<PutFile> = {},
  ): FileVersion {
    const manifest: FileManifest = {
      kind: 'inline',
      content,
      ...sumsOf(content),
      modifiedMs: this.modifiedMs,
      contentType,
      attributes,
      replicationClass: DEFAULT_CLASS,
    };
    const version = this.#version++ as Version;
    const record = encodeRecord({ key, version, value: encodeManifest(manifest) });
    const file = { manifest, record };
    this.#files.set(nameOf(key), file);
    return file;
  }

  find(key: FileKey, callback: (outcome: FindFileOutcome) => void): void {
    if (this.finds !== undefined) return callback(this.finds);
    const file = this.#files.get(nameOf(key));
    return callback(file === undefined ? { kind: 'absent' } : { kind: 'found', file });
  }

  open(
    { manifest }: FileVersion,
    range: ByteRange | undefined,
    callback: (outcome: OpenFileOutcome) => void,
  ): void {
    const outcome = this.opens?.(range);
    if (outcome !== undefined) return callback(outcome);
    if (manifest.kind !== 'inline') throw new Error('everything is in memory');
    const content = manifest.content.subarray(range?.first ?? 0, (range?.last ?? Infinity) + 1);
    const count = Math.ceil(content.length / PIECE_BYTES);
    const pieces = Array.from({ length: count }, (_, at) =>
      content.subarray(at * PIECE_BYTES, (at + 1) * PIECE_BYTES),
    );
    const body = new Pieces(pieces, { length: content.length });
    this.opened.push({ range, body });
    return callback({ kind: 'open', body });
  }

  delete(key: FileKey, _condition: unknown, callback: (outcome: DeleteFileOutcome) => void): void {
    if (this.deletes !== undefined) return callback(this.deletes);
    const existed = this.#files.delete(nameOf(key));
    return callback({ kind: 'deleted', existed });
  }
}

function sumsOf(content: Buffer) {
  return { size: content.length, sha512: hash('sha512', content), md5: hash('md5', content) };
}

function nameOf(key: FileKey): string {
  return key.toString('latin1');
}
