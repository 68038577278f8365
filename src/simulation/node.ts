// A node of the simulated cluster: a process that starts, crashes and starts again, its disk, and the product's own
// class of its role, made anew for each life.

import { type HttpReply, type HttpRequest, isWhole } from '../cluster/http/http.ts';
import type { Address } from '../cluster/model/identity.ts';
import type { LogFields, Logger, Runtime, Service } from '../cluster/ports.ts';
import { SimulatedDisk } from './disk.ts';
import type { SimulatedNetwork } from './network.ts';
import { SimulatedProcess } from './process.ts';
import { readWithin, ServedStream } from './streams.ts';
import type { World } from './world.ts';

/**
 * `--drain-timeout`, longer than any fault: a node in memory that is cut off for longer leaves with the last
 * copies, and nobody can promise anything of them then.
 */
const DRAIN_TIMEOUT_MS = 60_000;

export class SimulatedNode<Role extends Service = Service> {
  readonly process: SimulatedProcess;
  readonly disk: SimulatedDisk;
  readonly address: Address;
  /** Whether its data outlives its process. */
  readonly keepsData: boolean;
  readonly #network: SimulatedNetwork;
  readonly #make: (runtime: Runtime, timeScale: number) => Role;
  #service: Role | undefined;
  /** Bodies of replies that clients may still be reading. */
  readonly #served = new Set<ServedStream>();
  /** `--time-scale`, as it is started next; anything but 1 is the operator's slip. */
  timeScale = 1;
  /** Told of everything this node logs. */
  onLog: (message: string, fields: LogFields) => void = () => undefined;

  constructor(
    world: World,
    network: SimulatedNetwork,
    address: Address,
    make: (runtime: Runtime, timeScale: number) => Role,
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
    };
    const service = this.#make(runtime, this.timeScale);
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
    this.#breakStreams();
    this.#network.crashed(this.process);
  }

  /** It ended itself; who was connected learns of it. */
  ended(): void {
    this.#breakStreams();
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
          this.#breakStreams();
          this.#network.crashed(process);
          ended();
        });
      }),
    );
  }

  /** A request from outside, on a connection that no fault touches. */
  request(request: HttpRequest, reply: (reply: HttpReply) => void): void {
    const { process } = this;
    const { body } = request;
    const within: HttpRequest =
      body.kind === 'stream'
        ? { ...request, body: { kind: 'stream', stream: readWithin(process, body.stream) } }
        : request;
    process.run(process.life, () =>
      this.#service?.handle(within, (answer) => reply(this.#seenOutside(answer))),
    );
  }

  #seenOutside(reply: HttpReply): HttpReply {
    if (isWhole(reply)) return reply;
    const body = new ServedStream(this.process, reply.body);
    this.#served.add(body);
    return { ...reply, body };
  }

  #breakStreams(): void {
    for (const stream of this.#served) stream.crashed();
    this.#served.clear();
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
