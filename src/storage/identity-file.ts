// Who the owner of a data directory is: the node's id and the store's, made once; the last incarnation;
// and what is needed to judge whether everything acknowledged is still there (H8).

import { incarnation, nodeId, nonce, storeId } from '../cluster/identity.ts';
import {
  integer,
  Malformed,
  object,
  oneOf,
  optional,
  type ShapeOf,
  text,
} from '../cluster/shape.ts';

export const IDENTITY_FILE = 'storage.identity';
const FORMAT = 2;

const identity = object({
  format: integer({ min: FORMAT, max: FORMAT }),
  node: nodeId,
  store: storeId,
  incarnation,
  /**
   * Of the machine's start during which the store was last written; none once it was closed with all of
   * it on disk.
   */
  bootId: optional(text({ max: 64 })),
  /** How the store was last written. */
  fsync: oneOf('always', 'interval', 'never'),
  /** Everything that this life of the node and all later ones acknowledged is in the store (H8). */
  completeSince: incarnation,
  /** Maps and grants of earlier generations are nothing any more (H32). */
  promisedGeneration: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  /** Whose generation that is; none while nothing was promised, or by earlier software. */
  promisedNonce: optional(nonce),
});

export type Identity = Omit<ShapeOf<typeof identity>, 'format'>;

export function encodeIdentity(fields: Identity): Buffer {
  return Buffer.from(`${JSON.stringify({ format: FORMAT, ...fields })}\n`);
}

/** @returns a text that says what is wrong, for anything that is not an identity. */
export function decodeIdentity(bytes: Buffer): Identity | string {
  try {
    return identity(JSON.parse(bytes.toString()));
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) return error.message;
    throw error;
  }
}
