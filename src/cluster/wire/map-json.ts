// JSON of what carries a map: a published map goes to every node and frontend, and is put into JSON once.
// Reading is validation, and stands with the map's shape.

import { type HttpReply, JSON_HEADERS } from '../http/http.ts';
import type { ClusterMap } from '../model/cluster-map.ts';
import type { MapDelta } from '../model/map-delta.ts';

/** A request or reply whose `map`, if it has one, is the cluster's. */
export interface ControlMessage {
  readonly map?: ClusterMap | undefined;
  readonly delta?: MapDelta | undefined;
  readonly [field: string]: unknown;
}

/** For as long as somebody holds the map. Of 256 partitions it is 60 KB, which took 0.4 ms for each receiver. */
const encoded = new WeakMap<ClusterMap | MapDelta, Buffer>();

/** @returns JSON, with the map, or what changed of it, as its last field */
export function encodeMessage(message: ControlMessage): Buffer {
  const { map, delta, ...rest } = message;
  const fields = JSON.stringify(rest);
  const news = map ?? delta;
  if (news === undefined) return Buffer.from(fields);
  const name = map === undefined ? '"delta":' : '"map":';
  const before = fields === '{}' ? `{${name}` : `${fields.slice(0, -1)},${name}`;
  return Buffer.concat([Buffer.from(before), encodedMap(news), Buffer.from('}')]);
}

export function messageReply(message: ControlMessage): HttpReply {
  return { status: 200, headers: JSON_HEADERS, body: encodeMessage(message) };
}

/** The map alone; the bytes are everybody's, and stay as they are. */
export function encodedMap(map: ClusterMap | MapDelta): Buffer {
  const known = encoded.get(map);
  if (known !== undefined) return known;
  const bytes = Buffer.from(JSON.stringify(map));
  encoded.set(map, bytes);
  return bytes;
}
