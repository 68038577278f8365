// The operator's word of how many copies the files of a class have (FILES.md, "Classes"): said again until the cluster has it.

import type { Address } from '../cluster/model/identity.ts';
import { protocolTimes } from '../cluster/model/limits.ts';
import type { Version } from '../cluster/model/version.ts';
import type { Runtime, Service } from '../cluster/ports.ts';
import { type ClusterClient, connectToCluster } from '../coordinator/cluster-client.ts';
import { Writer } from '../coordinator/operations/set/writer.ts';
import { encodeClass } from '../files/classes.ts';
import { classKey, type ReplicationClass } from '../files/file-key.ts';
import type { SimulatedCluster } from './cluster.ts';
import { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

const AGAIN_MS = 500;

/** Of the sets of classes whose outcome nobody knows, the highest version. */
export interface UnknownSets {
  version: Version;
}

/**
 * @param done called once, when all members have the record, with whether that stays: where clocks were days ahead, an earlier
 *   set of unknown outcome may have a higher version, and win in the end
 */
export function setClass(
  world: World,
  cluster: SimulatedCluster,
  { name, copies }: { readonly name: ReplicationClass; readonly copies: number },
  unknown: UnknownSets,
  done: (stays: boolean) => void,
): void {
  const say = (client: ClusterClient): void =>
    new Writer(client).set(
      {
        key: classKey(name),
        value: encodeClass(copies),
        tombstone: false,
        expiresAtMs: 0,
        attributes: [],
      },
      (outcome) => {
        if (outcome.kind === 'stored') {
          const stays = outcome.version > unknown.version;
          return world.at(0, () => ended(stays));
        }
        if (outcome.kind === 'unknown' && outcome.version > unknown.version) {
          unknown.version = outcome.version;
        }
        client.runtime.timers.after(AGAIN_MS, () => say(client));
        return undefined;
      },
    );
  const refuse = () => {
    throw new Error('nobody connects to an operator');
  };
  const make = (runtime: Runtime): Service => ({
    start: () =>
      connectToCluster(
        runtime,
        { controller: cluster.controllerAddress, times: protocolTimes(1) },
        // Where no controller answers, the command ends, and he calls it again.
        (client) => ('refused' in client ? world.at(AGAIN_MS, again) : say(client)),
      ),
    handle: refuse,
    traits: refuse,
    accept: refuse,
    drain: refuse,
  });
  const address = `operator-${name}-${copies}-at-${Math.floor(world.nowMs)}:1` as Address;
  const node = new SimulatedNode(world, cluster.network, address, make, false);
  const again = () => {
    node.crash(false);
    node.start();
  };
  const ended = (stays: boolean) => {
    node.crash(false);
    done(stays);
  };
  node.start();
}
