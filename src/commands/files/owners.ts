// What `velour files rebuild` makes of the blobs that it meets: of each owner the newest blob counts, as far as the records of the
// cluster prove nothing of it. Pure.

import { mapVersion } from '../../cluster/model/cluster-map.ts';
import { clusterId } from '../../cluster/model/identity.ts';
import {
  integer,
  Malformed,
  Misshapen,
  object,
  optional,
  type Shape,
  type ShapeOf,
  text,
} from '../../cluster/wire/shapes.ts';
import { type BlobId, parseBlobId } from '../../files/blob-id.ts';
import { fileNameOf } from '../../files/file-name.ts';
import { decodeManifest } from '../../files/manifest.ts';

const BASE64_MAX = 1024 * 1024;

const base64: Shape<Buffer> = (value) =>
  Buffer.from(text({ min: 0, max: BASE64_MAX })(value), 'base64');

const id: Shape<BlobId> = (value) => {
  const parsed = typeof value === 'string' ? parseBlobId(value) : undefined;
  if (parsed === undefined) throw new Misshapen('is no blob id');
  return parsed;
};

/** A line of `GET /blobs` of a file server. */
export const listedBlob = object({
  id,
  cluster: clusterId,
  map: optional(mapVersion),
  committedAt: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  size: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  sha512: text({ max: 128 }),
  owner: base64,
  manifest: base64,
});
export type ListedBlob = ShapeOf<typeof listedBlob>;

export interface BlobLines {
  readonly blobs: readonly ListedBlob[];
  /** Behind which the next page begins; undefined where there is none. */
  readonly cursor: BlobId | undefined;
}

const ending = object({ cursor: optional(id) });

/** @throws Malformed for what is no page of blobs */
export function blobLinesIn(body: Buffer): BlobLines {
  const lines = body.toString('utf8').trimEnd().split('\n');
  const last = lines.pop() ?? '';
  try {
    const blobs = lines.map((line) => listedBlob(JSON.parse(line)));
    return { blobs, cursor: ending(JSON.parse(last)).cursor };
  } catch (error) {
    if (error instanceof SyntaxError) throw new Malformed('it is no list of blobs');
    throw error;
  }
}

/** The record that a blob gives back to its owner. */
export interface RebuiltRecord {
  readonly owner: Buffer;
  readonly blob: BlobId;
  readonly committedAt: number;
  readonly manifest: Buffer;
}

/** The newest blob of each owner; all of them are of one slice of the owners, so that there are not too many. */
export class NewestBlobs {
  readonly #newest = new Map<string, RebuiltRecord>();
  /** Blobs that no record can be made of: their manifests are none, or of other blobs. */
  unusable = 0;

  get records(): readonly RebuiltRecord[] {
    return [...this.#newest.values()];
  }

  note(blob: ListedBlob): void {
    const { id: own, owner, committedAt, manifest } = blob;
    if (!isOfItself(blob)) {
      this.unusable++;
      return;
    }
    const name = owner.toString('latin1');
    const before = this.#newest.get(name);
    if (before !== undefined && !isNewer(blob, before)) return;
    this.#newest.set(name, { owner, blob: own, committedAt, manifest });
  }
}

/** Two blobs of one moment are told apart by their ids, which all file servers have alike. */
function isNewer({ committedAt, id: own }: ListedBlob, before: RebuiltRecord): boolean {
  if (committedAt !== before.committedAt) return committedAt > before.committedAt;
  return own > before.blob;
}

function isOfItself({ id: own, owner, manifest, size, sha512 }: ListedBlob): boolean {
  if (fileNameOf(owner) === undefined) return false;
  try {
    const decoded = decodeManifest(manifest);
    const names = decoded.kind === 'blob' ? decoded.blob : undefined;
    return names === own && decoded.size === size && decoded.sha512 === sha512;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return false;
  }
}
