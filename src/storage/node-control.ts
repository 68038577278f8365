// Answers the control messages that a storage node receives: maps that are pushed or asked for, votes as a witness,
// and promises to a recovery (H32). The messages that it sends itself are in registration.ts and heartbeats.ts.

import type { ControlRoutes } from '../cluster/http/control-routes.ts';
import { type ClusterMap, compareGenerations } from '../cluster/model/cluster-map.ts';
import type { Address, NodeId, StoreId } from '../cluster/model/identity.ts';
import { received } from '../cluster/model/map-delta.ts';
import type {
  MapPush,
  MapPushReply,
  PrepareReply,
  PrepareRequest,
} from '../cluster/wire/control-messages.ts';
import { CONTROL, Refused } from '../cluster/wire/control-table.ts';
import { newerMap } from '../cluster/wire/map-exchange.ts';
import type { GrantCounters } from './counters.ts';
import type { StoredIdentity } from './data-directory/identity.ts';
import { IDENTITY_FILE } from './data-directory/identity-file.ts';
import type { NodeIncarnation } from './node-incarnation.ts';
import type { AdoptionOutcome } from './replication/map-adoption.ts';
import { replyToMap } from './replication/map-reply.ts';

/** The identity of the process, once it has read its data directory, and the map that was found there. */
export interface KnownSelf {
  readonly node: NodeId;
  readonly store: StoreId;
  readonly map: ClusterMap | undefined;
}

export interface Controlled {
  readonly address: Address;
  readonly grants: GrantCounters;
  incarnationId(): NodeIncarnation | undefined;
  self(): KnownSelf | undefined;
  identity(): StoredIdentity;
}

export function addNodeControl(control: ControlRoutes, node: Controlled): void {
  control.on(CONTROL.pushMap, (message, reply) => pushed(node, message, reply));
  control.on(CONTROL.fetchMap, (message, reply) => {
    reply(newerMap(message, node.incarnationId()?.replica.map));
  });
  control.on(CONTROL.prepare, (message, reply) => prepare(node, message, reply));
  control.on(CONTROL.grant, (message, reply) => {
    const incarnation = node.incarnationId();
    if (incarnation === undefined) return reply(new Refused('not-ready', 'not registered yet'));
    const grant = incarnation.grant(message);
    node.grants.count(grant.answer);
    return reply(grant);
  });
}

function pushed(
  node: Controlled,
  message: MapPush,
  reply: (answer: MapPushReply | Refused) => void,
): void {
  const answer = (outcome: AdoptionOutcome) =>
    reply(replyToMap(outcome, node.incarnationId()?.replica));
  const incarnation = node.incarnationId();
  if (incarnation === undefined) return answer('already-newer');
  const { replica } = incarnation;
  const news = received(message, replica.map);
  if (news.kind === 'map') return incarnation.adopt(news.map, 'peer', answer);
  if (news.kind === 'unusable') return answer('not-over-this-map');
  return answer(replica.isOverruled(message.delta?.version) ? 'overruled' : 'already-newer');
}

/** H32: the promise is on disk before the reply with the map is sent. */
function prepare(
  node: Controlled,
  { cluster, ...asked }: PrepareRequest,
  reply: (answer: PrepareReply | Refused) => void,
): void {
  const self = node.self();
  const identity = node.identity();
  if (self === undefined) {
    return reply(new Refused('not-ready', 'this node reads its data directory'));
  }
  const map = node.incarnationId()?.replica.map ?? self.map;
  // A node without a map has never answered anything, so its promise counts for any cluster.
  if (map !== undefined && map.cluster !== cluster) {
    return reply(new Refused('other-cluster', 'this node belongs to another cluster'));
  }
  const answer = () => {
    const { generation, nonce = '' } = identity.promised;
    const incarnation = node.incarnationId();
    reply({
      node: self.node,
      address: node.address,
      store: self.store,
      incarnation: incarnation?.replica.incarnation,
      lives: identity.lives,
      living: incarnation !== undefined && !incarnation.hasEnded,
      generation,
      nonce,
      map: incarnation?.replica.map ?? self.map,
      // A newer map that this node obeys but could not store; it may know of a fence by that map alone (R6).
      obeyed: incarnation?.replica.obeyedOnly,
    });
  };
  if (compareGenerations(asked, identity.promised) <= 0) return answer();
  return identity.promise(asked, (failure) => {
    if (failure !== undefined) {
      return reply(new Refused('not-durable', `${IDENTITY_FILE}: ${failure}`));
    }
    node.incarnationId()?.replica.promise(identity.promised);
    return answer();
  });
}
