// A guest of a simulated cluster, as `velour backup` and `velour restore` are.

import type { Address } from '../../src/cluster/model/identity.ts';
import { protocolTimes, type Times } from '../../src/cluster/model/limits.ts';
import type { Runtime, Service } from '../../src/cluster/ports.ts';
import { type ClusterClient, visit } from '../../src/coordinator/cluster-client.ts';
import { SimulatedNode } from '../../src/simulation/cluster.ts';
import type { Stage } from './founded.ts';

export function guestOf(stage: Stage, changed: Partial<Times> = {}): ClusterClient {
  const { network, controller } = stage.cluster;
  const guests: ClusterClient[] = [];
  const make = (runtime: Runtime): Service => {
    const times = { ...protocolTimes(1), ...changed };
    const refuse = () => {
      throw new Error('nobody connects to a guest');
    };
    return {
      start: () =>
        visit(runtime, { controller: controller.address, times }, (guest) => {
          if ('refused' in guest) throw new Error(guest.refused);
          guests.push(guest);
        }),
      handle: refuse,
      changes: refuse,
      accept: refuse,
      drain: refuse,
    };
  };
  new SimulatedNode(stage.world, network, 'guest:1' as Address, make, false).start();
  stage.until('the guest is let in', () => guests.length > 0);
  const [guest] = guests;
  if (guest === undefined) throw new Error('no guest');
  return guest;
}
