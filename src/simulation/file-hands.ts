// The faults of file servers, and what their operator does: each strikes, is logged, and ends by itself. What destroys a
// blob strikes only where another server has it intact: no fault goes beyond what is promised.

import { CONTROL } from '../cluster/wire/control-table.ts';
import type { BlobId } from '../files/blob-id.ts';
import { homeOf } from '../fileserver/blob-store/places.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { FaultLog } from './fault-log.ts';
import type { FileOracles, FileServerNode } from './file-oracles.ts';
import type { FilesCall } from './files-step.ts';
import type { Hands } from './hands.ts';
import type { World } from './world.ts';

/** Calls that fail, the frequent ones listed more than once. */
const CALLS: readonly FilesCall[] = [
  'append',
  'append',
  'sync',
  'sync',
  'rename',
  'rename',
  'create',
  'read',
  'open',
  'unlink',
  'makeDirectory',
  'list',
];
/** A full disk takes so many bytes more. */
const LAST_BYTES = 100_000;

export class FileHands {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #faults: FaultLog;
  readonly #hands: Hands;
  readonly #oracles: FileOracles;
  readonly #drained = new Set<FileServerNode>();
  #isOver = false;

  constructor(parts: {
    readonly world: World;
    readonly cluster: SimulatedCluster;
    readonly faults: FaultLog;
    readonly hands: Hands;
    readonly oracles: FileOracles;
  }) {
    this.#world = parts.world;
    this.#cluster = parts.cluster;
    this.#faults = parts.faults;
    this.#hands = parts.hands;
    this.#oracles = parts.oracles;
  }

  /** Nothing strikes any more, every disk is well, and every file server runs. */
  healAll(): void {
    this.#isOver = true;
    for (const node of this.#cluster.fileServers) {
      const isHurt = node.files.hasFailed;
      node.files.mend();
      // Who has seen its disk fail writes nothing until it is started again.
      if (isHurt) node.crash(false);
      this.start(node);
    }
    this.undrainAll();
  }

  /** Repeats every undrain: the controller may have been away. */
  undrainAll(): void {
    for (const { process } of this.#drained)
      this.#hands.tell(CONTROL.undrain, { node: process.name });
  }

  start(node: FileServerNode): void {
    if (!node.process.alive) node.start();
  }

  kill(node: FileServerNode, power: boolean, durationMs: number): void {
    const fault = this.#faults.begin('kill-files', [node]);
    node.crash(power);
    this.#world.at(durationMs, () => {
      this.start(node);
      this.#faults.end(fault);
    });
  }

  /** SIGTERM: uploads that have begun come to their commit. */
  stop(node: FileServerNode, durationMs: number): void {
    const fault = this.#faults.begin('kill-files', [node]);
    node.stop(
      0,
      () =>
        this.#world.at(durationMs, () => {
          this.start(node);
          this.#faults.end(fault);
        }),
      2000,
    );
  }

  hang(node: FileServerNode, durationMs: number): void {
    this.#world.note(`the disk of ${node.process.name} hangs`);
    node.files.hang(durationMs);
    this.#faults.lasting('hang-files', [node], durationMs);
  }

  fill(node: FileServerNode, durationMs: number): void {
    this.#world.note(`the disk of ${node.process.name} is full`);
    node.files.limit(this.#world.random.below(LAST_BYTES));
    this.#faults.lasting('fill-files', [node], durationMs, () => this.#mend(node));
  }

  /** Some calls fail; the operator restarts the server in the end, as it writes nothing before. */
  fail(node: FileServerNode, durationMs: number): void {
    const { random } = this.#world;
    const call = random.pick(CALLS);
    const fault = call !== 'read' && random.chance(0.3) ? 'shortage' : 'broken';
    this.#world.note(`the disk of ${node.process.name} fails: ${call} is ${fault}`);
    node.files.fail(call, fault, 1 + random.below(4));
    this.#faults.lasting('files-error', [node], durationMs, () => this.#mend(node));
  }

  /** Bits flip in a blob, of which another server has an intact copy. */
  rot(node: FileServerNode): void {
    const { random } = this.#world;
    const spare = this.#oracles.homes(node).filter(({ id }) => this.#oracles.mayLose(node, id));
    if (spare.length === 0) return;
    const { id } = random.pick(spare);
    this.#faults.end(this.#faults.begin('rot-files', [node]));
    this.rotBlob(node, id, random.chance(0.2));
  }

  rotBlob(node: FileServerNode, id: BlobId, isMeta = false): void {
    const { data, meta } = homeOf(id);
    this.#world.note(`${isMeta ? 'the meta of ' : ''}blob ${id} rots on ${node.process.name}`);
    this.#oracles.blobRots(node, id);
    node.files.rot(isMeta ? meta : data, 1 + this.#world.random.below(3));
  }

  /** The disk is gone, and an empty one takes its place, if other servers have all that was on it. */
  replaceDisk(node: FileServerNode, durationMs: number): void {
    if (!this.#oracles.mayLose(node)) return;
    const fault = this.#faults.begin('replace-files', [node]);
    node.crash(true);
    node.files.wipe();
    this.#oracles.diskReplaced();
    this.#world.note(`${node.process.name} has lost its disk`);
    this.#world.at(durationMs, () => {
      this.start(node);
      this.#faults.end(fault);
    });
  }

  drain(node: FileServerNode, durationMs: number): void {
    const { name } = node.process;
    const fault = this.#faults.begin('drain-files', [node]);
    this.#drained.add(node);
    this.#hands.tell(CONTROL.drain, { node: name });
    this.#world.at(durationMs, () => {
      this.#hands.tell(CONTROL.undrain, { node: name });
      this.#faults.end(fault);
    });
  }

  #mend(node: FileServerNode): void {
    if (this.#isOver) return;
    const isHurt = node.files.hasFailed;
    node.files.mend();
    if (isHurt) node.crash(false);
    this.start(node);
  }
}
