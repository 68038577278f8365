// A ticket lets whoever has it read one blob, or store one file, at a file server: the file server asks nobody else for the
// permission (FILES.md, section 4, Dragonbelly). What a ticket says is here; its form in a URL is in sealing.ts.

import {
  branded,
  dictionary,
  flag,
  integer,
  list,
  Misshapen,
  object,
  oneOf,
  optional,
  type Shape,
  text,
} from '../../cluster/wire/shapes.ts';
import { type BlobId, parseBlobId } from '../blob-id.ts';
import type { FileKey, ReplicationClass } from '../file-key.ts';
import {
  FILE_BYTES_MAX,
  type FileAttributes,
  type FileManifest,
  hexadecimal,
  MODIFIED_MS_MAX,
} from '../manifest.ts';

/** Tickets live for an hour at most: far below the grace for which a blob that no file names any more is kept. */
export const TICKET_MS_MAX = 60 * 60 * 1000;
/** So many lock tokens fit into a ticket. */
export const SUBMITTED_MAX = 64;

interface TicketBasics {
  /** When it ends, by the cluster's clock (H31), in ms since 1970. */
  readonly expiresMs: number;
  /** The record of the file. */
  readonly key: FileKey;
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
}

/** Stores one file, once. */
export interface WriteTicket extends TicketBasics {
  readonly purpose: 'write';
  /**
   * The ticket itself. Each upload that is begun with it has a blob id of its own, with the random part of this one, so that the
   * blob belongs where `targetFor` says; two uploads with one ticket never share an id.
   */
  readonly id: BlobId;
  /** Undefined for what the upload says, or nobody. */
  readonly contentType: string | undefined;
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
export function readTerms(
  key: FileKey,
  manifest: FileManifest,
): Omit<ReadTicket, 'expiresMs'> | undefined {
  if (manifest.kind !== 'blob') return undefined;
  const { blob, contentType, modifiedMs, size, sha512, md5 } = manifest;
  return { purpose: 'read', id: blob, key, contentType, modifiedMs, size, sha512, md5 };
}

/** What of a ticket is in its token beside the id, as JSON. */
export function ticketFields(ticket: Ticket): Readonly<Record<string, unknown>> {
  const { id: _beside, key, ...fields } = ticket;
  return { ...fields, key: key.toString('base64url') };
}

/** @throws Malformed for fields that no ticket has */
export function ticketOf(id: BlobId, fields: unknown): Ticket {
  const { purpose } = purposeShape(fields);
  switch (purpose) {
    case 'read':
      return { purpose, id, ...readShape(fields) };
    case 'write':
      return { purpose, id, ...writeShape(fields) };
  }
}

const milliseconds = integer({ min: 0, max: MODIFIED_MS_MAX });

const keyShape: Shape<FileKey> = (value) => {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64url') : Buffer.alloc(0);
  if (bytes.length === 0) throw new Misshapen('is no key');
  return bytes as FileKey;
};

const purposeShape = object({ purpose: oneOf('read', 'write') });
const basics = {
  expiresMs: milliseconds,
  key: keyShape,
  contentType: optional(text({ max: 1024 })),
};
const readShape = object({
  ...basics,
  modifiedMs: milliseconds,
  size: integer({ min: 0, max: FILE_BYTES_MAX }),
  sha512: hexadecimal(128),
  md5: hexadecimal(32),
});
const writeShape = object({
  ...basics,
  replicationClass: branded<ReplicationClass>(text({ max: 255 })),
  waitsForAll: flag,
  bytesMax: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  attributes: optional(dictionary(text({ min: 0, max: 64 * 1024 }), { max: 1024 })),
  submitted: optional(list(text({ max: 1024 }), { max: SUBMITTED_MAX })),
});

/** @returns the id that a token begins with; undefined where it begins with none */
export function ticketIdIn(token: string): BlobId | undefined {
  return parseBlobId(token.split('.', 1)[0] ?? '');
}
