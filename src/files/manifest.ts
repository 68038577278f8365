// The manifest of a file: what there is to know of it, in one ordinary record (FILES.md, 1). Small files are in it as a
// whole; of others it names the blob that file servers have. A directory has one as well, and no content.
//
//   form (1), length of the fields (4), the fields as JSON, the bytes of a small file

import { assert } from '../cluster/assert.ts';
import {
  branded,
  dictionary,
  flag,
  integer,
  Malformed,
  Misshapen,
  object,
  optional,
  type Shape,
  type ShapeOf,
  text,
} from '../cluster/wire/shapes.ts';
import { type BlobId, parseBlobId } from './blob-id.ts';
import type { ReplicationClass } from './file-key.ts';

/** Files of up to so many bytes are kept in their records, and have no blob. */
export const INLINE_BYTES_MAX = 64 * 1024;
/** 256 GiB: of more the check sums of all blocks would not fit into one message. */
export const FILE_BYTES_MAX = 256 * 1024 ** 3;

const FORM = 1;
const HEAD_BYTES = 5;
/** What the fields take as JSON: the longest attributes, and the other fields with each character escaped. */
const FIELDS_BYTES_MAX = 64 * 1024;
/** The attributes of one file together, as JSON. */
export const FILE_ATTRIBUTES_BYTES_MAX = 48 * 1024;
export const FILE_ATTRIBUTES_MAX = 1024;
/** Dates in HTTP have years of four digits. */
export const MODIFIED_MS_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Texts that services keep beside the content, by names of theirs. */
export type FileAttributes = Readonly<Record<string, string>>;

export interface FileFields {
  /** In bytes. A directory has none, and the digests of that. */
  readonly size: number;
  /** In hexadecimal, as the others. */
  readonly sha512: string;
  readonly md5: string;
  /** When the content was last changed, in ms since 1970. */
  readonly modifiedMs: number;
  readonly contentType?: string | undefined;
  readonly replicationClass: ReplicationClass;
  readonly attributes?: FileAttributes | undefined;
}

export type FileManifest = FileFields &
  (
    | { readonly kind: 'inline'; readonly content: Buffer }
    | { readonly kind: 'blob'; readonly blob: BlobId }
    | { readonly kind: 'directory' }
  );

export const hexadecimal =
  (digits: number): Shape<string> =>
  (value) => {
    if (typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value)) {
      return value;
    }
    throw new Misshapen(`is not ${digits} hexadecimal digits`);
  };

const blobId: Shape<BlobId> = (value) => {
  const id = typeof value === 'string' ? parseBlobId(value) : undefined;
  if (id === undefined) throw new Misshapen('is no blob id');
  return id;
};

const someAttributes = dictionary(text({ min: 0, max: FILE_ATTRIBUTES_BYTES_MAX }), {
  max: FILE_ATTRIBUTES_MAX,
});

const attributes: Shape<FileAttributes> = (value) => {
  const some = someAttributes(value);
  if (Buffer.byteLength(JSON.stringify(some)) <= FILE_ATTRIBUTES_BYTES_MAX) return some;
  throw new Misshapen(`takes more than ${FILE_ATTRIBUTES_BYTES_MAX} bytes as JSON`);
};

/** What a client or a gateway says of a file. */
const told = {
  modifiedMs: integer({ min: 0, max: MODIFIED_MS_MAX }),
  contentType: optional(text({ max: 1024 })),
  replicationClass: branded<ReplicationClass>(text({ max: 255 })),
  attributes: optional(attributes),
};
const toldShape = object({ ...told, modifiedMs: optional(told.modifiedMs) });
type ToldFields = ShapeOf<typeof toldShape>;

const shape = object({
  size: integer({ min: 0, max: FILE_BYTES_MAX }),
  sha512: hexadecimal(128),
  md5: hexadecimal(32),
  ...told,
  blob: optional(blobId),
  directory: optional(flag),
});

/** @returns what is wrong with what is told of a file: no manifest could keep it; undefined for what is right */
export function faultOfFields(fields: Partial<ToldFields>): string | undefined {
  try {
    toldShape(fields);
    return undefined;
  } catch (error) {
    if (error instanceof Misshapen) return error.message;
    throw error;
  }
}

export function encodeManifest(manifest: FileManifest): Buffer {
  const { kind, ...rest } = manifest;
  const { content = EMPTY, ...fields } = { content: undefined, ...rest };
  const directory = kind === 'directory' ? true : undefined;
  const json = Buffer.from(JSON.stringify({ ...fields, directory }));
  assert(json.length <= FIELDS_BYTES_MAX, 'what is encoded of a manifest can be decoded');
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = FORM;
  head.writeUInt32BE(json.length, 1);
  return Buffer.concat(kind === 'inline' ? [head, json, content] : [head, json]);
}

const EMPTY = Buffer.alloc(0);

/** @throws Malformed for bytes that `encodeManifest` never makes; a content is a view on `bytes` */
export function decodeManifest(bytes: Buffer): FileManifest {
  if (bytes.length < HEAD_BYTES || bytes[0] !== FORM) throw new Malformed('no manifest of a file');
  const end = HEAD_BYTES + bytes.readUInt32BE(1);
  if (end > bytes.length || end > HEAD_BYTES + FIELDS_BYTES_MAX) throw new Malformed('cut off');
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8', HEAD_BYTES, end));
  } catch {
    throw new Malformed('its fields are no JSON');
  }
  const { blob, directory, ...fields } = shape(json);
  const content = bytes.subarray(end);
  if (directory === true) {
    if (blob !== undefined || fields.size > 0 || content.length > 0) {
      throw new Malformed('is a directory and has a content');
    }
    return { ...fields, kind: 'directory' };
  }
  if (blob !== undefined) {
    if (content.length > 0) throw new Malformed('names a blob and has bytes');
    if (fields.size === 0) throw new Malformed('names a blob of no bytes');
    return { ...fields, kind: 'blob', blob };
  }
  if (content.length !== fields.size) throw new Malformed('has not as many bytes as it says');
  return { ...fields, kind: 'inline', content };
}
