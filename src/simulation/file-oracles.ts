// Checks that look inside the file servers (FILES.md, "Invariants"): what is on their disks when a file is acknowledged (F1),
// what is thrown away and unlinked (F2, F5, F7), and where the copies are in the end (F4). What clients read is
// file-clients.ts's.

import { hash } from 'node:crypto';
import { partitionEntry } from '../cluster/model/cluster-map.ts';
import { partitionOf } from '../cluster/model/partition.ts';
import { type BlobId, parseBlobId, randomPartOf } from '../files/blob-id.ts';
import type { FileKey, ReplicationClass } from '../files/file-key.ts';
import { decodeManifest, type FileManifest } from '../files/manifest.ts';
import { placementOf } from '../files/placement.ts';
import { type BlobMeta, decodeMeta } from '../fileserver/blob-store/blob-meta.ts';
import { BLOBS, CORRUPT, homeOf, namedFile, TRASH } from '../fileserver/blob-store/places.ts';
import type { FileServer } from '../fileserver/file-server.ts';
import { ClassCopies } from './class-copies.ts';
import type { SimulatedCluster } from './cluster.ts';
import { copyOf, type HeldCopy } from './copies.ts';
import type { SimulatedNode } from './node.ts';
import type { Oracles } from './oracles.ts';
import type { World } from './world.ts';

export type FileServerNode = SimulatedNode<FileServer>;
export type NamedManifest = Extract<FileManifest, { kind: 'blob' }>;

/** What the records of the cluster say of a file at this moment. */
export type RecordedFile =
  | { readonly kind: 'file'; readonly manifest: FileManifest }
  | { readonly kind: 'absent' }
  /** No member that serves it runs. */
  | { readonly kind: 'unknown' };

/** So many copies are acknowledged at the most, but where a client waits for all. */
const ACKNOWLEDGED_COPIES = 2;
/** A client's upload may be acknowledged by a map that was replaced so long ago, in ms. */
const MAP_IS_KNOWN_MS = 10_000;
const COUNT_EVERY_MS = 50;
/** Who trims may have read the number of copies so long ago, in ms: it may have slept since. */
const CLASS_IS_KNOWN_MS = 30_000;
/** A copy may have been confirmed so long before others are trimmed, in ms: the longest question, and a pass. */
const CONFIRMED_MS = 3000;

export class FileOracles {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #oracles: Oracles;
  readonly #violation: (text: string) => void;
  /** How many servers were `in`, from when on. */
  readonly #counts: { readonly sinceMs: number; readonly count: number }[] = [];
  /** When each blob became one, on any server. */
  readonly #committedMs = new Map<BlobId, number>();
  /** Copies that rot, by server and blob. */
  readonly #rotten = new Set<string>();
  /** When a copy that had rotten was found out, by server and blob. */
  readonly #spoiledMs = new Map<string, number>();
  readonly #copies = new ClassCopies();
  /** When disks of file servers were replaced by empty ones. */
  readonly #replacedMs: number[] = [];

  constructor(
    world: World,
    cluster: SimulatedCluster,
    oracles: Oracles,
    violation: (text: string) => void,
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#oracles = oracles;
    this.#violation = violation;
    for (const node of cluster.fileServers) {
      node.files.watch = {
        moving: (from, to) => this.#moving(node, from, to),
        unlinking: (path) => this.#unlinking(node, path),
      };
    }
    if (cluster.fileServers.length > 0) this.#count();
  }

  /** Who reads the blob there, or a link of it, moves it away, also before its file is acknowledged. */
  blobRots(node: FileServerNode, id: BlobId): void {
    for (const each of this.homes(node)) {
      if (areLinks(each.id, id)) this.#rotten.add(`${node.process.name} ${each.id}`);
    }
  }

  diskReplaced(): void {
    this.#replacedMs.push(this.#world.nowMs);
  }

  /** From now on files of this class have so many copies; undefined: nobody knows any more. */
  setCopies(name: ReplicationClass, copies: number | undefined): void {
    this.#copies.set(name, copies, this.#world.nowMs);
  }

  /** F1: a file was acknowledged whose upload began at `startMs`. */
  acknowledged(
    path: string,
    manifest: FileManifest,
    { startMs, waitsForAll }: { readonly startMs: number; readonly waitsForAll: boolean },
  ): void {
    if (manifest.kind !== 'blob') return;
    const { blob } = manifest;
    const holders = this.#cluster.fileServers.filter(
      (node) => holds(node, manifest) || this.#rotten.has(`${node.process.name} ${blob}`),
    );
    const all = this.#copies.fewestSince(manifest.replicationClass, startMs) ?? ACKNOWLEDGED_COPIES;
    const wanted = waitsForAll ? all : Math.min(all, ACKNOWLEDGED_COPIES);
    const fewest = Math.min(wanted, this.#fewestSince(startMs - MAP_IS_KNOWN_MS));
    const replaced = this.#replacedMs.filter((atMs) => atMs >= startMs).length;
    if (holders.length >= fewest - replaced) return;
    const names = holders.map(({ process }) => process.name).join(' ');
    this.#violation(
      `F1: ${path} was acknowledged with blob ${blob} on ${holders.length} disks (${names}), not ${fewest}, at ${this.#now}`,
    );
  }

  /** What a linearizable get would find, as far as members tell. */
  currentOf(key: Buffer): RecordedFile {
    const { map } = this.#oracles;
    if (map === undefined) return { kind: 'unknown' };
    const partition = partitionOf(key, map.digits);
    const { frozen, members } = partitionEntry(map, partition);
    let best: HeldCopy | undefined;
    for (const { node: id, incarnation, role } of frozen ? [] : members) {
      const node = this.#cluster.storages.find(({ process }) => process.name === id);
      if (role !== 'serving' || node === undefined) continue;
      const copy = copyOf({ node, incarnation }, { partition, key, servers: [] });
      if (copy !== undefined && (best === undefined || copy.version > best.version)) best = copy;
    }
    if (best === undefined) return { kind: 'unknown' };
    if (best.value === undefined) return { kind: 'absent' };
    return { kind: 'file', manifest: decodeManifest(best.value) };
  }

  /**
   * The blobs of a server that nobody may lose: those that are named, and young ones that an upload may still name.
   * @param only this one and its links, which are lost together
   * @returns whether each of them has an intact copy on another server
   */
  mayLose(node: FileServerNode, only?: BlobId): boolean {
    return this.homes(node).every(({ id, meta }) => {
      if (only !== undefined && !areLinks(id, only)) return true;
      return !this.#isNeeded(id, meta) || this.#intactElsewhere(node, id);
    });
  }

  /** The blobs that are at home on a server. */
  homes({
    files,
  }: FileServerNode): readonly { readonly id: BlobId; readonly meta: BlobMeta | undefined }[] {
    return files.paths.flatMap((path) => {
      const named = path.startsWith(`${BLOBS}/`) ? namedFile(nameOf(path)) : undefined;
      if (named?.isMeta !== true) return [];
      const decoded = decodeMeta(named.id, files.contentOf(path) ?? Buffer.alloc(0));
      return [{ id: named.id, meta: typeof decoded === 'string' ? undefined : decoded }];
    });
  }

  /**
   * F4 of these files, once everything has come to rest, and no grace is left; of blobs of other files nothing is asked.
   * @param isProof whether a blob must go where the record of this key names it no more
   * @returns what is not as it should be yet
   */
  unsettled(
    keys: readonly FileKey[],
    isProof: (key: FileKey) => boolean = () => true,
  ): readonly string[] {
    const named = new Map<BlobId, NamedManifest>();
    for (const key of keys) {
      const current = this.currentOf(key);
      if (current.kind === 'unknown') return [`F4: nobody tells what ${key} is`];
      if (current.kind === 'file' && current.manifest.kind === 'blob') {
        named.set(current.manifest.blob, current.manifest);
      }
    }
    const problems = [...named.values()].flatMap((manifest) => this.#misplaced(manifest));
    for (const node of this.#cluster.fileServers) {
      for (const { id, meta } of this.homes(node)) {
        if (named.has(id) || !keys.some((key) => meta?.owner.equals(key) && isProof(key))) continue;
        problems.push(`F4: ${node.process.name} keeps blob ${id}, which no file names`);
      }
    }
    return problems;
  }

  #misplaced(manifest: NamedManifest): readonly string[] {
    const { blob } = manifest;
    const copies = this.#copies.now(manifest.replicationClass);
    if (copies === undefined) return [];
    const placed = placementOf(blob, this.#oracles.map?.fileServers);
    const wanted = placed.slice(0, copies).map(({ id }) => String(id));
    const holders = this.#cluster.fileServers
      .filter((node) => holds(node, manifest))
      .map(({ process }) => process.name);
    if (`${[...wanted].sort()}` === `${[...holders].sort()}`) return [];
    return [`F4: blob ${blob} is on ${holders.join(' ')}, and belongs on ${wanted.join(' ')}`];
  }

  #isNeeded(id: BlobId, meta: BlobMeta | undefined): boolean {
    if (meta === undefined) return true;
    if (this.#world.nowMs - (this.#committedMs.get(id) ?? 0) < YOUNG_MS) return true;
    return this.#isNamed(meta) !== false;
  }

  /** Whether the file that owns the blob names it; undefined where nobody can tell. */
  #isNamed({ id, owner }: BlobMeta): boolean | undefined {
    const current = this.currentOf(owner);
    if (current.kind === 'unknown') return undefined;
    if (current.kind === 'absent') return false;
    return current.manifest.kind === 'blob' && current.manifest.blob === id;
  }

  #intactElsewhere(node: FileServerNode, id: BlobId): boolean {
    return this.#cluster.fileServers.some((other) => other !== node && isIntact(other, id));
  }

  #moving(node: FileServerNode, from: string, to: string): void {
    const named = namedFile(nameOf(to));
    if (named?.isMeta !== true) return;
    const { id } = named;
    if (to.startsWith(`${BLOBS}/`) && !this.#committedMs.has(id)) {
      this.#committedMs.set(id, this.#world.nowMs);
    }
    // A link of what has rotten is rotten from the beginning.
    const isRotten = to.startsWith(`${BLOBS}/`) && node.files.isRotten(homeOf(id).data);
    if (isRotten) this.#rotten.add(`${node.process.name} ${id}`);
    if (!from.startsWith(`${BLOBS}/`)) return;
    if (to.startsWith(`${TRASH}/`)) this.#trashing(node, id, from);
    if (to.startsWith(`${CORRUPT}/`)) {
      this.#spoiledMs.set(`${node.process.name} ${id}`, this.#world.nowMs);
    }
  }

  /** F5, F7: what a file names goes to the trash only where all its copies are on the other disks. */
  #trashing(node: FileServerNode, id: BlobId, path: string): void {
    const meta = decodeMeta(id, node.files.contentOf(path) ?? Buffer.alloc(0));
    this.#world.occur('blob goes to the trash');
    if (typeof meta === 'string' || this.#isNamed(meta) !== true) return;
    // Who said that it has the blob may have found out since that it had rotten, or have lost its disk before the others heard it.
    const heardSinceMs = this.#world.nowMs - CONFIRMED_MS;
    const isSpoiled = ({ process }: FileServerNode) =>
      (this.#spoiledMs.get(`${process.name} ${id}`) ?? Number.NEGATIVE_INFINITY) >= heardSinceMs;
    // Who was killed just before its names were on the disk has them all the same, and they will be there in a moment.
    const others = this.#cluster.fileServers.filter(
      (other) => other !== node && (seesAtHome(other, id) || isSpoiled(other)),
    );
    this.#world.occur('blob trimmed');
    const manifest = decodeManifest(meta.manifest);
    const sinceMs = this.#world.nowMs - CLASS_IS_KNOWN_MS;
    const copies = this.#copies.fewestSince(manifest.replicationClass, sinceMs);
    const wanted = Math.min(copies ?? ACKNOWLEDGED_COPIES, this.#inCount());
    const replaced = this.#replacedMs.filter((atMs) => atMs >= heardSinceMs).length;
    if (others.length >= wanted - replaced) return;
    this.#violation(
      `F5: ${node.process.name} throws blob ${id} away, which a file names, with ${others.length} of ${wanted} copies elsewhere, at ${this.#now}`,
    );
  }

  /** F2: what a file names is unlinked only where others have it. */
  #unlinking(node: FileServerNode, path: string): void {
    const id = parseBlobId(nameOf(path));
    const isOfBlob = path.startsWith(`${BLOBS}/`) || path.startsWith(`${TRASH}/`);
    if (id === undefined || !isOfBlob) return;
    this.#world.occur('blob unlinked');
    const meta = decodeMeta(id, node.files.contentOf(`${path}.meta`) ?? Buffer.alloc(0));
    if (typeof meta === 'string' || this.#isNamed(meta) !== true) return;
    if (this.#intactElsewhere(node, id)) return;
    this.#violation(
      `F2: ${node.process.name} unlinks the last copy of blob ${id}, which a file names, at ${this.#now}`,
    );
  }

  #count(): void {
    const count = this.#inCount();
    if (this.#counts.at(-1)?.count !== count) {
      this.#counts.push({ sinceMs: this.#world.nowMs, count });
    }
    this.#world.at(COUNT_EVERY_MS, () => this.#count());
  }

  #inCount(): number {
    const servers = Object.values(this.#oracles.map?.fileServers ?? {});
    return servers.filter(({ state }) => state === 'in').length;
  }

  #fewestSince(sinceMs: number): number {
    const last = this.#counts.findLastIndex((each) => each.sinceMs <= sinceMs);
    return Math.min(...this.#counts.slice(Math.max(0, last)).map(({ count }) => count));
  }

  get #now(): string {
    return this.#world.nowMs.toFixed(1);
  }
}

/** Blobs younger than this may be those of an upload that is being finished, in ms. */
const YOUNG_MS = 20_000;

/** Whether the server has the blob at home so that it survives all but rot, and with the right bytes. */
function holds({ files }: FileServerNode, { blob, sha512 }: NamedManifest): boolean {
  const { data, meta } = homeOf(blob);
  const bytes = files.survivorAt(data);
  if (bytes === undefined || files.survivorAt(meta) === undefined) return false;
  // Rot is no fault of the server: it wrote what it should.
  return files.isRotten(data) || hash('sha512', bytes, 'hex') === sha512;
}

function hasAtHome({ files }: FileServerNode, id: BlobId): boolean {
  const { data, meta } = homeOf(id);
  return files.survivorAt(data) !== undefined && files.survivorAt(meta) !== undefined;
}

function seesAtHome({ files }: FileServerNode, id: BlobId): boolean {
  const { data, meta } = homeOf(id);
  return files.contentOf(data) !== undefined && files.contentOf(meta) !== undefined;
}

function isIntact(node: FileServerNode, id: BlobId): boolean {
  const { data, meta } = homeOf(id);
  return hasAtHome(node, id) && !node.files.isRotten(data) && !node.files.isRotten(meta);
}

/** Whether they have the same bytes, perhaps as one file of the disk (FILES.md, COPY and MOVE). */
function areLinks(one: BlobId, other: BlobId): boolean {
  return randomPartOf(one) === randomPartOf(other);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
