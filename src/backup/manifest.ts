// What a backup's directory says of itself: manifest.json. One file of records a partition, back to back in
// the form that they have everywhere; the manifest has the length and the checksum of each, and how far an
// unfinished one got. Pure; reading and writing files is others'.

import { type ClusterId, clusterId, INTEGER_MAX } from '../cluster/model/identity.ts';
import { DIGITS_MAX, KEY_BYTES_MAX } from '../cluster/model/limits.ts';
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
/** Another one is another layout of the directory; who does not know it leaves it alone. */
const FORMAT = 1;
const BUCKETS_MAX = 256;

const count = integer({ min: 0, max: INTEGER_MAX });

const cursor: Shape<Cursor> = (value) => {
  const { bucket, afterKey } = object({
    bucket: integer({ min: 0, max: BUCKETS_MAX - 1 }),
    afterKey: text({ max: KEY_BYTES_MAX * 2 }),
  })(value);
  return { bucket, afterKey: Buffer.from(afterKey, 'hex') };
};

/** One file: what is in its first `bytes`. */
const content = object({
  bytes: count,
  /** CRC-32, as in zlib, of all of them. */
  crc: integer({ min: 0, max: 0xffffffff }),
  records: count,
  /** How many of the records are deletes, and how many others have an expiry. */
  deletes: count,
  expiring: count,
  /** False: there is more to come after `next`. */
  complete: flag,
  next: optional(cursor),
});
export type Content = ShapeOf<typeof content>;

export interface Manifest {
  readonly cluster: ClusterId;
  readonly digits: number;
  /** Milliseconds since 1970; what was acknowledged before then is in the backup, or something newer. */
  readonly startedAtMs: number;
  /** Undefined while partitions are missing. */
  readonly finishedAtMs?: number | undefined;
  readonly partitions: ReadonlyMap<PartitionId, Content>;
}

const fields = object({
  cluster: clusterId,
  digits: integer({ min: 1, max: DIGITS_MAX }),
  startedAtMs: count,
  finishedAtMs: optional(count),
  partitions: dictionary(content, { max: partitionCount(DIGITS_MAX) }),
});

const formatOf = object({ format: integer({ min: 1, max: INTEGER_MAX }) });

/** In hex, as the partition's keys begin. */
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
  const all = { format: FORMAT, ...rest, partitions: Object.fromEntries(named) };
  return Buffer.from(`${JSON.stringify(all, undefined, 1)}\n`);
}

function encodeCursor({ bucket, afterKey }: Cursor): unknown {
  return { bucket, afterKey: afterKey.toString('hex') };
}

/** @returns a text that says what is wrong, for anything that is no manifest of this format */
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
    if (format !== FORMAT) {
      return `it has format ${format}, and this version reads format ${FORMAT}`;
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
