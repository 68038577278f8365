// What came of a control call, after its reply was checked against its shape.

import type { CallOutcome } from '../ports.ts';
import { refusal } from '../wire/control-messages.ts';
import { Malformed, type Shape } from '../wire/shapes.ts';

export type CheckedReply<T> =
  | { readonly kind: 'message'; readonly message: T }
  /** The peer understood, and said no. */
  | { readonly kind: 'refused'; readonly error: string; readonly detail: string }
  /** No answer, or one that makes no sense. */
  | { readonly kind: 'failed'; readonly detail: string };

/** @param who is meant to be at an address that somebody typed; what answers nonsense may be anybody */
export function readReply<T>(shape: Shape<T>, outcome: CallOutcome, who?: string): CheckedReply<T> {
  if (outcome.kind === 'failed') return outcome;
  const { status, message } = outcome;
  try {
    if (status === 200) return { kind: 'message', message: shape(message) };
    return { kind: 'refused', ...refusal(message) };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const doubt = who === undefined ? '' : `; is this ${who}?`;
    return { kind: 'failed', detail: `status ${status}, ${error.message}${doubt}` };
  }
}
