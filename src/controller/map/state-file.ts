// The file with the controller's durable state, the last published map. When it is written is in published-map.ts.

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
 * Ends a controller that has no map yet and whose disk is broken. While the disk is merely full it waits, as nodes
 * and frontends depend on it.
 * @throws FatalError when the write failed for another reason than a shortage
 */
export function refuseBrokenDisk(detail: string): void {
  if (isShortage(detail)) return;
  throw new FatalError(EXIT.config, `${STATE_FILE} cannot be written: ${detail}`);
}
