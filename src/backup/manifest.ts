// The manifest of a backup, manifest.json. A backup has one file per partition, with records back to back in their one
// binary form; the manifest has the length and checksum of each file, and how far an unfinished one got. Pure: files
// are read and written elsewhere.

import { type ClusterId, clusterId, INTEGER_MAX } from '../cluster/model/identity.ts';
import { DIGITS_MAX, STORED_KEY_BYTES_MAX } from '../cluster/model/limits.ts';
import { type PartitionId, partitionCount } from '../cluster/model/partition.ts';
import type { Cursor } from '../cluster/wire/operations.ts';
import {
  dictionary,
  flag,
  integer,
  isNothing,
  Malformed,
  object,
  optional,
  type Shape,
  type ShapeOf,
  text,
} from '../cluster/wire/shapes.ts';

export const MANIFEST_FILE = 'manifest.json';
/**
 * Versions of the directory's layout; software that does not know the version leaves the directory alone. The second one
 * has blobs, and a backup without any is of the first one still.
 */
const FORMATS = { records: 1, blobs: 2 } as const;
const BUCKETS_MAX = 256;

const count = integer({ min: 0, max: INTEGER_MAX });

const cursor: Shape<Cursor> = (value) => {
  const { bucket, afterKey } = object({
    bucket: integer({ min: 0, max: BUCKETS_MAX - 1 }),
    afterKey: text({ max: STORED_KEY_BYTES_MAX * 2 }),
  })(value);
  return { bucket, afterKey: Buffer.from(afterKey, 'hex') };
};

/** What the first `bytes` bytes of one partition's file contain; a crash may have left more behind them. */
const content = object({
  bytes: count,
  /** CRC-32, as in zlib, of these bytes. */
  crc: integer({ min: 0, max: 0xffffffff }),
  records: count,
  /** How many of the records are deletes, and how many of the others have an expiry. */
  deletes: count,
  expiring: count,
  /** How many of the records name a blob. */
  blobs: optional(count),
  /** False while the copy must continue after `next`. */
  complete: flag,
  next: optional(cursor),
});
export type Content = ShapeOf<typeof content>;

/** What the directory has of the blobs that its records name (blob-file.ts). */
const blobsContent = object({
  blobs: count,
  bytes: count,
  /** How many of the blobs are not there, because their files were overwritten or deleted while the backup went on. */
  gone: count,
});
export type BlobsContent = ShapeOf<typeof blobsContent>;

export interface Manifest {
  readonly cluster: ClusterId;
  readonly digits: number;
  /** Milliseconds since 1970; the backup has everything that was acknowledged before then, or something newer. */
  readonly startedAtMs: number;
  /** Milliseconds since 1970; undefined while partitions are missing. */
  readonly finishedAtMs?: number | undefined;
  readonly partitions: ReadonlyMap<PartitionId, Content>;
  /** Undefined where no record names a blob, and while blobs are missing. */
  readonly blobs?: BlobsContent | undefined;
}

const fields = object({
  cluster: clusterId,
  digits: integer({ min: 1, max: DIGITS_MAX }),
  startedAtMs: count,
  finishedAtMs: optional(count),
  blobs: optional(blobsContent),
  partitions: dictionary(content, { max: partitionCount(DIGITS_MAX) }),
});

const formatOf = object({ format: integer({ min: 1, max: INTEGER_MAX }) });

/** The name of a partition's file: its number in hex, which is how the hashes of its keys begin. */
export function fileOf(partition: PartitionId, digits: number): string {
  return `partition-${nameOf(partition, digits)}.records`;
}

function nameOf(partition: PartitionId, digits: number): string {
  return partition.toString(16).padStart(digits, '0');
}

export function encodeManifest(manifest: Manifest): Buffer {
  const { partitions, ...rest } = manifest;
  const named = [...partitions]
    .sort(([a], [b]) => a - b)
    .map(([partition, { next, ...of }]) => [
      nameOf(partition, manifest.digits),
      next === undefined ? of : { ...of, next: encodeCursor(next) },
    ]);
  const format = namesBlobs(partitions) ? FORMATS.blobs : FORMATS.records;
  const all = { format, ...rest, partitions: Object.fromEntries(named) };
  return Buffer.from(`${JSON.stringify(all, undefined, 1)}\n`);
}

function encodeCursor({ bucket, afterKey }: Cursor): unknown {
  return { bucket, afterKey: afterKey.toString('hex') };
}

/** @returns the manifest, or a text that says why the bytes are no manifest of this format */
export function parseManifest(bytes: Buffer): Manifest | string {
  if (isNothing(bytes)) return 'it is empty';
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    return 'it is no JSON';
  }
  try {
    const { format } = formatOf(value);
    if (format !== FORMATS.records && format !== FORMATS.blobs) {
      return `it has format ${format}, and this version reads formats ${FORMATS.records} and ${FORMATS.blobs}`;
    }
    const { partitions, ...rest } = fields(value);
    const parsed = new Map<PartitionId, Content>();
    for (const [name, of] of Object.entries(partitions)) {
      const partition = Number.parseInt(name, 16) as PartitionId;
      if (!/^[0-9a-f]+$/.test(name) || name.length !== rest.digits) {
        throw new Malformed(`partitions.${name} is no partition of ${rest.digits} digits`);
      }
      parsed.set(partition, of);
    }
    if (rest.finishedAtMs !== undefined && !isWhole(rest.digits, parsed)) {
      throw new Malformed('it is finished and has not all partitions');
    }
    if (rest.finishedAtMs !== undefined && namesBlobs(parsed) !== (rest.blobs !== undefined)) {
      throw new Malformed('it is finished and does not say what it has of the blobs');
    }
    return { ...rest, partitions: parsed };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return error.message;
  }
}

export function isWhole(digits: number, partitions: ReadonlyMap<PartitionId, Content>): boolean {
  const complete = [...partitions.values()].filter((of) => of.complete);
  return complete.length === partitionCount(digits);
}

/** Whether any record names a blob. */
export function namesBlobs(partitions: ReadonlyMap<PartitionId, Content>): boolean {
  return [...partitions.values()].some(({ blobs = 0 }) => blobs > 0);
}
