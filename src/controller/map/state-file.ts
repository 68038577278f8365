// The controller's durable state: the map it published last.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import type { ClusterMap } from '../../cluster/model/cluster-map.ts';
import { isShortage } from '../../cluster/shortage.ts';
import { type DecodedMapFile, decodeMapFile, encodeMapFile } from '../../cluster/wire/map-file.ts';

export const STATE_FILE = 'controller.state';
const TITLE = 'velour-fog controller state';

export function encodeState(map: ClusterMap): Buffer {
  return encodeMapFile(TITLE, map);
}

export function decodeState(bytes: Buffer): DecodedMapFile {
  return decodeMapFile(TITLE, bytes);
}

/**
 * Of a controller that has no map yet: it waits while its disk is full, for others count on it.
 * @throws FatalError for a disk that is broken
 */
export function refuseBrokenDisk(detail: string): void {
  if (isShortage(detail)) return;
  throw new FatalError(EXIT.config, `${STATE_FILE} cannot be written: ${detail}`);
}
