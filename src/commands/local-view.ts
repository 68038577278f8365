// The view that `velour local` has of the cluster that its nodes joined, from the controller: this may be an earlier
// cluster, founded with other figures, and with storage nodes that were started by hand.

import { type Address, address } from '../cluster/model/identity.ts';
import { REDUNDANCY_MAX, STORAGE_NODES_MAX } from '../cluster/model/limits.ts';
import { partitionCount } from '../cluster/model/partition.ts';
import { readReply } from '../cluster/peers/calls.ts';
import type { Network } from '../cluster/ports.ts';
import {
  dictionary,
  flag,
  integer,
  object,
  optional,
  type ShapeOf,
  text,
} from '../cluster/wire/shapes.ts';

const CALL_MS = 1000;

const view = object({
  redundancy: integer({ min: 1, max: REDUNDANCY_MAX }),
  ready: flag,
  whenFull: optional(text({ max: 20 })),
  offlinePartitions: optional(integer({ min: 0, max: partitionCount(3) })),
  storage: dictionary(object({ address }), { max: STORAGE_NODES_MAX }),
});

export type LocalView = ShapeOf<typeof view>;

/** @returns undefined when the controller does not answer */
export function viewOf(network: Network, controller: Address): Promise<LocalView | undefined> {
  const call = { address: controller, method: 'GET', path: '/status', timeoutMs: CALL_MS } as const;
  return new Promise((resolve) =>
    network.call(call, (outcome) => {
      const reply = readReply(view, outcome, 'the controller');
      resolve(reply.kind === 'message' ? reply.message : undefined);
    }),
  );
}

/** @returns the storage nodes of the cluster that are not among `own` */
export function strangersIn({ storage }: LocalView, own: readonly Address[]): readonly Address[] {
  return Object.values(storage)
    .map((node) => node.address)
    .filter((of) => !own.includes(of));
}

/** @returns why the start takes long, and what to do about it */
export function reasonOf(seen: LocalView | undefined, strangers: readonly Address[]): string {
  const offlinePartitions = seen?.offlinePartitions ?? 0;
  if (strangers.length > 0) {
    return `${strangers.join(', ')} was not started by this command, and brought the cluster of an earlier start back, in which partitions are offline: stop it and start again, or give up what was lost with velour accept-loss`;
  }
  if (offlinePartitions > 0) {
    return 'partitions are offline: start the nodes that hold them, or give up what was lost with velour accept-loss';
  }
  return 'on a machine that has not the time for so many processes, start fewer, or with --time-scale 5';
}
