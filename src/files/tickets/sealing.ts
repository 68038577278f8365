// The form of a ticket in a URL: its id, which anybody may read, then its fields as JSON in base64url, and the HMAC-SHA-256 of
// both under a secret of the cluster, with dots between them. Pure. Who knows the secret is in ticket-secret.ts.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { Malformed } from '../../cluster/wire/shapes.ts';
import { type Ticket, ticketFields, ticketIdIn, ticketOf } from './ticket.ts';

/** Beside it a URL has a name, and the head of a request other fields. */
export const TOKEN_BYTES_MAX = 8 * 1024;

export type OpenedTicket =
  | { readonly kind: 'valid'; readonly ticket: Ticket }
  | { readonly kind: 'expired'; readonly ticket: Ticket }
  /** Nobody who knows the secret has made it. */
  | { readonly kind: 'forged' };

/** @returns a token of characters that need no escape in a URL */
export function sealTicket(ticket: Ticket, secret: Buffer): string {
  const fields = Buffer.from(JSON.stringify(ticketFields(ticket))).toString('base64url');
  const body = `${ticket.id}.${fields}`;
  return `${body}.${sealOf(body, secret)}`;
}

/** @param nowMs by the cluster's clock (H31) */
export function openTicket(token: string, secret: Buffer, nowMs: number): OpenedTicket {
  const end = token.lastIndexOf('.');
  const body = token.slice(0, Math.max(0, end));
  if (!isSame(token.slice(end + 1), sealOf(body, secret))) return FORGED;
  const id = ticketIdIn(body);
  if (id === undefined) return FORGED;
  try {
    const json = Buffer.from(body.slice(body.indexOf('.') + 1), 'base64url').toString();
    const ticket = ticketOf(id, JSON.parse(json));
    return { kind: nowMs < ticket.expiresMs ? 'valid' : 'expired', ticket };
  } catch (error) {
    // Other software has made it, with the same secret.
    if (error instanceof Malformed || error instanceof SyntaxError) return FORGED;
    throw error;
  }
}

const FORGED = { kind: 'forged' } as const;

function sealOf(body: string, secret: Buffer): string {
  return createHmac('sha256', secret).update(body).digest('base64url');
}

/** Compares in a time that tells nothing of where the two differ. */
function isSame(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
