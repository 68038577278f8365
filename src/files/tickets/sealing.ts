// The form of a ticket in a URL: its bytes, and behind them their HMAC-SHA-256 under a secret of the cluster, as base64url. Pure. What
// the bytes say is in ticket.ts, and who knows the secret in ticket-secret.ts.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { Malformed } from '../../cluster/wire/shapes.ts';
import { decodeTicket, encodeTicket, type Ticket } from './ticket.ts';

/** Beside it a URL has a name, and the head of a request other fields. */
export const TOKEN_BYTES_MAX = 8 * 1024;

export type OpenedTicket =
  | { readonly kind: 'valid'; readonly ticket: Ticket }
  | { readonly kind: 'expired'; readonly ticket: Ticket }
  /** Nobody who knows the secret has made it. */
  | { readonly kind: 'forged' };

/** Half of the HMAC (RFC 2104, 5): nobody finds 128 bits within the hour that a ticket lives, or ever. */
const SEAL_BYTES = 16;

/** @returns a token of characters that need no escape in a URL */
export function sealTicket(ticket: Ticket, secret: Buffer): string {
  const body = encodeTicket(ticket);
  return Buffer.concat([body, sealOf(body, secret)]).toString('base64url');
}

/** @param nowMs by the cluster's clock (H31) */
export function openTicket(token: string, secret: Buffer, nowMs: number): OpenedTicket {
  const bytes = Buffer.from(token, 'base64url');
  // One ticket has one token: what is no base64url, or has other bits behind its last byte, reads as the same bytes.
  if (bytes.length <= SEAL_BYTES || bytes.toString('base64url') !== token) return FORGED;
  const body = bytes.subarray(0, -SEAL_BYTES);
  if (!timingSafeEqual(bytes.subarray(-SEAL_BYTES), sealOf(body, secret))) return FORGED;
  try {
    const ticket = decodeTicket(body);
    return { kind: nowMs < ticket.expiresMs ? 'valid' : 'expired', ticket };
  } catch (error) {
    // Other software has made it, with the same secret.
    if (error instanceof Malformed || error instanceof SyntaxError) return FORGED;
    throw error;
  }
}

const FORGED = { kind: 'forged' } as const;

function sealOf(body: Buffer, secret: Buffer): Buffer {
  return createHmac('sha256', secret).update(body).digest().subarray(0, SEAL_BYTES);
}
