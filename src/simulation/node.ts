// A node of the simulated cluster: a process that starts, crashes and starts again, its disk, and an instance of the
// product's own class of its role, made anew for each incarnation. Clocks are process.ts's, messages network.ts's.

import type { ByteStream } from '../cluster/http/byte-stream.ts';
import { type HttpReply, type HttpRequest, isWhole, readsRequest } from '../cluster/http/http.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { HttpService, LogFields, Logger, Runtime, Service } from '../cluster/ports.ts';
import { SimulatedDisk } from './disk.ts';
import type { SimulatedNetwork } from './network.ts';
import { SimulatedProcess } from './process.ts';
import { SimulatedFiles } from './simulated-files.ts';
import { readWithin, ServedStream } from './streams.ts';
import type { World } from './world.ts';

/**
 * `--drain-timeout`, longer than any fault: a memory-only node that is cut off for longer would leave with the last
 * copies, which the cluster cannot promise to keep.
 */
const DRAIN_TIMEOUT_MS = 60_000;

export class SimulatedNode<Role extends Service = Service> {
  readonly process: SimulatedProcess;
  readonly disk: SimulatedDisk;
  /** What a file server has in place of a disk. */
  readonly files: SimulatedFiles;
  readonly address: Address;
  /** Whether the node has a data directory. */
  readonly keepsData: boolean;
  readonly #keepsFiles: boolean;
  readonly #network: SimulatedNetwork;
  readonly #make: (runtime: Runtime, timeScale: number) => Role;
  #service: Role | undefined;
  /** Bodies of replies that clients may still be reading. */
  readonly #served = new Set<ServedStream>();
  /** `--time-scale` of the next start; any value but 1 is a mistake of the operator. */
  timeScale = 1;
  /** Called with each message that this node logs. */
  onLog: (message: string, fields: LogFields) => void = () => undefined;

  constructor(
    world: World,
    network: SimulatedNetwork,
    address: Address,
    make: (runtime: Runtime, timeScale: number) => Role,
    keepsData: boolean,
    keepsFiles = false,
  ) {
    this.keepsData = keepsData;
    this.#keepsFiles = keepsFiles;
    this.process = new SimulatedProcess(world, address.split(':')[0] ?? address);
    this.disk = new SimulatedDisk(this.process);
    this.files = new SimulatedFiles(this.process);
    this.address = address;
    this.#network = network;
    this.#make = make;
    network.attach(this.process, address);
  }

  start(): void {
    const { process, disk } = this;
    process.start();
    process.world.note(`${process.name} starts`);
    const runtime: Runtime = {
      clock: process,
      timers: process,
      random: process.world.random,
      network: this.#network.portOf(process),
      logger: this.#logger(),
      host: {
        bootId: () => disk.bootId(),
        usage: () => ({
          pid: 1,
          uptimeSeconds: 0,
          userCpuSeconds: 0,
          systemCpuSeconds: 0,
          residentBytes: 0,
          heapUsedBytes: 0,
          logLinesDropped: 0,
        }),
        eventLoopDelaySeconds: () => 0,
        collections: () => ({ count: 0, seconds: 0, longest: 0 }),
      },
      disk: this.keepsData ? disk.port() : undefined,
      files: this.#keepsFiles ? this.files.port() : undefined,
    };
    const service = this.#make(runtime, this.timeScale);
    this.#service = service;
    this.#network.serve(process, service);
    process.run(process.incarnation, () => service.start());
  }

  /**
   * Kills the process as SIGKILL does.
   * @param power whether its machine loses power as well, and unsynced writes with it
   */
  crash(power: boolean): void {
    if (!this.process.alive) return;
    this.process.world.note(`${this.process.name} ${power ? 'loses power' : 'is killed'}`);
    this.process.crash();
    for (const disk of [this.disk, this.files]) {
      if (power) disk.losePower();
      else disk.tear();
    }
    this.#breakStreams();
    this.#network.crashed(this.process);
  }

  /** Its machine is switched off and on, where a supervisor starts what ran. */
  restart(): void {
    if (!this.process.alive) return;
    this.crash(true);
    this.start();
  }

  /** Called after the process ended itself: breaks its connections, so that its peers learn of it. */
  ended(): void {
    this.#breakStreams();
    this.#network.crashed(this.process);
  }

  /**
   * SIGTERM: the process hands over what it must, and then ends.
   * @param lingersMs how long requests in progress hold it up after that
   */
  stop(lingersMs: number, ended: () => void = () => undefined, timeoutMs = DRAIN_TIMEOUT_MS): void {
    const { process } = this;
    process.world.note(`${process.name} is told to stop`);
    process.run(process.incarnation, () =>
      this.#service?.drain({ wholeCluster: false, timeoutMs }, () => {
        process.world.note(`${process.name} has stopped`);
        process.after(lingersMs, () => {
          process.crash();
          this.#breakStreams();
          this.#network.crashed(process);
          ended();
        });
      }),
    );
  }

  /**
   * Sends a client's request, on a connection that no fault touches.
   * @param port of one of its further interfaces; its own by default
   */
  request(request: HttpRequest, reply: (reply: HttpReply) => void, port?: number): void {
    const { process } = this;
    const { body } = request;
    const within: HttpRequest =
      body.kind === 'stream'
        ? { ...request, body: { kind: 'stream', stream: readWithin(process, body.stream) } }
        : request;
    process.run(process.incarnation, () =>
      this.#interfaceAt(port)?.handle(within, (answer) => {
        // As io/server does: a service that replies before the end is handed no more of the body.
        if (within.body.kind === 'stream' && !readsRequest(answer)) within.body.stream.discard();
        reply(this.#seenOutside(answer));
      }),
    );
  }

  #interfaceAt(port: number | undefined): HttpService | undefined {
    const service = this.#service;
    if (port === undefined) return service;
    return service?.further?.find((each) => each.port === port)?.service;
  }

  /** Lets the present incarnation do something of itself, once it is awake. */
  within(run: (service: Role) => void): void {
    const { process } = this;
    process.run(process.incarnation, () => {
      if (this.#service !== undefined) run(this.#service);
    });
  }

  /** A body that its process sends, as a client outside reads it. */
  sentOutside(stream: ByteStream): ByteStream {
    const body = new ServedStream(this.process, stream);
    this.#served.add(body);
    return body;
  }

  #seenOutside(reply: HttpReply): HttpReply {
    return isWhole(reply) ? reply : { ...reply, body: this.sentOutside(reply.body) };
  }

  #breakStreams(): void {
    for (const stream of this.#served) stream.crashed();
    this.#served.clear();
  }

  /** The role's instance while the process is alive, paused or not; oracles look inside it. */
  get living(): Role | undefined {
    return this.process.alive ? this.#service : undefined;
  }

  /** @returns the node's answer to the request at this moment, paused or not; undefined while it is dead */
  peek(request: HttpRequest): HttpReply | undefined {
    let answer: HttpReply | undefined;
    this.living?.handle(request, (reply) => {
      answer = reply;
    });
    return answer;
  }

  #logger(): Logger {
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
