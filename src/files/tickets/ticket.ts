// A ticket lets whoever has it read one blob, or store one file, at a file server: the file server asks nobody else for the
// permission (FILES.md, section 4, Dragonbelly). What a ticket says is here, and its bytes; its form in a URL is in sealing.ts.
//
//   for reading   1 (1), id (16), SHA-512 (64), MD5 (16), end (6), last change (6), size (6), texts: content type,
//                 Cache-Control and Content-Disposition in lines, as far as there are any
//   for storing   2 (1), id (16), length of the key (2), key, the other fields as JSON
//
// One redirect has the first of them several times, so it is short, and no longer for a long path. Numbers are big-endian.

import {
  branded,
  dictionary,
  flag,
  integer,
  list,
  Malformed,
  object,
  optional,
  text,
} from '../../cluster/wire/shapes.ts';
import type { BlobId } from '../blob-id.ts';
import type { FileKey, ReplicationClass } from '../file-key.ts';
import { type ServedHeaders, servedHeaders } from '../http/served-headers.ts';
import {
  FILE_BYTES_MAX,
  type FileAttributes,
  type FileManifest,
  MODIFIED_MS_MAX,
} from '../manifest.ts';

/** Tickets live for an hour at most: far below the grace for which a blob that no file names any more is kept. */
export const TICKET_MS_MAX = 60 * 60 * 1000;
/** So many lock tokens fit into a ticket. */
export const SUBMITTED_MAX = 64;

interface TicketBasics {
  /** When it ends, by the cluster's clock (H31), in ms since 1970. */
  readonly expiresMs: number;
}

/** Reads the very blob: of one version, whatever happens to the name meanwhile (F3). */
export interface ReadTicket extends TicketBasics {
  readonly purpose: 'read';
  /** The blob. */
  readonly id: BlobId;
  readonly contentType: string | undefined;
  /** As the record has it: the copy of the manifest beside the blob is as it was at the upload. */
  readonly modifiedMs: number;
  /**
   * Of the blob: a file server that does not have it can answer for it, and fetch it from who has, though the record of the file
   * may name another one by now.
   */
  readonly size: number;
  /** In hexadecimal, as the other. */
  readonly sha512: string;
  readonly md5: string;
  readonly served: ServedHeaders;
}

/** Stores one file, once. */
export interface WriteTicket extends TicketBasics {
  readonly purpose: 'write';
  /**
   * The ticket itself. Each upload that is begun with it has a blob id of its own, with the random part of this one, so that the
   * blob belongs where `targetFor` says; two uploads with one ticket never share an id.
   */
  readonly id: BlobId;
  /** The record of the file. */
  readonly key: FileKey;
  /** Undefined for what the upload says, or nobody. */
  readonly contentType: string | undefined;
  /** That of the rule, or a number for this file; where the file that is there has a number of its own, that gives way to no rule. */
  readonly replicationClass: ReplicationClass;
  /** Whether all copies must be there before the file is acknowledged. */
  readonly waitsForAll: boolean;
  readonly bytesMax: number;
  /** Set beside the content; those of other names that the file has already stay. None by default. */
  readonly attributes?: FileAttributes | undefined;
  /** The lock tokens that the client has submitted: other locks in the way refuse the upload. None by default. */
  readonly submitted?: readonly string[] | undefined;
}

export type Ticket = ReadTicket | WriteTicket;

/** A ticket before it is issued. */
export type TicketTerms = Omit<ReadTicket, 'expiresMs'> | Omit<WriteTicket, 'expiresMs'>;

/** @returns what reads the content of this file; undefined for a file without a blob: its bytes are in the record */
export function readTerms(manifest: FileManifest): Omit<ReadTicket, 'expiresMs'> | undefined {
  if (manifest.kind !== 'blob') return undefined;
  const { blob, contentType, modifiedMs, size, sha512, md5 } = manifest;
  const served = servedHeaders(manifest.attributes);
  return { purpose: 'read', id: blob, served, contentType, modifiedMs, size, sha512, md5 };
}

/** No header has it. */
const LINE_END = '\n';
const READ_FORM = 1;
const WRITE_FORM = 2;
const ID_BYTES = 16;
const SHA512_BYTES = 64;
const MD5_BYTES = 16;
/** Milliseconds since 1970, and the size of any file. */
const NUMBER_BYTES = 6;
const KEY_LENGTH_BYTES = 2;
const READ_BYTES_MIN = 1 + ID_BYTES + SHA512_BYTES + MD5_BYTES + 3 * NUMBER_BYTES;
const WRITE_BYTES_MIN = 1 + ID_BYTES + KEY_LENGTH_BYTES;

export function encodeTicket(ticket: Ticket): Buffer {
  return ticket.purpose === 'read' ? encodeRead(ticket) : encodeWrite(ticket);
}

/** @throws Malformed for bytes that `encodeTicket` never makes */
export function decodeTicket(bytes: Buffer): Ticket {
  switch (bytes[0]) {
    case READ_FORM:
      return decodeRead(bytes);
    case WRITE_FORM:
      return decodeWrite(bytes);
    default:
      throw new Malformed('a ticket of another form');
  }
}

function encodeRead({
  id,
  sha512,
  md5,
  expiresMs,
  modifiedMs,
  size,
  contentType = '',
  served,
}: ReadTicket): Buffer {
  const lines = [contentType, served['cache-control'] ?? '', served['content-disposition'] ?? ''];
  const texts = lines.join(LINE_END).replace(/\n+$/, '');
  const bytes = Buffer.allocUnsafe(READ_BYTES_MIN + Buffer.byteLength(texts));
  let at = bytes.writeUInt8(READ_FORM);
  for (const digits of [id, sha512, md5]) at += bytes.write(digits, at, 'hex');
  for (const number of [expiresMs, modifiedMs, size]) {
    at = bytes.writeUIntBE(number, at, NUMBER_BYTES);
  }
  bytes.write(texts, at);
  return bytes;
}

function decodeRead(bytes: Buffer): ReadTicket {
  if (bytes.length < READ_BYTES_MIN) throw new Malformed('a ticket that was cut off');
  const [sha512At, md5At] = [1 + ID_BYTES, 1 + ID_BYTES + SHA512_BYTES];
  const numbersAt = md5At + MD5_BYTES;
  const number = (index: number) =>
    bytes.readUIntBE(numbersAt + index * NUMBER_BYTES, NUMBER_BYTES);
  const [type = '', ...lines] = bytes.toString('utf8', READ_BYTES_MIN).split(LINE_END);
  const fields = readShape({
    expiresMs: number(0),
    modifiedMs: number(1),
    size: number(2),
    contentType: type || undefined,
  });
  const [cacheControl = '', disposition = ''] = lines;
  const served = {
    ...(cacheControl === '' ? {} : { 'cache-control': cacheControl }),
    ...(disposition === '' ? {} : { 'content-disposition': disposition }),
  };
  return {
    purpose: 'read',
    id: bytes.toString('hex', 1, sha512At) as BlobId,
    sha512: bytes.toString('hex', sha512At, md5At),
    md5: bytes.toString('hex', md5At, numbersAt),
    served,
    ...fields,
  };
}

function encodeWrite({ id, key, purpose: _form, ...fields }: WriteTicket): Buffer {
  const head = Buffer.alloc(WRITE_BYTES_MIN);
  head.writeUInt8(WRITE_FORM);
  head.write(id, 1, 'hex');
  head.writeUInt16BE(key.length, 1 + ID_BYTES);
  return Buffer.concat([head, key, Buffer.from(JSON.stringify(fields))]);
}

function decodeWrite(bytes: Buffer): WriteTicket {
  if (bytes.length < WRITE_BYTES_MIN) throw new Malformed('a ticket that was cut off');
  const id = bytes.toString('hex', 1, 1 + ID_BYTES) as BlobId;
  const end = WRITE_BYTES_MIN + bytes.readUInt16BE(1 + ID_BYTES);
  if (end > bytes.length) throw new Malformed('a ticket that was cut off');
  const key = Buffer.from(bytes.subarray(WRITE_BYTES_MIN, end)) as FileKey;
  const fields = writeShape(JSON.parse(bytes.toString('utf8', end)));
  return { purpose: 'write', id, key, ...fields };
}

const milliseconds = integer({ min: 0, max: MODIFIED_MS_MAX });

const basics = {
  expiresMs: milliseconds,
  contentType: optional(text({ max: 1024 })),
};
const readShape = object({
  ...basics,
  modifiedMs: milliseconds,
  size: integer({ min: 0, max: FILE_BYTES_MAX }),
});
const writeShape = object({
  ...basics,
  replicationClass: branded<ReplicationClass>(text({ max: 255 })),
  waitsForAll: flag,
  bytesMax: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  attributes: optional(dictionary(text({ min: 0, max: 64 * 1024 }), { max: 1024 })),
  submitted: optional(list(text({ max: 1024 }), { max: SUBMITTED_MAX })),
});
