// What a file server answers to `GET /room`: who it is, and what it can take. Asked often, by all who may use it.

import { mapVersion } from '../model/cluster-map.ts';
import { address, nodeId, storeId } from '../model/identity.ts';
import { flag, integer, object, optional, type ShapeOf } from './shapes.ts';

const count = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

export const fileServerRoom = object({
  id: nodeId,
  store: storeId,
  /** What may still be written beside the reserve. */
  freeBytes: count,
  /** Uploads and downloads under way. */
  busy: count,
  readOnly: flag,
  /** Of the map that it goes by: who asks may have an older one, in which file servers are missing (F1). */
  mapVersion: optional(mapVersion),
  /** Where clients reach it, if that is not the address in the map. */
  publicAddress: optional(address),
});

export type FileServerRoom = ShapeOf<typeof fileServerRoom>;
