// The controller's durable state: the map it published last.

import type { ClusterMap } from '../cluster/cluster-map.ts';
import { type DecodedMapFile, decodeMapFile, encodeMapFile } from '../cluster/map-file.ts';

export const STATE_FILE = 'controller.state';
const TITLE = 'velour-fog controller state';

export function encodeState(map: ClusterMap): Buffer {
  return encodeMapFile(TITLE, map);
}

export function decodeState(bytes: Buffer): DecodedMapFile {
  return decodeMapFile(TITLE, bytes);
}
