// A whole cluster in one world: the product's own classes on simulated ports, processes that start,
// crash and start again, and clients that write a history.

import type { WhenFull } from '../cluster/cluster-map.ts';
import type { HttpReply, HttpRequest } from '../cluster/http.ts';
import type { Address, NodeId } from '../cluster/identity.ts';
import {
  CHUNK_RECORD_BYTES,
  protocolTimes,
  type Times,
  VALUE_BYTES_MAX_DEFAULT,
} from '../cluster/limits.ts';
import { smallestDigits } from '../cluster/partition.ts';
import type { Log, LogFields, Runtime, Service } from '../cluster/runtime.ts';
import { Controller } from '../controller/controller.ts';
import { Frontend } from '../frontend/frontend.ts';
import type { FsyncMode } from '../storage/durability.ts';
import { StorageNode } from '../storage/storage.ts';
import { SimulatedDisk } from './disk.ts';
import { SimulatedNetwork } from './network.ts';
import { SimulatedProcess, type World } from './world.ts';

export interface ClusterShape {
  readonly storages: number;
  readonly frontends: number;
  readonly redundancy: number;
  /** Undefined: storage nodes keep everything in memory. */
  readonly fsync: FsyncMode | undefined;
  /** Small: something comes between any two records of a copy. */
  readonly copyChunkBytes?: number;
  /** A cache, `evict`, breaks no promise by what it lacks (H40); a store by default. */
  readonly whenFull?: WhenFull;
  /** Of a storage node, by its number, as its process starts; undefined: all that there is. */
  readonly memoryBytesOf?: (storage: number) => number | undefined;
  /** Of each file of the log; long ones are never compacted. */
  readonly logFileBytes?: number;
  /** Instead of production's. */
  readonly times?: Partial<Times>;
}

/**
 * `--drain-timeout`, longer than any fault: a node in memory that is cut off for longer leaves with the last
 * copies, and nobody can promise anything of them then.
 */
const DRAIN_TIMEOUT_MS = 60_000;
const CONTROLLER = 'controller:1' as Address;

export class SimulatedNode<Role extends Service = Service> {
  readonly process: SimulatedProcess;
  readonly disk: SimulatedDisk;
  readonly address: Address;
  /** Whether its data outlives its process. */
  readonly keepsData: boolean;
  readonly #network: SimulatedNetwork;
  readonly #make: (runtime: Runtime) => Role;
  #service: Role | undefined;
  /** Told of everything this node logs. */
  onLog: (message: string, fields: LogFields) => void = () => undefined;

  constructor(
    world: World,
    network: SimulatedNetwork,
    address: Address,
    make: (runtime: Runtime) => Role,
    keepsData: boolean,
  ) {
    this.keepsData = keepsData;
    this.process = new SimulatedProcess(world, address.split(':')[0] ?? address);
    this.disk = new SimulatedDisk(this.process);
    this.address = address;
    this.#network = network;
    this.#make = make;
    network.attach(this.process, address);
  }

  start(): void {
    const { process, disk } = this;
    process.start();
    process.world.note(`${process.name} starts`);
    const service = this.#make({
      clock: process,
      timers: process,
      random: process.world.random,
      network: this.#network.portOf(process),
      log: this.#log(),
      host: {
        bootId: () => disk.bootId(),
        usage: () => ({
          pid: 1,
          uptimeSeconds: 0,
          userCpuSeconds: 0,
          systemCpuSeconds: 0,
          residentBytes: 0,
          heapUsedBytes: 0,
        }),
        eventLoopDelaySeconds: () => 0,
        collections: () => ({ count: 0, seconds: 0, longest: 0 }),
      },
      disk: this.keepsData ? disk.port() : undefined,
    });
    this.#service = service;
    this.#network.serve(process, service);
    process.run(process.life, () => service.start());
  }

  /** SIGKILL, or the power of its machine. */
  crash(power: boolean): void {
    if (!this.process.alive) return;
    this.process.world.note(`${this.process.name} ${power ? 'loses power' : 'is killed'}`);
    this.process.crash();
    if (power) this.disk.losePower();
    else this.disk.tear();
    this.#network.crashed(this.process);
  }

  /** It ended itself; who was connected learns of it. */
  ended(): void {
    this.#network.crashed(this.process);
  }

  /**
   * SIGTERM: the process ends when it has handed over what it must.
   * @param lingersMs how long the requests in progress then hold it up
   */
  stop(lingersMs: number, ended: () => void = () => undefined, timeoutMs = DRAIN_TIMEOUT_MS): void {
    const { process } = this;
    process.world.note(`${process.name} is told to stop`);
    process.run(process.life, () =>
      this.#service?.drain({ wholeCluster: false, timeoutMs }, () => {
        process.world.note(`${process.name} has stopped`);
        process.after(lingersMs, () => {
          process.crash();
          this.#network.crashed(process);
          ended();
        });
      }),
    );
  }

  /** A request from outside, on a connection that no fault touches. */
  request(request: HttpRequest, reply: (reply: HttpReply) => void): void {
    const { process } = this;
    process.run(process.life, () => this.#service?.handle(request, reply));
  }

  /** Its present life, paused or not; the oracles' way to look inside. */
  get living(): Role | undefined {
    return this.process.alive ? this.#service : undefined;
  }

  /** What its present life would say, paused or not. */
  peek(request: HttpRequest): HttpReply | undefined {
    let answer: HttpReply | undefined;
    this.living?.handle(request, (reply) => {
      answer = reply;
    });
    return answer;
  }

  #log(): Log {
    const { process } = this;
    return {
      write: (level, message, fields = {}) => {
        const details = Object.entries(fields)
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => ` ${name}=${value}`)
          .join('');
        process.world.note(`${process.name} ${level}: ${message}${details}`);
        process.world.occur(message);
        this.onLog(message, fields);
      },
    };
  }
}

export class SimulatedCluster {
  readonly network: SimulatedNetwork;
  readonly controller: SimulatedNode;
  readonly storages: readonly SimulatedNode<StorageNode>[];
  readonly frontends: readonly SimulatedNode[];
  /** Whether the operator starts the controller with --recover from now on. */
  controllerRecovers = false;
  /** Whether what was acknowledged survives a loss of power. */
  readonly syncsAlways: boolean;
  readonly isCache: boolean;

  constructor(world: World, shape: ClusterShape) {
    const times = { ...protocolTimes(1), ...shape.times };
    const { storages, frontends, redundancy, fsync, whenFull } = shape;
    this.syncsAlways = fsync === 'always';
    this.isCache = whenFull === 'evict';
    this.network = new SimulatedNetwork(world);
    const node = <Role extends Service>(
      address: Address,
      make: (runtime: Runtime) => Role,
      keepsData = true,
    ) => new SimulatedNode(world, this.network, address, make, keepsData);
    this.controller = node(
      CONTROLLER,
      (runtime) =>
        new Controller(runtime, {
          storageNodes: storages,
          redundancy,
          digits: smallestDigits(1),
          whenFull,
          recover: this.controllerRecovers,
          times,
        }),
    );
    this.storages = Array.from({ length: storages }, (_, index) => {
      const address = `storage${index}:1` as Address;
      const options = {
        controller: CONTROLLER,
        address,
        node: `storage${index}` as NodeId,
        nodeIsGiven: true,
        fsync: fsync ?? 'interval',
        valueBytesMax: VALUE_BYTES_MAX_DEFAULT,
        copyChunkBytes: shape.copyChunkBytes ?? CHUNK_RECORD_BYTES,
        // So small that records are moved while they are read, copied and logged.
        segmentBytes: 512,
        // So short that the log is always compacted.
        logFileBytes: shape.logFileBytes ?? 512,
        times,
      };
      const make = (runtime: Runtime) => {
        const memoryBytes = shape.memoryBytesOf?.(index);
        return new StorageNode(
          runtime,
          memoryBytes === undefined ? options : { ...options, memoryBytes },
        );
      };
      return node(address, make, fsync !== undefined);
    });
    this.frontends = Array.from({ length: frontends }, (_, index) => {
      const address = `frontend${index}:1` as Address;
      const options = { controller: CONTROLLER, address, times };
      return node(address, (runtime) => new Frontend(runtime, options));
    });
  }

  get nodes(): readonly SimulatedNode[] {
    return [this.controller, ...this.storages, ...this.frontends];
  }
}
