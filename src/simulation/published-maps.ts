// Checks the maps that controllers publish, and those that the storage nodes have: no two of one version (I1), none of a stale
// lineage that is followed (H32), and no second cluster while a node has a map of the first one (D5).

import { type ClusterMap, encodeMapVersion } from '../cluster/model/cluster-map.ts';
import { mapReply } from '../cluster/wire/control-messages.ts';
import type { StorageNode } from '../storage/storage-node.ts';
import type { SimulatedNode } from './node.ts';
import { bytesOf, plainGet } from './requests.ts';

export class PublishedMaps {
  readonly #storages: () => readonly SimulatedNode<StorageNode>[];
  readonly #violation: (text: string) => void;
  /** Each as JSON, by its name. */
  readonly #published = new Map<string, string>();
  /** Names of maps that a controller made without knowing the maps of the one that took its place. */
  readonly #passedOver = new Set<string>();

  constructor(
    storages: () => readonly SimulatedNode<StorageNode>[],
    violation: (text: string) => void,
  ) {
    this.#storages = storages;
    this.#violation = violation;
  }

  /**
   * I1: two published maps never share a version, after any number of recoveries.
   * @param earlier the one before, if there is any
   */
  add(map: ClusterMap, earlier: ClusterMap | undefined): void {
    const name = nameOf(map);
    const published = JSON.stringify(map);
    const known = this.#published.get(name) ?? published;
    if (known !== published) this.#violation(`I1: two maps ${name} were published`);
    this.#published.set(name, published);
    if (earlier === undefined || earlier.cluster === map.cluster) return;
    const knows = this.#storages().find((node) => mapOf(node)?.cluster === earlier.cluster);
    if (knows === undefined) return;
    this.#violation(`D5: another cluster was founded, and ${knows.process.name} has a map`);
  }

  passOver(map: ClusterMap): void {
    this.#passedOver.add(nameOf(map));
  }

  /**
   * I1: every node's map is the published map of its version, also when it was put together from deltas (H38). H32: and
   * no node follows a map of a stale lineage.
   * @param when completes the sentence of a violation
   */
  checkNodes(when: string): void {
    for (const node of this.#storages()) {
      const map = mapOf(node);
      if (map === undefined) continue;
      const { name: who } = node.process;
      const name = nameOf(map);
      if (this.#passedOver.has(name)) {
        this.#violation(
          `H32: ${who} follows map ${name}, which was opened from an older one, ${when}`,
        );
      }
      const published = this.#published.get(name);
      if (published === undefined || published === JSON.stringify(map)) continue;
      this.#violation(`I1: ${who} has another map ${name} than was published, ${when}`);
    }
  }
}

/** @returns the map that the storage node has adopted, if it is alive */
export function mapOf(node: SimulatedNode<StorageNode>): ClusterMap | undefined {
  const reply = node.peek(plainGet('/s/map'));
  return mapReply(reply === undefined ? {} : JSON.parse(bytesOf(reply).toString())).map;
}

/** Where nobody is left who has a map, the nodes found another cluster, whose maps begin at the same version. */
function nameOf({ cluster, version }: ClusterMap): string {
  return `${encodeMapVersion(version)} of ${cluster}`;
}
