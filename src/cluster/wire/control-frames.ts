// Control messages as bytes on a stream: one byte for the kind of message, then JSON. The messages are listed in
// control-table.ts; frames.ts delimits them.

import { refusal } from './control-messages.ts';
import { Refused } from './control-table.ts';
import { type ControlMessage, encodeMessage } from './map-json.ts';
import { Malformed, type Shape } from './shapes.ts';

/** The first byte of a reply is one of these two. */
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

/** @throws Malformed when the bytes are not JSON */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new Malformed('the message is not JSON');
  }
}

export type CheckedReply<T> =
  | { readonly kind: 'message'; readonly message: T }
  /** The peer understood the message and refused it. */
  | { readonly kind: 'refused'; readonly error: string; readonly detail: string }
  /** No reply came, or one that cannot be read. */
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
 * Whether the reply proves that no process listens at the address. A broken stream proves nothing: only the
 * connection was lost, and the peer may go on. Nor does a refused stream: older software has no control streams.
 */
export function isNobodyThere(reply: CheckedReply<unknown>): boolean {
  // The real and the simulated network both quote the system's error.
  return reply.kind === 'failed' && reply.detail.includes('ECONNREFUSED');
}
