// Who has what of a partition that nobody answers for, by the nodes' last heartbeats (H29): whom a loss is
// accepted with. Nothing here proves that a copy has everything: a set of a later epoch may have been
// acknowledged by those that are gone, and only they would know.

import { compareMapVersions, type Life, type MapVersion } from '../../cluster/model/cluster-map.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import type { HeartbeatRequest } from '../../cluster/wire/control-messages.ts';
import type { LatestReport } from '../observations/pending.ts';

export type Holder = Life & NonNullable<HeartbeatRequest['retained']>[number];

export interface Choice {
  /** Alike as far as is known: whatever was acknowledged up to the epoch, all of them have. */
  readonly chosen: readonly Life[];
  readonly epoch: number;
  readonly items: number;
}

/** Lives that said what they hold under this map or a later one; others may hold more than they said. */
export function thoseWhoSaid(
  lives: readonly Life[],
  heartbeats: LatestReport<HeartbeatRequest>,
  version: MapVersion,
): readonly Life[] {
  return lives.filter((life) => {
    const said = heartbeats.of(life)?.mapVersion;
    return said !== undefined && compareMapVersions(said, version) >= 0;
  });
}

export function holdersOf(
  partition: PartitionId,
  lives: readonly Life[],
  heartbeats: LatestReport<HeartbeatRequest>,
): readonly Holder[] {
  return lives.flatMap((life) => {
    const held = heartbeats.of(life)?.retained?.find((each) => each.partition === partition);
    return held === undefined ? [] : [{ ...life, ...held }];
  });
}

/**
 * The most complete of them: by the highest epoch until which a copy had everything, then one of which nothing can
 * be lost since, then the newest, then the largest. Copies of that epoch that may have lost something have each
 * lost something else, and what one of them has the others pull (R10).
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
