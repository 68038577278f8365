// How maps are asked for: `since`, G.N.NONCE, names the version the asker has, and only a newer map is sent.

import {
  type ClusterMap,
  compareMapVersions,
  type MapVersion,
  NO_MAP,
  parseMapVersion,
} from '../model/cluster-map.ts';
import type { FetchRequest, MapReply } from './control-messages.ts';

/** The version that the text names, or below every map when it names none. */
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
