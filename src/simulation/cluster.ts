// All nodes of a simulated cluster, and the options they are started with. How a node starts and stops is in node.ts.

import type { WhenFull } from '../cluster/model/cluster-map.ts';
import { type Address, type Epoch, hostOf, type NodeId } from '../cluster/model/identity.ts';
import {
  CHUNK_RECORD_BYTES,
  protocolTimes,
  type Times,
  VALUE_BYTES_MAX_DEFAULT,
} from '../cluster/model/limits.ts';
import { smallestDigits } from '../cluster/model/partition.ts';
import type { Service } from '../cluster/ports.ts';
import { Controller } from '../controller/controller.ts';
import type { FileTimes } from '../files/file-times.ts';
import { FileServer } from '../fileserver/file-server.ts';
import { Frontend } from '../frontend/frontend.ts';
import type { FsyncMode } from '../storage/log/durability.ts';
import { StorageNode } from '../storage/storage-node.ts';
import { DirectApplication } from './direct-application.ts';
import { SimulatedNetwork } from './network.ts';
import { SimulatedNode } from './node.ts';

export { SimulatedNode } from './node.ts';

import type { World } from './world.ts';

export type FrontendNode = SimulatedNode<Frontend>;

export interface ClusterShape {
  readonly storages: number;
  /** Storage nodes that are not started at first: the operator may add them. */
  readonly spares?: number;
  readonly frontends: number;
  /** Whether there is an application with the direct client beside the frontends; no by default. */
  readonly hasApplication?: boolean;
  /** File servers; none by default. */
  readonly fileServers?: number;
  /** Times of the file layer that differ from production's. */
  readonly fileTimes?: FileTimes;
  /** Processes of each frontend; one by default. */
  readonly workers?: number;
  readonly redundancy: number;
  /** The controller has no data directory, and recovers the map from the nodes at each start. */
  readonly controllerInMemory?: boolean;
  /** The epoch that every partition begins with; 1 by default. */
  readonly firstEpoch?: Epoch;
  /** `--fsync` of the storage nodes; undefined: they have no data directory. */
  readonly fsync: FsyncMode | undefined;
  /** Bytes of records in one answer of a copy; if small, other events come between any two records of a copy. */
  readonly copyChunkBytes?: number;
  /** `evict` makes the cluster a cache, in which a miss proves nothing (H40); a store by default. */
  readonly whenFull?: WhenFull;
  /** `--memory` in bytes of the storage node with this number, read at each start; undefined: no limit. */
  readonly memoryBytesOf?: (storage: number) => number | undefined;
  /** The size at which a new log file is begun, in bytes; if it is large, the log is never compacted. */
  readonly logFileBytes?: number;
  /** Frontends know the addresses of all storage nodes, from which they fetch the map while the controller is away. */
  readonly frontendsKnowStorages?: boolean;
  /** Frontends keep their last map in a file. */
  readonly frontendsKeepMaps?: boolean;
  /** Protocol times that differ from production's. */
  readonly times?: Partial<Times>;
  /** All protocol times of the process with this name, read at each start (D12); production's by default. */
  readonly timesOf?: (process: string) => Times;
}

const CONTROLLER = 'controller:1' as Address;
const FRONTEND_MAP_FILE = 'frontend.map';
/** Where each frontend of a cluster with file servers has its broker; without a configuration, as files are stored at once then. */
export const BROKER_PORT = 6565;
/** The machines of file servers are in so many racks: of four servers, two share one. */
const FILE_HOSTS = 3;

export class SimulatedCluster {
  readonly network: SimulatedNetwork;
  /** The controller that has the controller's address now, and the one on the machine that had the address before. */
  controller: SimulatedNode<Controller>;
  formerController: SimulatedNode<Controller> | undefined;
  /** All storage nodes: those that found the cluster, then the spare ones. */
  readonly storages: readonly SimulatedNode<StorageNode>[];
  readonly spares: readonly SimulatedNode<StorageNode>[];
  /** Every worker of every frontend. */
  readonly frontends: readonly FrontendNode[];
  readonly fileServers: readonly SimulatedNode<FileServer>[];
  /** No fault is drawn for it, and it is none of `nodes`: what its cluster suffers, it sees. */
  readonly application: SimulatedNode<DirectApplication> | undefined;
  /** Whether the operator starts the controller with --recover from now on. */
  controllerRecovers = false;
  /** Whether acknowledged records survive a loss of power (`--fsync always`). */
  readonly syncsAlways: boolean;
  readonly isCache: boolean;
  /** Called with each message that any controller logs. */
  onControllerLog: (message: string, controller: SimulatedNode) => void = () => undefined;
  /** Called when a process ends itself by a FatalError, with its message; also for machines that were added later. */
  onEnd: (node: SimulatedNode, message: string) => void = () => undefined;
  readonly #world: World;
  readonly #shape: ClusterShape;

  constructor(world: World, shape: ClusterShape) {
    this.#world = world;
    this.#shape = shape;
    const { storages, spares = 0, fsync, whenFull } = shape;
    this.syncsAlways = fsync === 'always';
    this.isCache = whenFull === 'evict';
    this.network = new SimulatedNetwork(world);
    this.controller = this.#makeController(CONTROLLER);
    const all = Array.from({ length: storages + spares }, (_, index) => this.#makeStorage(index));
    this.storages = all;
    this.spares = all.slice(storages);
    this.frontends = Array.from({ length: shape.frontends }, (_, index) =>
      this.#makeFrontend(index),
    ).flat();
    this.fileServers = Array.from({ length: shape.fileServers ?? 0 }, (_, index) =>
      this.#makeFileServer(index),
    );
    this.application = shape.hasApplication === true ? this.#makeApplication() : undefined;
  }

  /** All nodes that run from the beginning: the controller, and the others but for spare storage nodes. */
  get nodes(): readonly SimulatedNode[] {
    const storages = this.storages.filter((node) => !this.spares.includes(node));
    return [this.controller, ...storages, ...this.frontends, ...this.fileServers];
  }

  /** Where whoever runs the controller is reached. */
  get controllerAddress(): Address {
    return CONTROLLER;
  }

  /** The operator gives the controller's address to another machine, and then starts a controller there. */
  moveController(): void {
    const next = this.formerController ?? this.#makeController('controller2:1' as Address);
    this.formerController = this.controller;
    this.controller = next;
    this.network.attach(next.process, CONTROLLER);
  }

  #makeController(address: Address): SimulatedNode<Controller> {
    const shape = this.#shape;
    const { storages, redundancy, whenFull } = shape;
    const node: SimulatedNode<Controller> = new SimulatedNode(
      this.#world,
      this.network,
      address,
      (runtime, timeScale) =>
        new Controller(runtime, {
          storageNodes: storages,
          redundancy,
          digits: smallestDigits(1),
          whenFull,
          firstEpoch: shape.firstEpoch,
          // People start the one that takes the place of another with --recover, and not the one that was replaced.
          recover: this.controllerRecovers && this.formerController !== node,
          times: timesOf(shape, address, timeScale),
        }),
      shape.controllerInMemory !== true,
    );
    node.onLog = (message) => this.onControllerLog(message, node);
    return this.#watched(node);
  }

  #makeStorage(index: number): SimulatedNode<StorageNode> {
    const shape = this.#shape;
    const { fsync } = shape;
    const address = `storage${index}:1` as Address;
    const node = new SimulatedNode(
      this.#world,
      this.network,
      address,
      (runtime, timeScale) => {
        const memoryBytes = shape.memoryBytesOf?.(index);
        return new StorageNode(runtime, {
          controller: CONTROLLER,
          address,
          node: `storage${index}` as NodeId,
          nodeIsGiven: true,
          fsync: fsync ?? 'interval',
          valueBytesMax: VALUE_BYTES_MAX_DEFAULT,
          copyChunkBytes: shape.copyChunkBytes ?? CHUNK_RECORD_BYTES,
          // Segments are so small that the cleaner moves records while they are read, copied and logged.
          segmentBytes: 512,
          // Files are so short that the log is always being compacted.
          logFileBytes: shape.logFileBytes ?? 512,
          times: timesOf(shape, address, timeScale),
          ...(memoryBytes === undefined ? {} : { memoryBytes }),
        });
      },
      fsync !== undefined,
    );
    return this.#watched(node);
  }

  /**
   * Each worker of a frontend is a process of its own; all of them announce the frontend's one address (`--workers`).
   */
  #makeFrontend(index: number): readonly FrontendNode[] {
    const shape = this.#shape;
    const address = `frontend${index}:1` as Address;
    const brokerAddress = `frontend${index}:${BROKER_PORT}` as Address;
    const hasFiles = (shape.fileServers ?? 0) > 0;
    return Array.from({ length: shape.workers ?? 1 }, (_, worker) => {
      const own = worker === 0 ? address : (`frontend${index}w${worker + 1}:1` as Address);
      const node = new SimulatedNode<Frontend>(
        this.#world,
        this.network,
        own,
        (runtime, timeScale) => {
          const { disk } = runtime;
          const keeps = shape.frontendsKeepMaps === true && disk !== undefined;
          return new Frontend(runtime, {
            controller: CONTROLLER,
            address,
            times: timesOf(shape, address, timeScale),
            fileTimes: shape.fileTimes,
            broker: hasFiles ? { address: brokerAddress, configFile: undefined } : undefined,
            storages: shape.frontendsKnowStorages ? this.storages.map((each) => each.address) : [],
            mapFile: keeps
              ? {
                  files: disk,
                  name: FRONTEND_MAP_FILE,
                  path: FRONTEND_MAP_FILE,
                  writes: worker === 0,
                }
              : undefined,
          });
        },
        true,
      );
      return this.#watched(node);
    });
  }

  #makeFileServer(index: number): SimulatedNode<FileServer> {
    const shape = this.#shape;
    const address = `fileserver${index}:1` as Address;
    const node = new SimulatedNode(
      this.#world,
      this.network,
      address,
      (runtime, timeScale) =>
        new FileServer(runtime, {
          controller: CONTROLLER,
          address,
          node: `fileserver${index}` as NodeId,
          nodeIsGiven: true,
          adopt: false,
          host: `rack${index % FILE_HOSTS}`,
          weight: 1,
          reserveShare: 0.05,
          times: timesOf(shape, address, timeScale),
          fileTimes: shape.fileTimes,
        }),
      false,
      true,
    );
    return this.#watched(node);
  }

  #makeApplication(): SimulatedNode<DirectApplication> {
    const address = 'application:1' as Address;
    return new SimulatedNode(
      this.#world,
      this.network,
      address,
      (runtime, timeScale) =>
        new DirectApplication(runtime, {
          controller: CONTROLLER,
          times: timesOf(this.#shape, address, timeScale),
        }),
      false,
    );
  }

  #watched<Role extends Service>(node: SimulatedNode<Role>): SimulatedNode<Role> {
    node.process.onFatal = ({ message }) => {
      node.ended();
      this.onEnd(node, message);
    };
    return node;
  }
}

function timesOf({ timesOf, times }: ClusterShape, address: Address, scale: number): Times {
  return { ...(timesOf?.(hostOf(address)) ?? protocolTimes(scale)), ...times };
}
