// How maps are asked for: `?since=G.N.NONCE` names the version the asker has, and only a newer map is sent.

import { type HttpReply, type HttpRequest, queryOf } from '../http/http.ts';
import {
  type ClusterMap,
  compareMapVersions,
  type MapVersion,
  NO_MAP,
  parseMapVersion,
} from '../model/cluster-map.ts';
import type { MapReply } from './control-messages.ts';
import { messageReply } from './map-json.ts';
import { parseQuery } from './query.ts';

/** The version in the request's `since`, or below every map when there is none. */
export function sinceOf(request: HttpRequest): MapVersion {
  const query = parseQuery(queryOf(request.target));
  const since =
    query.kind === 'query' ? query.parameters.get('since')?.toString('latin1') : undefined;
  return (since === undefined ? undefined : parseMapVersion(since)) ?? NO_MAP;
}

export function isNewer(map: ClusterMap | undefined, since: MapVersion): map is ClusterMap {
  return map !== undefined && compareMapVersions(map.version, since) > 0;
}

export function newerMap(request: HttpRequest, map: ClusterMap | undefined): HttpReply {
  const reply: MapReply = {
    map: isNewer(map, sinceOf(request)) ? map : undefined,
    delta: undefined,
    waitingFor: undefined,
  };
  return messageReply(reply);
}
