// One ticket, one file: the record of a ticket that was used. It is made in the last moment before the record of the file is set, on
// the condition that there is none (H39), so that of two uploads with one ticket one alone becomes a file. A ticket that
// nobody has used has no record.

import { etagOf, printETag } from '../../cluster/model/condition.ts';
import { recordValue, type StoredRecord } from '../../cluster/model/record.ts';
import {
  flag,
  integer,
  Malformed,
  Misshapen,
  object,
  optional,
  type Shape,
  text,
} from '../../cluster/wire/shapes.ts';
import { type BlobId, parseBlobId } from '../blob-id.ts';
import { type FileKey, ticketKey } from '../file-key.ts';
import type { FileOperations } from '../file-parts.ts';
import { fileOf } from '../file-record.ts';
import type { FileVersion } from '../outcomes.ts';
import type { WriteTicket } from './ticket.ts';
import type { TicketFailure, TicketState, TicketUse } from './tickets.ts';

/** An upload that was begun in time may last so long after the ticket has ended. */
export const TICKETED_UPLOAD_MS_MAX = 24 * 60 * 60 * 1000;
/** The record of a ticket outlives all uploads that could use it once more, though clocks differ. */
const RECORD_MS = TICKETED_UPLOAD_MS_MAX + 60 * 60 * 1000;

export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly record: StoredRecord }
  /** Another upload was first. */
  | { readonly kind: 'used' }
  | TicketFailure;

type TicketOperations = Pick<FileOperations, 'reader' | 'linearizable' | 'writer' | 'conditional'>;

export class TicketRecords {
  readonly #operations: TicketOperations;

  constructor(operations: TicketOperations) {
    this.#operations = operations;
  }

  /**
   * Takes the ticket for one upload; for good, unless that gives it back.
   * @param callback called exactly once
   */
  claim(ticket: WriteTicket, use: TicketUse, callback: (outcome: ClaimOutcome) => void): void {
    const key = ticketKey(ticket.id);
    const value = encodeUse(use, false);
    const expiresAtMs = ticket.expiresMs + RECORD_MS;
    const change = { kind: 'put', value, attributes: [], expiresAtMs } as const;
    const request = { key, condition: { ifNoneMatch: 'any' }, change } as const;
    this.#operations.conditional.write(request, (outcome) => {
      switch (outcome.kind) {
        case 'stored':
          return callback({ kind: 'claimed', record: outcome.record });
        case 'unmet':
          return callback({ kind: 'used' });
        case 'not-stored':
          return callback({ kind: 'failed', code: outcome.code, detail: outcome.detail });
        case 'unknown':
          return callback(UNCERTAIN);
      }
    });
  }

  /**
   * Gives a claimed ticket back where certainly nothing was stored with it, and never will be by this upload: the next one may take it.
   * @param claim as `claim` has set it; nobody else's is given back
   * @param callback called exactly once, with whether the ticket is free again
   */
  release(id: BlobId, claim: StoredRecord, callback: (isFree: boolean) => void): void {
    const condition = { ifMatch: [etagOf(claim)] };
    const request = { key: ticketKey(id), condition, change: { kind: 'delete' } } as const;
    this.#operations.conditional.write(request, ({ kind }) => callback(kind === 'stored'));
  }

  /** Notes that the file of a claimed ticket is stored. @param done called exactly once, whether or not that could be noted */
  stored(ticket: WriteTicket, use: TicketUse, done: () => void): void {
    const key = ticketKey(ticket.id);
    const value = encodeUse(use, true);
    const expiresAtMs = ticket.expiresMs + RECORD_MS;
    this.#operations.writer.set({ key, value, expiresAtMs, ...PLAIN }, done);
  }

  /** @param callback called exactly once */
  state(id: BlobId, callback: (state: TicketState) => void): void {
    this.#operations.reader.get(ticketKey(id), (outcome) => {
      if (outcome.kind === 'failed') {
        return callback({ kind: 'failed', code: outcome.code, detail: outcome.detail });
      }
      if (outcome.kind === 'absent') return callback({ kind: 'unused' });
      const noted = decodeUse(recordValue(outcome.record));
      if (noted === undefined) return callback(DAMAGED);
      const { isStored, ...use } = noted;
      if (isStored) return callback({ kind: 'stored', use });
      return this.#look(use, callback);
    });
  }

  /**
   * Whoever has claimed the ticket did not come to note the end: the record of the file is the truth, once all members have it.
   *
   *   1. a file server claims the ticket, its set of the file reaches one member, and it dies
   *   2. a get of this member finds the file, and one of another member does not
   *   3. who was told that it is stored would not find it, where the first member is replaced
   */
  #look(use: TicketUse, callback: (state: TicketState) => void): void {
    this.#operations.linearizable.get(use.key, (outcome) => {
      if (outcome.kind === 'failed') {
        return callback({ kind: 'failed', code: outcome.code, detail: outcome.detail });
      }
      const file = outcome.kind === 'value' ? fileOf(outcome.record) : undefined;
      const isThere = file !== undefined && hasContentOfUse(file, use);
      return callback({ kind: isThere ? 'stored' : 'used', use });
    });
  }
}

/** Whether this file has the content of that upload: an empty one may be of somebody else, and is the same. */
export function hasContentOfUse(
  { manifest }: FileVersion,
  { blob, size, sha512 }: TicketUse,
): boolean {
  if (manifest.kind === 'blob') return manifest.blob === blob;
  return blob === undefined && manifest.size === size && manifest.sha512 === sha512;
}

/** Whether this is the file of that upload, and of no other one: without a blob only the very record says so. */
export function isFileOfUse(file: FileVersion, use: TicketUse): boolean {
  if (file.manifest.kind === 'blob') return hasContentOfUse(file, use);
  return hasContentOfUse(file, use) && use.record === printETag(etagOf(file.record));
}

const PLAIN = { tombstone: false, attributes: [] } as const;
const UNCERTAIN = {
  kind: 'failed',
  code: 'not-stored',
  detail:
    'not everybody confirmed in time that the ticket is used; where it is refused as used, ask the broker for another one',
} as const;
const DAMAGED = {
  kind: 'failed',
  code: 'internal',
  detail: 'the record of the ticket is damaged',
} as const;

const blobShape: Shape<BlobId> = (value) => {
  const id = typeof value === 'string' ? parseBlobId(value) : undefined;
  if (id === undefined) throw new Misshapen('is no blob id');
  return id;
};

const useShape = object({
  key: text({ max: 4096 }),
  blob: optional(blobShape),
  size: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  sha512: text({ max: 128 }),
  md5: text({ max: 32 }),
  record: optional(text({ max: 128 })),
  isStored: flag,
});

function encodeUse({ key, ...use }: TicketUse, isStored: boolean): Buffer {
  return Buffer.from(JSON.stringify({ ...use, key: key.toString('base64'), isStored }));
}

function decodeUse(value: Buffer): (TicketUse & { readonly isStored: boolean }) | undefined {
  try {
    const { key: encoded, record, ...use } = useShape(JSON.parse(value.toString()));
    const key = Buffer.from(encoded, 'base64') as FileKey;
    return record === undefined ? { ...use, key } : { ...use, key, record };
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
