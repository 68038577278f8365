// What gateways ask of tickets: to issue them, to open them, and what has become of one. cluster-tickets.ts does it.

import type { ErrorCode } from '../../cluster/http/errors.ts';
import type { Clock } from '../../cluster/ports.ts';
import type { BlobId } from '../blob-id.ts';
import type { FileKey } from '../file-key.ts';
import type { OpenedTicket } from './sealing.ts';
import type { Ticket, TicketTerms } from './ticket.ts';

/** What a ticket was used for. */
export interface TicketUse {
  readonly key: FileKey;
  /** Of the upload that has used it; undefined for a file without a blob. */
  readonly blob: BlobId | undefined;
  readonly size: number;
  /** In hexadecimal, as the other. */
  readonly sha512: string;
  readonly md5: string;
  /** The ETag of the record that was set; none while nobody has noted that. */
  readonly record?: string;
}

export type TicketState =
  /** Nobody has stored anything with it; an upload may be under way, and nobody can tell whether it was issued. */
  | { readonly kind: 'unused' }
  /** An upload has used it, and its file is not visible: not yet, not any more, or it could not be stored. */
  | { readonly kind: 'used'; readonly use: TicketUse }
  /** The file was stored. It may have been overwritten or deleted since. */
  | { readonly kind: 'stored'; readonly use: TicketUse }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

export interface TicketFailure {
  readonly kind: 'failed';
  readonly code: ErrorCode;
  readonly detail: string;
}

export type IssueTicketOutcome =
  | { readonly kind: 'issued'; readonly token: string; readonly ticket: Ticket }
  | TicketFailure;

/** The clock by which tickets end: that of the cluster (H31). */
export interface TicketClock extends Clock {
  /** Whether anybody has told it the time yet; a clock that needs nobody has none of it. */
  readonly isKnown?: boolean;
}

export interface Tickets {
  /**
   * @param lifetimeMs from now, at most TICKET_MS_MAX
   * @param callback called exactly once, nearly always before this returns; `bad-parameter` where a URL has no room for it,
   *   `not-ready` before the time of the cluster is known
   */
  issue(
    terms: TicketTerms,
    lifetimeMs: number,
    callback: (outcome: IssueTicketOutcome) => void,
  ): void;
  /** @param callback called exactly once; it fails only where the secret of the cluster cannot be asked for */
  open(token: string, callback: (outcome: OpenedTicket | TicketFailure) => void): void;
  /** What has become of a write ticket. @param callback called exactly once */
  state(id: BlobId, callback: (state: TicketState) => void): void;
}
