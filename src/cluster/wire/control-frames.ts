// Control messages as bytes on a stream: a byte that says what it is, then JSON. Which messages there are is
// control-table.ts's; that a frame is whole is frames.ts's.

import { refusal } from './control-messages.ts';
import { Refused } from './control-table.ts';
import { type ControlMessage, encodeMessage } from './map-json.ts';
import { Malformed, type Shape } from './shapes.ts';

/** The first byte of an answer. */
const ANSWERED = 0;
const REFUSED = 1;

export interface Encoded {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

export function encodeRequest(code: number, message: ControlMessage): Encoded {
  return { head: Buffer.of(code), body: encodeMessage(message) };
}

export function encodeReply(reply: ControlMessage | Refused): Encoded {
  if (!(reply instanceof Refused)) {
    return { head: Buffer.of(ANSWERED), body: encodeMessage(reply) };
  }
  const { error, detail } = reply;
  return { head: Buffer.of(REFUSED), body: Buffer.from(JSON.stringify({ error, detail })) };
}

/** @throws Malformed */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new Malformed('the message is not JSON');
  }
}

export type CheckedReply<T> =
  | { readonly kind: 'message'; readonly message: T }
  /** The peer understood, and said no. */
  | { readonly kind: 'refused'; readonly error: string; readonly detail: string }
  /** No answer, or one that makes no sense. */
  | { readonly kind: 'failed'; readonly detail: string };

export function decodeReply<Reply>(
  { reply }: { readonly reply: Shape<Reply> },
  bytes: Buffer,
): CheckedReply<Reply> {
  try {
    const value = parseJson(bytes.subarray(1));
    if (bytes[0] === ANSWERED) return { kind: 'message', message: reply(value) };
    if (bytes[0] === REFUSED) return { kind: 'refused', ...refusal(value) };
    return { kind: 'failed', detail: `an answer of an unknown kind, ${bytes[0]}` };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { kind: 'failed', detail: error.message };
  }
}

/**
 * Whether that proves that no process listens at the address. A stream that broke does not: the connection was lost, and
 * who is at its other end may go on. Nor does a refused stream, which older software has none of.
 */
export function isNobodyThere(reply: CheckedReply<unknown>): boolean {
  // What both kinds of networks say of it, as the system does.
  return reply.kind === 'failed' && reply.detail.includes('ECONNREFUSED');
}
