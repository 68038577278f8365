// The controller's durable state: one line that says what the file is, then the map as JSON. What
// cannot be read is never taken for "nothing there": a controller that starts empty beside a living
// cluster would found a second one.

import { crc32 } from 'node:zlib';
import { type ClusterMap, clusterMap } from '../cluster/cluster-map.ts';
import { Malformed } from '../cluster/shape.ts';

export const STATE_FILE = 'controller.state';
const TITLE = 'velour-fog controller state';
const FORMAT = 1;

export type DecodedState =
  | { readonly kind: 'state'; readonly map: ClusterMap }
  | { readonly kind: 'unusable'; readonly reason: string };

export function encodeState(map: ClusterMap): Buffer {
  const body = Buffer.from(`${JSON.stringify(map)}\n`);
  return Buffer.concat([Buffer.from(`${TITLE} ${FORMAT} ${checksum(body)}\n`), body]);
}

export function decodeState(bytes: Buffer): DecodedState {
  const end = bytes.indexOf('\n');
  const line = /^(.*) (\d+) ([0-9a-f]{8})$/.exec(bytes.subarray(0, Math.max(end, 0)).toString());
  if (line === null || line[1] !== TITLE) return unusable('it is not a controller state');
  if (Number(line[2]) !== FORMAT) {
    return unusable(`its format is ${line[2]}, and this version knows ${FORMAT}`);
  }
  const body = bytes.subarray(end + 1);
  if (checksum(body) !== line[3]) return unusable('its checksum does not match');
  try {
    return { kind: 'state', map: clusterMap(JSON.parse(body.toString()), 'map') };
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) return unusable(error.message);
    throw error;
  }
}

function checksum(body: Buffer): string {
  return crc32(body).toString(16).padStart(8, '0');
}

function unusable(reason: string): DecodedState {
  return { kind: 'unusable', reason };
}
