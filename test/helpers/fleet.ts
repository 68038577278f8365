// A cluster whose processes a test starts one by one, so that it can kill, stop and start each of them,
// give each its own way to the controller, and run each where it likes. What it started ends with it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ClusterMap,
  type Member,
  partitionEntry,
} from '../../src/cluster/model/cluster-map.ts';
import { partitionOf } from '../../src/cluster/model/partition.ts';
import { mapReply } from '../../src/cluster/wire/control-messages.ts';
import { type Door, knock } from './client.ts';
import { freePorts, Started, until } from './cluster.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export type Role = 'controller' | 'storage' | 'frontend' | 'fileserver';

/** One node over all of its lives. */
export class Node {
  readonly role: Role;
  /** As the other nodes reach it. */
  readonly address: string;
  /** Where a test reaches it. */
  readonly door: Door;
  readonly #words: readonly string[];
  #incarnationId: Started | undefined;

  /** @param words a whole command line */
  constructor(role: Role, door: Door, words: readonly string[]) {
    this.role = role;
    this.door = door;
    this.address = door.address;
    this.#words = words;
  }

  /** @param more options of this life alone */
  start(...more: readonly string[]): void {
    const [command = '', ...rest] = this.#words;
    this.#incarnationId = new Started(command, [...rest, ...more]);
  }

  get incarnationId(): Started {
    if (this.#incarnationId === undefined)
      throw new Error(`${this.role} ${this.address} was not started`);
    return this.#incarnationId;
  }

  signal(signal: NodeJS.Signals): void {
    this.incarnationId.child.kill(signal);
  }

  /** At once, without a word to anybody; ends stopped processes as well. */
  async kill(): Promise<void> {
    if (this.#incarnationId !== undefined) await this.#incarnationId.stop('SIGKILL');
  }

  async isReady(): Promise<boolean> {
    return (await knock(this.door, '/readyz').catch(() => undefined))?.status === 200;
  }

  /** What the process says of itself at /status. */
  async status(): Promise<unknown> {
    return JSON.parse((await knock(this.door, '/status')).text);
  }

  /** @param name with its labels, as `/metrics` has it */
  async metric(name: string): Promise<number> {
    const { text } = await knock(this.door, '/metrics');
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return Number(line?.slice(name.length));
  }
}

export interface Place {
  readonly role: Role;
  readonly index: number;
  readonly address: string;
}

/**
 * Of the protocol's times (D12), so that a slow or busy machine is not taken for a failure. The same
 * protocol runs, slower.
 */
export const TIME_SCALE = Number(process.env.FAULT_TIME_SCALE ?? 3);

export interface FleetSettings {
  readonly timeScale?: number;
  readonly storages?: number;
  readonly frontends?: number;
  /** By default none; each has a directory. */
  readonly fileservers?: number;
  readonly redundancy?: number;
  /** Of the partition number; by default one, so that few partitions are copied soon. */
  readonly digits?: number;
  /** Data directories for the controller and the storage nodes. */
  readonly data?: 'all' | 'controller' | 'none';
  /** A data directory of the test's own for one node. */
  readonly directoryOf?: (place: Place) => string | undefined;
  /** HOST:PORT of a node; by default a free port of 127.0.0.1. */
  readonly addressOf?: (role: Role, index: number) => string | undefined;
  readonly doorOf?: (place: Place) => Door;
  /** The controller's address as a node is told it. */
  readonly controllerFor?: (place: Place, controller: string) => string;
  /** Further options of one node. */
  readonly optionsFor?: (place: Place) => readonly string[];
  /** What stands before the command line of one node. */
  readonly commandFor?: (place: Place) => readonly string[];
}

export class Fleet {
  readonly directory = mkdtempSync(join(tmpdir(), 'velour-fleet-'));
  readonly controller: Node;
  readonly storages: readonly Node[];
  readonly frontends: readonly Node[];
  readonly fileservers: readonly Node[];
  /** A storage node that nobody started yet. */
  readonly spare: Node;

  static async start(settings: FleetSettings = {}): Promise<Fleet> {
    const { storages = 5, frontends = 2, fileservers = 0 } = settings;
    const ports = await freePorts(2 + storages + frontends + fileservers);
    const fleet = new Fleet(settings, ports);
    try {
      for (const node of fleet.nodes) node.start();
      for (const node of [...fleet.frontends, ...fleet.fileservers]) await fleet.untilReady(node);
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    return fleet;
  }

  private constructor(settings: FleetSettings, ports: readonly number[]) {
    const { storages = 5, frontends = 2, redundancy = 3, digits = 1, fileservers = 0 } = settings;
    const firstPort = {
      controller: 0,
      storage: 1,
      frontend: 2 + storages,
      fileserver: 2 + storages + frontends,
    };
    const placeOf = (role: Role, index: number): Place => {
      const port = ports[firstPort[role] + index];
      return { role, index, address: settings.addressOf?.(role, index) ?? `127.0.0.1:${port}` };
    };
    const controller = placeOf('controller', 0);
    const make = (place: Place, words: readonly string[]) => {
      const door = settings.doorOf?.(place) ?? { address: place.address };
      const before = settings.commandFor?.(place) ?? [];
      const more = settings.optionsFor?.(place) ?? [];
      const scale = ['--time-scale', String(settings.timeScale ?? TIME_SCALE)];
      const line = [...before, process.execPath, CLI, place.role, ...words, ...scale, ...more];
      return new Node(place.role, door, line);
    };
    const wayTo = (place: Place) =>
      settings.controllerFor?.(place, controller.address) ?? controller.address;
    const dataOf = (place: Place) => {
      const { role, index } = place;
      const { data = 'none' } = settings;
      const own = settings.directoryOf?.(place);
      if (own !== undefined) return ['--data-dir', own];
      const kept = data === 'all' || data === role || role === 'fileserver';
      return kept ? ['--data-dir', join(this.directory, `${role}-${index}`)] : [];
    };
    const [host = '', port = ''] = controller.address.split(':');
    const founding = [port, String(storages), String(redundancy), '--digits', String(digits)];
    this.controller = make(controller, [...founding, '--host', host, ...dataOf(controller)]);
    const storage = (index: number) => {
      const place = placeOf('storage', index);
      return make(place, [wayTo(place), place.address, ...dataOf(place)]);
    };
    this.storages = Array.from({ length: storages }, (_, index) => storage(index));
    this.spare = storage(storages);
    this.frontends = Array.from({ length: frontends }, (_, index) => {
      const place = placeOf('frontend', index);
      return make(place, [wayTo(place), place.address]);
    });
    this.fileservers = Array.from({ length: fileservers }, (_, index) => {
      const place = placeOf('fileserver', index);
      return make(place, [wayTo(place), place.address, ...dataOf(place)]);
    });
  }

  get nodes(): readonly Node[] {
    return [this.controller, ...this.storages, ...this.frontends, ...this.fileservers];
  }

  storage(index: number): Node {
    return nodeAt(this.storages, index);
  }

  frontend(index: number): Node {
    return nodeAt(this.frontends, index);
  }

  fileserver(index: number): Node {
    return nodeAt(this.fileservers, index);
  }

  async untilReady(node: Node): Promise<void> {
    await until(async () => {
      for (const { incarnationId, role } of this.nodes) {
        if (incarnationId.ended && role !== 'storage' && role !== 'fileserver')
          throw new Error(`a ${role} ended:\n${incarnationId.stderr}`);
      }
      return node.isReady();
    });
  }

  /** The map that a node has. */
  async map(from: Node = this.controller): Promise<ClusterMap> {
    const path = from.role === 'controller' ? '/c/map' : '/s/map';
    const { map } = mapReply(JSON.parse((await knock(from.door, path)).text));
    if (map === undefined) throw new Error(`${from.address} has no map`);
    return map;
  }

  /** In the map that the controller has: the witnesses, no coming ones. */
  async witnesses(): Promise<readonly Node[]> {
    const { witnesses, nodes } = await this.map();
    const addresses = witnesses.map(({ node }) => nodes[node]?.address);
    return this.storages.filter(({ address }) => addresses.includes(address as never));
  }

  /** Whether it has a place in any partition. */
  async isMember({ address }: Node): Promise<boolean> {
    const { partitions, nodes } = await this.map();
    return partitions.some(({ members }) =>
      members.some(({ node }) => nodes[node]?.address === address),
    );
  }

  /** The keys that a storage node holds. */
  async keysOf(node: Node, keys: readonly string[]): Promise<readonly string[]> {
    const map = await this.map();
    return keys.filter((key) =>
      partitionEntry(map, partitionOf(Buffer.from(key), map.digits)).members.some(
        (member) => map.nodes[member.node]?.address === node.address,
      ),
    );
  }

  /** Every member's copy of a key, as it has it: the value, undefined where there is none. */
  async copiesOf(key: string): Promise<readonly (string | undefined)[]> {
    const map = await this.map();
    const { members } = partitionEntry(map, partitionOf(Buffer.from(key), map.digits));
    const holders = [...this.storages, this.spare].filter(({ address }) =>
      members.some(({ node }) => map.nodes[node]?.address === address),
    );
    return Promise.all(
      holders.map(async ({ door }) => {
        const answer = await knock(door, `/s/record?key=${encodeURIComponent(key)}`);
        return answer.status === 200 ? answer.text : undefined;
      }),
    );
  }

  /** Everybody is a member where the map says so, and serves: nobody joins, leaves or is fenced. */
  async untilSettled(): Promise<ClusterMap> {
    let map: ClusterMap | undefined;
    await until(async () => {
      map = await this.map().catch(() => undefined);
      return map !== undefined && isSettled(map);
    });
    if (map === undefined) throw new Error('no map');
    return map;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes, this.spare].map((node) => node.kill()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function isSettled(map: ClusterMap): boolean {
  const isHealthy = ({ node, role }: Member) =>
    role === 'serving' && map.nodes[node]?.fenced === false;
  return (
    map.nextWitnesses === undefined &&
    map.partitions.every(
      ({ members }) => members.length === map.redundancy && members.every(isHealthy),
    )
  );
}

function nodeAt(nodes: readonly Node[], index: number): Node {
  const node = nodes[index];
  if (node === undefined) throw new Error(`there is no node ${index}`);
  return node;
}

/** For durations that a fault itself has; never to wait for something that should come. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
