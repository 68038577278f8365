// A client of a simulated cluster, as `velour backup` and `velour restore` are.

import type { Address } from '../../src/cluster/model/identity.ts';
import { protocolTimes, type Times } from '../../src/cluster/model/limits.ts';
import type { Runtime, Service } from '../../src/cluster/ports.ts';
import { type ClusterClient, connectToCluster } from '../../src/coordinator/cluster-client.ts';
import { SimulatedNode } from '../../src/simulation/cluster.ts';
import type { Stage } from './founded.ts';

export function openClusterClient(stage: Stage, changed: Partial<Times> = {}): ClusterClient {
  const { network, controller } = stage.cluster;
  const clients: ClusterClient[] = [];
  const make = (runtime: Runtime): Service => {
    const times = { ...protocolTimes(1), ...changed };
    const refuse = () => {
      throw new Error('nobody connects to a cluster client');
    };
    return {
      start: () =>
        connectToCluster(runtime, { controller: controller.address, times }, (client) => {
          if ('refused' in client) throw new Error(client.refused);
          clients.push(client);
        }),
      handle: refuse,
      traits: refuse,
      accept: refuse,
      drain: refuse,
    };
  };
  new SimulatedNode(stage.world, network, 'client:1' as Address, make, false).start();
  stage.until('the client is let in', () => clients.length > 0);
  const [client] = clients;
  if (client === undefined) throw new Error('no client');
  return client;
}
