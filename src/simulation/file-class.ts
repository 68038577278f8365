// The operator's word of how many copies the files of a class have (FILES.md, "Classes"): said again until the cluster has it.

import type { Address } from '../cluster/model/identity.ts';
import { protocolTimes } from '../cluster/model/limits.ts';
import type { Runtime, Service } from '../cluster/ports.ts';
import { type ClusterClient, connectToCluster } from '../coordinator/cluster-client.ts';
import { Writer } from '../coordinator/operations/set/writer.ts';
import { encodeClass } from '../files/classes.ts';
import { classKey, type ReplicationClass } from '../files/file-key.ts';
import type { SimulatedCluster } from './cluster.ts';
import { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

const AGAIN_MS = 500;

/** @param done called once, when all members have the record */
export function setClass(
  world: World,
  cluster: SimulatedCluster,
  { name, copies }: { readonly name: ReplicationClass; readonly copies: number },
  done: () => void,
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
        if (outcome.kind === 'stored') return world.at(0, ended);
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
  const ended = () => {
    node.crash(false);
    done();
  };
  node.start();
}
