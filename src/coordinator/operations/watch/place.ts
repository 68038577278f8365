// The place that a watch has reached, and the text that clients have for it: base64url of
//
//   format (1); for each node: length of its id (2), id, incarnation (8), next change (6), CRC-32 of the partitions
//   that are followed there (4); CRC-32 of all this (4)
//
// Any frontend can go on from it, as long as it would follow the same partitions at the same incarnations and these
// still know the changes; otherwise the watch says that it missed some (H46).

import { crc32 } from 'node:zlib';
import type { IncarnationId } from '../../../cluster/model/cluster-map.ts';
import type { Incarnation, NodeId } from '../../../cluster/model/identity.ts';
import type { PartitionSet } from '../../../cluster/model/partition-set.ts';

export interface FollowedPlace {
  readonly incarnationId: IncarnationId;
  /** Everything before this change of that node was told. */
  readonly next: number;
  /** Of the set of partitions, as `setChecksum` has it. */
  readonly partitions: number;
}

export type WatchPlace = readonly FollowedPlace[];

const FORMAT = 1;
const TAIL_BYTES = 18;
const CRC_BYTES = 4;

export function setChecksum({ bytes }: PartitionSet): number {
  return crc32(bytes);
}

export function printPlace(place: WatchPlace): string {
  const parts: Buffer[] = [Buffer.of(FORMAT)];
  for (const { incarnationId, next, partitions } of place) {
    const id = Buffer.from(incarnationId.node);
    const tail = Buffer.alloc(TAIL_BYTES);
    tail.writeDoubleBE(incarnationId.incarnation, 0);
    tail.writeUIntBE(next, 8, 6);
    tail.writeUInt32BE(partitions, 14);
    parts.push(Buffer.of(id.length >> 8, id.length & 0xff), id, tail);
  }
  const content = Buffer.concat(parts);
  const crc = Buffer.alloc(CRC_BYTES);
  crc.writeUInt32BE(crc32(content));
  return Buffer.concat([content, crc]).toString('base64url');
}

/** @returns undefined for a text that `printPlace` never prints */
export function parsePlace(text: string): WatchPlace | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // Node skips what is no base64url; a text that does not come back was not what it seemed.
  if (bytes.length < 1 + CRC_BYTES || bytes.toString('base64url') !== text) return undefined;
  const content = bytes.subarray(0, bytes.length - CRC_BYTES);
  if (crc32(content) !== bytes.readUInt32BE(content.length)) return undefined;
  if (content[0] !== FORMAT) return undefined;
  const place: FollowedPlace[] = [];
  for (let offset = 1; offset < content.length; ) {
    const idAt = offset + 2;
    const idEnd = idAt > content.length ? idAt : idAt + content.readUInt16BE(offset);
    const end = idEnd + TAIL_BYTES;
    if (end > content.length) return undefined;
    const node = content.toString('utf8', idAt, idEnd) as NodeId;
    const incarnation = content.readDoubleBE(idEnd) as Incarnation;
    place.push({
      incarnationId: { node, incarnation },
      next: content.readUIntBE(idEnd + 8, 6),
      partitions: content.readUInt32BE(idEnd + 14),
    });
    offset = end;
  }
  return place;
}
