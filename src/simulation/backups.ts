// `velour backup` and `velour restore` as a simulated process: the product's own classes as a client of the cluster
// (D14), on a network and in a directory that can fail. The process may be paused, cut off and killed; the next run
// goes on where it ended. What its directory must hold is backup-oracle.ts's.

import { Backup } from '../backup/backup.ts';
import { MANIFEST_FILE, type Manifest, parseManifest } from '../backup/manifest.ts';
import { Restore, type RestoreFigures } from '../backup/restore.ts';
import { verifyFiles } from '../backup/verify.ts';
import type { Address } from '../cluster/model/identity.ts';
import { protocolTimes, type Times } from '../cluster/model/limits.ts';
import {
  recordExpiresAtMs,
  recordKey,
  recordValue,
  recordVersion,
  type StoredRecord,
} from '../cluster/model/record.ts';
import type { Folder, Link, Network, Runtime, Service } from '../cluster/ports.ts';
import { decodeOperation } from '../cluster/wire/operations.ts';
import { type ClusterClient, connectToCluster } from '../coordinator/cluster-client.ts';
import { type SimulatedCluster, SimulatedNode } from './cluster.ts';
import type { ClientOperation, History } from './history.ts';
import type { World } from './world.ts';

export interface BackupProcessOptions {
  readonly name?: string;
  /** The same times as the nodes of the cluster use. */
  readonly times?: Times;
  /** The history's name of a value. */
  readonly nameOf?: (value: Buffer) => string;
}

/** The end of a backup that was not killed. */
export interface BackupEnd {
  /** Whether the directory holds the whole backup; if not, another run may go on with it. */
  readonly isFinished: boolean;
  readonly detail: string;
  /** When the first run of this backup began. */
  readonly begunMs: number;
  readonly endedMs: number;
}

export interface RestoreEnd {
  /** Whether every record of the backup was set, or need not be. */
  readonly isWhole: boolean;
  readonly detail: string;
  readonly figures: RestoreFigures | undefined;
}

type Task = (client: ClusterClient, folder: Folder, end: () => void) => void;

export class SimulatedBackup {
  /** Its disk is the directory of the backup: wipe it before another backup. */
  readonly node: SimulatedNode;
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #times: Times;
  readonly #nameOf: (value: Buffer) => string;
  /** The wall time at world time 0. */
  readonly #epochMs: number;
  #task: Task = () => undefined;
  #refused: (detail: string) => void = () => undefined;
  /** Called with each record that the process sends. */
  #sent: (record: StoredRecord) => void = () => undefined;
  #begunMs = 0;

  constructor(world: World, cluster: SimulatedCluster, options: BackupProcessOptions = {}) {
    const { name = 'backup', times = protocolTimes(1) } = options;
    this.#world = world;
    this.#cluster = cluster;
    this.#times = times;
    this.#nameOf = options.nameOf ?? ((value) => value.toString());
    const address = `${name}:1` as Address;
    this.node = new SimulatedNode(
      world,
      cluster.network,
      address,
      (runtime) => this.#serviceOf(runtime),
      false,
    );
    this.#epochMs = this.node.process.wallMs() - world.nowMs;
  }

  get isBusy(): boolean {
    return this.node.process.alive;
  }

  /**
   * Begins a backup, or goes on with an unfinished one in the directory.
   * @param done is never called if the process is killed
   */
  backup(done: (end: BackupEnd) => void): void {
    const startedMs = this.#world.nowMs;
    const ended = (isFinished: boolean, detail: string) =>
      done({ isFinished, detail, begunMs: this.#begunMs, endedMs: this.#world.nowMs });
    this.#run(
      (detail) => ended(false, detail),
      (client, folder, end) => {
        const fail = (detail: string) => {
          end();
          ended(false, detail);
        };
        manifestIn(folder, (earlier) => {
          if (typeof earlier === 'string') return fail(earlier);
          if (earlier?.finishedAtMs !== undefined) return fail('it is finished already');
          if (earlier !== undefined && earlier.cluster !== client.map.cluster) {
            return fail('it is of another cluster');
          }
          if (earlier === undefined) this.#begunMs = startedMs;
          const { cluster, digits } = client.map;
          const startedAtMs = Math.floor(client.runtime.clock.wallMs());
          const manifest = earlier ?? { cluster, digits, startedAtMs, partitions: new Map() };
          new Backup(client, folder, manifest, ({ missing, broken }) => {
            end();
            const problems = [...missing].map(([partition, reason]) => `${partition}: ${reason}`);
            if (broken !== undefined) problems.push(broken);
            ended(problems.length === 0, problems.join(', '));
          }).start();
        });
      },
    );
  }

  /**
   * Restores the backup in the directory.
   * @param options.asNew with new versions: these are sets like all others. They begin in the history as they are sent,
   *   and are acknowledged there together at the end of the restore, if all were
   * @param done is never called if the process is killed
   */
  restore(
    history: History,
    { asNew }: { readonly asNew: boolean },
    done: (end: RestoreEnd) => void,
  ): void {
    const sets = new Map<string, ClientOperation>();
    const failed = (detail: string) => done({ isWhole: false, detail, figures: undefined });
    this.#run(failed, (client, folder, end) => {
      const fail = (detail: string) => {
        end();
        failed(detail);
      };
      manifestIn(folder, (manifest) => {
        if (typeof manifest === 'string') return fail(manifest);
        if (manifest?.finishedAtMs === undefined) return fail('there is no finished backup');
        verifyFiles(folder, manifest, (damage) => {
          if (damage !== undefined) return fail(damage);
          if (asNew) this.#sent = (record) => this.#noteSet(history, sets, record);
          const restore = new Restore(client, folder, manifest, { asNew }, ({ problem }) => {
            end();
            const { figures } = restore;
            const isWhole = problem === undefined && figures.failed + figures.notTried === 0;
            if (isWhole) for (const set of sets.values()) acknowledge(set, this.#world.nowMs);
            done({ isWhole, detail: problem ?? '', figures });
          });
          restore.start();
        });
      });
    });
  }

  kill(power: boolean): void {
    this.node.crash(power);
  }

  #run(refused: (detail: string) => void, task: Task): void {
    this.#task = task;
    this.#refused = refused;
    this.#sent = () => undefined;
    this.node.start();
  }

  #serviceOf(runtime: Runtime): Service {
    const folder = this.node.disk.folder();
    const network = watched(runtime.network, (record) => this.#sent(record));
    const times = this.#times;
    const { controllerAddress } = this.#cluster;
    const end = () => {
      this.node.process.crash();
      this.node.ended();
    };
    const refuse = () => {
      throw new Error('nobody connects to a cluster client');
    };
    return {
      start: () =>
        connectToCluster(
          { ...runtime, network },
          { controller: controllerAddress, times },
          (client) => {
            if (!('refused' in client)) return this.#task(client, folder, end);
            end();
            return this.#refused(client.refused);
          },
        ),
      handle: refuse,
      traits: refuse,
      accept: refuse,
      drain: refuse,
    };
  }

  /**
   * Begins the set in the history at the first attempt. Only the version of the last attempt can be acknowledged: each
   * further one takes a higher version.
   */
  #noteSet(history: History, sets: Map<string, ClientOperation>, record: StoredRecord): void {
    const key = recordKey(record).toString();
    let set = sets.get(key);
    if (set === undefined) {
      const { nowMs } = this.#world;
      const expiresAtMs = recordExpiresAtMs(record);
      const ttlMs = expiresAtMs === 0 ? undefined : expiresAtMs - this.#epochMs - nowMs;
      set = history.begin('set', key, nowMs, this.#nameOf(recordValue(record)), { ttlMs });
      sets.set(key, set);
    }
    const version = recordVersion(record);
    if (set.version === undefined || version > set.version) set.version = version;
  }
}

function acknowledge(set: ClientOperation, nowMs: number): void {
  set.endMs = nowMs;
  set.ok = true;
  set.status = 200;
}

/** @param done gets the manifest, undefined if there is none, or what is wrong with it */
function manifestIn(folder: Folder, done: (manifest: Manifest | string | undefined) => void): void {
  folder.read(MANIFEST_FILE, (read) => {
    if (read.kind === 'failed') return done(`${MANIFEST_FILE}: ${read.detail}`);
    return done(read.value && parseManifest(read.value));
  });
}

function watched(network: Network, sent: (record: StoredRecord) => void): Network {
  return {
    ...network,
    open(address, hello, events) {
      const link: Link = network.open(address, hello, events);
      return {
        send(id, head, body) {
          const operation = decodeOperation(Buffer.concat([head, body]));
          if (typeof operation !== 'string' && operation.kind === 'set') sent(operation.record);
          link.send(id, head, body);
        },
        isUnderWay: () => link.isUnderWay(),
        batchesLeft: () => link.batchesLeft(),
        queuedBytes: () => link.queuedBytes(),
        close: (reason) => link.close(reason),
      };
    },
  };
}
