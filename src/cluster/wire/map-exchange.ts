// How processes ask for maps: `since`, as G.N.NONCE, names the version that the asker has, and only a newer map is
// sent.

import {
  type ClusterMap,
  compareMapVersions,
  type MapVersion,
  NO_MAP,
  parseMapVersion,
} from '../model/cluster-map.ts';
import type { FetchRequest, MapReply } from './control-messages.ts';

/** @returns the version that the text names; one below every map when the text is missing or names none */
export function sinceOf(since: string | undefined): MapVersion {
  return (since === undefined ? undefined : parseMapVersion(since)) ?? NO_MAP;
}

export function isNewer(map: ClusterMap | undefined, since: MapVersion): map is ClusterMap {
  return map !== undefined && compareMapVersions(map.version, since) > 0;
}

export function newerMap({ since }: FetchRequest, map: ClusterMap | undefined): MapReply {
  return {
    map: isNewer(map, sinceOf(since)) ? map : undefined,
    delta: undefined,
    waitingFor: undefined,
  };
}
