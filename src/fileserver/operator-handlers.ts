// Handles what operators say to a file server: that it may collect, however much that is, and that the records of files were
// set anew from its blobs.

import { errorReply } from '../cluster/http/errors.ts';
import type { Routes } from '../cluster/http/routes.ts';
import { mapVersion } from '../cluster/model/cluster-map.ts';
import { clusterId } from '../cluster/model/identity.ts';
import { list, object } from '../cluster/wire/shapes.ts';
import { REBUILT_CLUSTERS_MAX, type Rebuilt } from '../files/provenance.ts';
import type { StoreIdentity } from './blob-store/identity-file.ts';
import { FILESERVER_ROUTES } from './fileserver-routes.ts';
import { DONE, messageIn } from './requests.ts';
import type { Upkeep } from './upkeep.ts';

const NOT_JOINED = errorReply('not-ready', 'this file server has not joined yet');

const rebuiltRequest = object({
  cluster: clusterId,
  /** The map with which the rebuild began. */
  upTo: mapVersion,
  clusters: list(clusterId, { max: REBUILT_CLUSTERS_MAX }),
});

export interface OperatedServer {
  /** Undefined until it has joined. */
  upkeep(): Upkeep | undefined;
  identity(): StoreIdentity | undefined;
  /** Notes that records were set anew. @param done called once, when it is on the disk */
  rebuilt(rebuilt: Rebuilt, done: () => void): void;
}

export function addOperatorHandlers(routes: Routes, server: OperatedServer): void {
  routes.add(FILESERVER_ROUTES.collect, (_request, reply) => {
    const upkeep = server.upkeep();
    if (upkeep === undefined) return reply(NOT_JOINED);
    upkeep.replicator.collectAll();
    return reply(DONE);
  });
  routes.add(FILESERVER_ROUTES.rebuilt, (request, reply) => {
    const asked = messageIn(request, rebuiltRequest);
    if (asked.kind === 'refused') return reply(asked.reply);
    const own = server.identity()?.cluster;
    if (own === undefined || server.upkeep() === undefined) return reply(NOT_JOINED);
    const { cluster, upTo, clusters } = asked.message;
    if (cluster !== own) {
      return reply(errorReply('other-cluster', `this file server is of cluster ${own}`));
    }
    return server.rebuilt({ map: upTo, clusters }, () => reply(DONE));
  });
}
