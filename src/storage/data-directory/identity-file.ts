// The form of the identity file, which says who owns a data directory: the ids of the node and the store, made once,
// the last incarnation, and what the next start needs to judge whether everything acknowledged is still there (H8).
// When the file is written is identity.ts's. A flipped bit could make a node believe in records that it lost, so the
// file has a checksum (checked-json.ts).
//
// Format 2, which earlier software wrote, had no checksum. Such a file is read as it is, and written as format 3 with
// the next change.

import {
  type Incarnation,
  incarnation,
  nodeId,
  nonce,
  storeId,
} from '../../cluster/model/identity.ts';
import { INCARNATIONS_MAX } from '../../cluster/model/limits.ts';
import { encodeCheckedJson, isSoundJson } from '../../cluster/wire/checked-json.ts';
import {
  integer,
  isNothing,
  list,
  Malformed,
  object,
  oneOf,
  optional,
  type ShapeOf,
  text,
} from '../../cluster/wire/shapes.ts';

export const IDENTITY_FILE = 'storage.identity';
const FORMAT = 3;
const UNCHECKED_FORMAT = 2;
const FORMATS = integer({ min: UNCHECKED_FORMAT, max: FORMAT });

const placeNumber = integer({ min: 0, max: 2 ** 32 - 1 });

const identity = object({
  node: nodeId,
  store: storeId,
  incarnation,
  /** Earlier incarnations, the oldest first (incarnationsIn). Earlier software did not record them. */
  lives: optional(list(incarnation, { max: INCARNATIONS_MAX })),
  /**
   * Identifies the machine's start during which the store was last written; undefined once the store was closed with
   * all of it on disk.
   */
  bootId: optional(text({ max: 64 })),
  /** Where the log ended when the store was closed, all of it on disk. Earlier software did not record it. */
  closedAt: optional(object({ file: placeNumber, offset: placeNumber })),
  /** The fsync mode in which the store was last written. */
  fsync: oneOf('always', 'interval', 'never'),
  /** Everything that this incarnation and all later ones acknowledged is in the store (H8). */
  completeSince: incarnation,
  /** The node has promised to refuse maps and grants of earlier generations (H32). */
  promisedGeneration: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  /** The nonce of that generation; undefined if nothing was promised, or if earlier software wrote the file. */
  promisedNonce: optional(nonce),
});

export type Identity = ShapeOf<typeof identity>;

/**
 * All incarnations of a directory, the oldest first, which tell the controller that this is not an old copy (H8): so
 * also those of which the node does not know whether they were admitted. If there are too many the last ones stay,
 * and the one that the map in the directory names: a node may die many times before it receives another map.
 * @param named the incarnation that the map in the directory names
 */
export function incarnationsIn(
  { lives = [], incarnation }: Pick<Identity, 'lives' | 'incarnation'>,
  named?: Incarnation,
): readonly Incarnation[] {
  const all = [...lives, incarnation];
  if (all.length <= INCARNATIONS_MAX) return all;
  const last = all.slice(1 - INCARNATIONS_MAX);
  const isCutOff = named !== undefined && all.includes(named) && !last.includes(named);
  return isCutOff ? [named, ...last] : all.slice(-INCARNATIONS_MAX);
}

export function encodeIdentity(fields: Identity): Buffer {
  return encodeCheckedJson(FORMAT, fields);
}

/** @returns the identity, or a text that says why the bytes are none */
export function decodeIdentity(bytes: Buffer): Identity | string {
  if (isNothing(bytes)) return 'it is empty';
  try {
    const read: unknown = JSON.parse(bytes.toString());
    const { format, crc } = header(read);
    // A format 2 with a checksum would be a format 3 in which a bit of the format has flipped.
    if ((format === FORMAT || crc !== undefined) && !isSoundJson(FORMAT, bytes)) {
      return 'its checksum does not match, so the disk has changed it';
    }
    return identity(read);
  } catch (error) {
    if (error instanceof SyntaxError) return `it is damaged (${error.message})`;
    if (error instanceof Malformed) return error.message;
    throw error;
  }
}

const header = object({ format: FORMATS, crc: optional(text({ min: 0, max: 1000 })) });
