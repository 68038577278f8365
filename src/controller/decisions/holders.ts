// Which nodes hold what of an offline partition, by their latest heartbeats (H29), and with which copy an operator
// accepts the loss. Nothing here proves that a copy is complete: a set of a later epoch may have been acknowledged by
// nodes that are gone, and only they would know.

import {
  compareMapVersions,
  type IncarnationId,
  type MapVersion,
} from '../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import type { LatestReport } from '../observations/pending.ts';

export type Holder = IncarnationId & NonNullable<HeartbeatRequest['retained']>[number];

export interface Choice {
  /** Copies that are equal as far as is known: all have what was acknowledged up to `epoch`. */
  readonly chosen: readonly IncarnationId[];
  readonly epoch: number;
  readonly items: number;
}

/** The nodes that reported what they hold under this map or a later one; reports under older maps may be incomplete. */
export function thoseWhoSaid(
  incarnationIds: readonly IncarnationId[],
  heartbeats: LatestReport<HeartbeatRequest>,
  version: MapVersion,
): readonly IncarnationId[] {
  return incarnationIds.filter((incarnationId) => {
    const said = heartbeats.of(incarnationId)?.mapVersion;
    return said !== undefined && compareMapVersions(said, version) >= 0;
  });
}

export function holdersOf(
  partition: PartitionId,
  incarnationIds: readonly IncarnationId[],
  heartbeats: LatestReport<HeartbeatRequest>,
): readonly Holder[] {
  return incarnationIds.flatMap((incarnationId) => {
    const held = heartbeats
      .of(incarnationId)
      ?.retained?.find((each) => each.partition === partition);
    return held === undefined ? [] : [{ ...incarnationId, ...held }];
  });
}

/**
 * Chooses the most complete copies: those with the highest epoch up to which a copy has everything, then those that
 * have lost nothing since, then the newest, then the largest. Copies of one epoch that may have lost something have
 * lost different things; each pulls what the others have (R10).
 */
export function mostComplete(holders: readonly Holder[]): Choice | undefined {
  const [best] = [...holders].sort(byCompleteness);
  if (best === undefined) return undefined;
  const alike = holders.filter(
    ({ epoch, complete }) => best.epoch > 0 && epoch === best.epoch && complete === best.complete,
  );
  const chosen = alike.length > 0 ? alike : [best];
  return {
    chosen: chosen.map(({ node, incarnation }) => ({ node, incarnation })),
    epoch: best.epoch,
    items: Math.max(...chosen.map(({ items }) => items)),
  };
}

function byCompleteness(a: Holder, b: Holder): number {
  return (
    b.epoch - a.epoch ||
    Number(b.complete) - Number(a.complete) ||
    b.newestMs - a.newestMs ||
    b.items - a.items
  );
}
