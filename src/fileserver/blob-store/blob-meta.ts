// What there is to know of a blob, in the file beside it: its length and checksums, the key of the record that owns it,
// and that record's manifest, so that the records could be set anew from the files. Also the message that commits an
// upload, and the one that gives a blob a second name.

import { type MapVersion, mapVersion } from '../../cluster/model/cluster-map.ts';
import { type ClusterId, clusterId } from '../../cluster/model/identity.ts';
import { decodeCheckedJson, encodeCheckedJson } from '../../cluster/wire/checked-json.ts';
import {
  integer,
  Misshapen,
  object,
  optional,
  type Shape,
  type ShapeOf,
} from '../../cluster/wire/shapes.ts';
import { type BlobId, parseBlobId } from '../../files/blob-id.ts';
import { blockCount } from '../../files/block-checksums.ts';
import { FILE_BYTES_MAX } from '../../files/manifest.ts';

const FORMAT = 1;
const CHECKSUM_BYTES = 4;
/** A key of a record, and a manifest without the bytes of its file; both with room for what may come. */
const OWNER_BYTES_MAX = 4096;
const MANIFEST_BYTES_MAX = 256 * 1024;
/** The longest file beside a blob: its checksums in base64, and the rest. */
export const META_BYTES_MAX = 8 * 1024 * 1024;
/** The longest message that commits an upload. */
export const COMMIT_BYTES_MAX = META_BYTES_MAX;

/** The owner of a blob, and what its record says of it. */
export interface BlobOwner {
  /** The stored key of the record that names the blob: while there is none, nobody needs it. */
  readonly owner: Buffer;
  readonly manifest: Buffer;
}

export interface BlobContent {
  readonly size: number;
  /** Of each block (files/block-checksums.ts). */
  readonly crc: Buffer;
  /** In hexadecimal. */
  readonly sha512: string;
}

export type BlobCommit = BlobContent & BlobOwner;

export interface BlobMeta extends BlobCommit {
  readonly id: BlobId;
  /** The cluster in which the blob was committed: in another one its absent owner would prove nothing. */
  readonly cluster: ClusterId;
  /** By the wall clock of the file server, in ms since 1970. */
  readonly committedAt: number;
  /** How long that file server had been up by then, in ms, over its restarts (replicator/uptime.ts). */
  readonly uptimeMs: number;
  /** The map that the file server had then: losses that were accepted later may have taken the owner with them. */
  readonly map: MapVersion | undefined;
}

const sha512: Shape<string> = (value) => {
  if (typeof value === 'string' && /^[0-9a-f]{128}$/.test(value)) return value;
  throw new Misshapen('is not 128 hexadecimal digits');
};

function base64({ max }: { readonly max: number }): Shape<Buffer> {
  return (value) => {
    if (typeof value === 'string' && value.length <= Math.ceil(max / 3) * 4) {
      const bytes = Buffer.from(value, 'base64');
      // Node takes any text: only what it would write itself is base64.
      if (bytes.toString('base64') === value) return bytes;
    }
    throw new Misshapen(`is not base64 of at most ${max} bytes`);
  };
}

const blobOwner = {
  owner: base64({ max: OWNER_BYTES_MAX }),
  manifest: base64({ max: MANIFEST_BYTES_MAX }),
};

const commitFields = {
  ...blobOwner,
  size: integer({ min: 0, max: FILE_BYTES_MAX }),
  crc: base64({ max: CHECKSUM_BYTES * blockCount(FILE_BYTES_MAX) }),
  sha512,
};

export const blobId: Shape<BlobId> = (value) => {
  const id = typeof value === 'string' ? parseBlobId(value) : undefined;
  if (id === undefined) throw new Misshapen('is no blob id, 32 hexadecimal digits in lower case');
  return id;
};

const anyCommit = object(commitFields);

export const blobCommit: Shape<BlobCommit> = (value) => withAllChecksums(anyCommit(value));

export const linkRequest = object({ ...blobOwner, from: blobId });
export type LinkRequest = ShapeOf<typeof linkRequest>;

const anyMeta = object({
  ...commitFields,
  id: blobId,
  cluster: clusterId,
  committedAt: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  uptimeMs: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  map: optional(mapVersion),
});

/** Also as another file server tells it at `/blobs/ID/meta`. */
export const blobMeta: Shape<BlobMeta> = (value) => withAllChecksums(anyMeta(value));

function withAllChecksums<T extends BlobContent>(content: T): T {
  if (content.crc.length === CHECKSUM_BYTES * blockCount(content.size)) return content;
  throw new Misshapen('has not one checksum for each block', 'crc');
}

/** The meta as JSON has it. */
export function metaFields(meta: BlobMeta): object {
  const { crc, owner, manifest, ...others } = meta;
  return {
    ...others,
    crc: crc.toString('base64'),
    owner: owner.toString('base64'),
    manifest: manifest.toString('base64'),
  };
}

const file = object({ blob: blobMeta });

export function encodeMeta(meta: BlobMeta): Buffer {
  return encodeCheckedJson(FORMAT, { blob: metaFields(meta) });
}

/** @returns the meta of this blob; a text that says why the bytes are not that */
export function decodeMeta(id: BlobId, bytes: Buffer): BlobMeta | string {
  const decoded = decodeCheckedJson(FORMAT, file, bytes);
  if (typeof decoded === 'string') return decoded;
  return decoded.blob.id === id ? decoded.blob : `it is of blob ${decoded.blob.id}`;
}

export function isSameContent(a: BlobContent, b: BlobContent): boolean {
  return a.size === b.size && a.sha512 === b.sha512 && a.crc.equals(b.crc);
}

export function isSameCommit(a: BlobCommit, b: BlobCommit): boolean {
  return isSameContent(a, b) && a.owner.equals(b.owner) && a.manifest.equals(b.manifest);
}
