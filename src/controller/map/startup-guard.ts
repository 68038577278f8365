// Guards the first moments of a controller that starts from its state file: it hears its nodes before it publishes
// anything, so that a file restored from an old copy, or a controller that another one has replaced, is detected before
// any node follows it (H32). Also checks that the command line fits the stored cluster.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import {
  askedFor,
  type ClusterMap,
  compareGenerations,
  compareMapVersions,
  type Generation,
  isOfStaleLineage,
  type MapVersion,
  nodeEntry,
  printMapVersion,
  type WhenFull,
  whenFullOf,
} from '../../cluster/model/cluster-map.ts';
import type { ClusterId, NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Logger, Runtime, Timers } from '../../cluster/ports.ts';
import { STATE_FILE } from './state-file.ts';

/** The maps and promises that a storage node reports. */
interface NodeReport {
  readonly node: NodeId;
  /** The cluster that it belongs to, if that is not known already. */
  readonly cluster?: ClusterId | undefined;
  readonly mapVersion?: MapVersion | undefined;
  readonly obeyedVersion?: MapVersion | undefined;
  readonly promised?: Generation | undefined;
}

export class StartupGuard {
  readonly #timers: Timers;
  readonly #times: Times;
  readonly #stored: ClusterMap;
  readonly #heard = new Set<NodeId>();
  readonly #opened: (promised: number | undefined) => void;
  #promised: Generation | undefined;
  #over = false;

  /**
   * @param opened is called once, when all nodes were heard, or `suspicionMs` after the first of them was. It gets the
   *   highest generation that a node has promised itself to, if that is above the last one for which the nodes were
   *   asked; such a node follows only a controller that asks it (H32)
   */
  constructor(
    { timers }: Pick<Runtime, 'timers'>,
    times: Times,
    stored: ClusterMap,
    opened: (promised: number | undefined) => void,
  ) {
    this.#timers = timers;
    this.#times = times;
    this.#stored = stored;
    this.#opened = opened;
  }

  /** What is waited for, as text for people. */
  get waitingFor(): string {
    return this.#heard.size === 0
      ? 'the controller publishes its map once a storage node has come to it, and none came yet'
      : 'the controller hears its nodes';
  }

  /**
   * Call for each registration and heartbeat.
   * @throws FatalError when the node has a map that the stored one was not made from
   */
  heard({ node, cluster, mapVersion, obeyedVersion, promised }: NodeReport): void {
    if (cluster !== undefined && cluster !== this.#stored.cluster) return;
    const highest = this.#promised ?? askedFor(this.#stored);
    const isKnown = nodeEntry(this.#stored, node) !== undefined;
    if (isKnown && promised !== undefined && compareGenerations(promised, highest) > 0) {
      this.#promised = promised;
    }
    const adopted = obeyedVersion ?? mapVersion;
    if (adopted !== undefined) refuseStaleLineage(this.#stored, node, adopted);
    // Another controller may have recovered the map meanwhile. Then all nodes speak with that one, and a node that it does
    // not reach yet would follow this one: so publish nothing while nobody speaks with this one (H32).
    if (this.#heard.size === 0) this.#timers.after(this.#times.suspicionMs, () => this.#open());
    this.#heard.add(node);
    if (Object.keys(this.#stored.nodes).every((each) => this.#heard.has(each as NodeId))) {
      this.#open();
    }
  }

  #open(): void {
    if (this.#over) return;
    this.#over = true;
    this.#opened(this.#promised?.generation);
  }
}

/**
 * H40: a cluster stays a store or a cache, as founded. Clients of a store take a 404 as a proof, so no flag in a
 * start script may turn it into a cache.
 * @param asked what the operator chose, if anything
 * @throws FatalError when the map has the other kind
 */
export function refuseOtherWhenFull(asked: WhenFull | undefined, map: ClusterMap): void {
  const founded = whenFullOf(map);
  if (asked === undefined || asked === founded) return;
  const kind = founded === 'evict' ? 'a cache' : 'a store';
  throw new FatalError(
    EXIT.config,
    `this cluster was founded as ${kind}, --when-full ${founded}, and stays one; leave --when-full away, or found another cluster with --when-full ${asked}`,
  );
}

/** H34: digits and redundancy come from the map; logs when the command line has others, which are ignored. */
export function noteOtherFounding(
  asked: Pick<ClusterMap, 'redundancy' | 'digits'>,
  { redundancy, digits }: ClusterMap,
  logger: Logger,
): void {
  if (asked.redundancy === redundancy && asked.digits === digits) return;
  const what = 'the stored cluster differs from the command line, and wins';
  logger.write('warn', what, { redundancy, digits });
}

/** @throws FatalError when a node has a map that the controller's own map was not made from */
export function refuseStaleLineage(own: ClusterMap, node: NodeId, adopted: MapVersion): void {
  const isNewer = compareMapVersions(adopted, own.version) > 0;
  if (!isNewer && !isOfStaleLineage(own, adopted)) return;
  throw new FatalError(
    EXIT.config,
    `node ${node} has map ${printMapVersion(adopted)}, which is newer than the one that this controller started from: ${STATE_FILE} is an old copy; put the newest back, or start with --recover`,
  );
}
