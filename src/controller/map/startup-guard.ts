// The first moments of a controller that starts from its state file: it hears its nodes before it publishes
// anything. A file that was put back from a backup is found out before anybody follows it (H32).

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
import type { NodeId } from '../../cluster/model/identity.ts';
import type { Times } from '../../cluster/model/limits.ts';
import type { Logger, Runtime } from '../../cluster/ports.ts';
import { STATE_FILE } from './state-file.ts';

/** What a storage node says of the maps and recoveries that it knows. */
interface Voice {
  readonly node: NodeId;
  readonly mapVersion?: MapVersion | undefined;
  readonly obeyedVersion?: MapVersion | undefined;
  readonly promised?: Generation | undefined;
}

export class StartupGuard {
  readonly #stored: ClusterMap;
  readonly #heard = new Set<NodeId>();
  readonly #opened: (promised: number | undefined) => void;
  #promised: Generation | undefined;
  #over = false;

  /**
   * @param opened is called once: all nodes were heard, or those that are silent were waited for. With the highest
   *   generation that a node has promised itself to, if it is above the last for which the nodes were asked: such a
   *   node follows nobody who does not ask it (H32)
   */
  constructor(
    runtime: Runtime,
    times: Times,
    stored: ClusterMap,
    opened: (promised: number | undefined) => void,
  ) {
    this.#stored = stored;
    this.#opened = opened;
    runtime.timers.after(times.suspicionMs, () => this.#open());
  }

  /** It registers, or its heart beats. */
  heard({ node, mapVersion, obeyedVersion, promised }: Voice): void {
    const highest = this.#promised ?? askedFor(this.#stored);
    const isKnown = nodeEntry(this.#stored, node) !== undefined;
    if (isKnown && promised !== undefined && compareGenerations(promised, highest) > 0) {
      this.#promised = promised;
    }
    const adopted = obeyedVersion ?? mapVersion;
    if (adopted !== undefined) refuseStaleLineage(this.#stored, node, adopted);
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
 * H40: a cluster stays what it was founded as. Clients of a store take a 404 for a proof, so nobody is to make
 * it a cache by a word in a start script.
 * @param asked what the operator said, if he did
 * @throws FatalError when the map has it otherwise
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

/** H34: what the cluster was founded with stands in its map; flags cannot change it. */
export function noteOtherFounding(
  asked: Pick<ClusterMap, 'redundancy' | 'digits'>,
  { redundancy, digits }: ClusterMap,
  logger: Logger,
): void {
  if (asked.redundancy === redundancy && asked.digits === digits) return;
  const what = 'the stored cluster differs from the command line, and wins';
  logger.write('warn', what, { redundancy, digits });
}

/** @throws FatalError when a node has a map that the controller's was not made from */
export function refuseStaleLineage(own: ClusterMap, node: NodeId, adopted: MapVersion): void {
  const isNewer = compareMapVersions(adopted, own.version) > 0;
  if (!isNewer && !isOfStaleLineage(own, adopted)) return;
  throw new FatalError(
    EXIT.config,
    `node ${node} has map ${printMapVersion(adopted)}, which is newer than the one that this controller started from: ${STATE_FILE} is an old copy; put the newest back, or start with --recover`,
  );
}
