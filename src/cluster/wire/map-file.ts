// A cluster map as a file: one line with title, format and checksum, then the map as JSON. A file that cannot be read
// is never taken for a missing one: a controller that started without a state beside a living cluster would found a
// second one.

import { crc32 } from 'node:zlib';
import { type ClusterMap, clusterMap } from '../model/cluster-map.ts';
import { encodedMap } from './map-json.ts';
import { isNothing, Malformed } from './shapes.ts';

const FORMAT = 2;
const LINE_FEED = Buffer.from('\n');

export type DecodedMapFile =
  | { readonly kind: 'state'; readonly map: ClusterMap }
  | { readonly kind: 'unusable'; readonly reason: string };

/** @param title the kind of file and its owner; it must be the same when the file is decoded */
export function encodeMapFile(title: string, map: ClusterMap): Buffer {
  const body = Buffer.concat([encodedMap(map), LINE_FEED]);
  return Buffer.concat([Buffer.from(`${title} ${FORMAT} ${checksum(body)}\n`), body]);
}

export function decodeMapFile(title: string, bytes: Buffer): DecodedMapFile {
  if (isNothing(bytes)) return unusable('it is empty');
  const end = bytes.indexOf('\n');
  const line = /^(.*) (\d+) ([0-9a-f]{8})$/.exec(bytes.subarray(0, Math.max(end, 0)).toString());
  if (line === null || line[1] !== title) return unusable(`it is not a ${title}`);
  if (Number(line[2]) !== FORMAT) {
    return unusable(`its format is ${line[2]}, and this version knows ${FORMAT}`);
  }
  const body = bytes.subarray(end + 1);
  if (checksum(body) !== line[3]) return unusable('its checksum does not match');
  try {
    return { kind: 'state', map: clusterMap(JSON.parse(body.toString())) };
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) return unusable(error.message);
    throw error;
  }
}

function checksum(body: Buffer): string {
  return crc32(body).toString(16).padStart(8, '0');
}

function unusable(reason: string): DecodedMapFile {
  return { kind: 'unusable', reason };
}
