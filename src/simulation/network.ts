// A network that delays with a long tail, loses and repeats control calls, breaks and stalls streams,
// and cuts links in one direction. Streams keep their order, as TCP does: while a link is cut their
// messages wait, and arrive when it heals if both ends still know each other.

import type { HttpReply, HttpRequest } from '../cluster/http.ts';
import type { Address } from '../cluster/identity.ts';
import { encodeMessage } from '../cluster/map-json.ts';
import type {
  CallOutcome,
  ControlCall,
  Link,
  LinkEvents,
  LinkHello,
  Network,
  Service,
} from '../cluster/runtime.ts';
import type { SimulatedProcess, World } from './world.ts';

export interface NetworkFaults {
  /** Share of control calls that are lost on one of their two ways. */
  loss: number;
  /** Share of control calls that arrive twice. */
  duplicates: number;
  /** Whether some messages take far longer than others. */
  longTail: boolean;
  /** Share of messages on a stream after which the stream breaks. */
  resets: number;
}

export const NO_FAULTS: NetworkFaults = { loss: 0, duplicates: 0, longTail: false, resets: 0 };

interface Host {
  readonly process: SimulatedProcess;
  service: Service | undefined;
}

export class SimulatedNetwork {
  readonly #world: World;
  readonly #hosts = new Map<Address, Host>();
  readonly #names = new Map<string, Host>();
  /** `from>to`, by the names of processes. */
  readonly #cuts = new Set<string>();
  #streams: Stream[] = [];
  faults: NetworkFaults = NO_FAULTS;

  constructor(world: World) {
    this.#world = world;
  }

  attach(process: SimulatedProcess, address: Address): void {
    const host: Host = { process, service: undefined };
    this.#hosts.set(address, host);
    this.#names.set(process.name, host);
  }

  /** A new life of the process answers from now on; streams of the old one are broken. */
  serve(process: SimulatedProcess, service: Service): void {
    const host = this.#names.get(process.name);
    if (host !== undefined) host.service = service;
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`);
    for (const stream of this.#streams) stream.flush();
  }

  healAll(): void {
    this.#cuts.clear();
    for (const stream of this.#streams) stream.flush();
  }

  isCut(from: SimulatedProcess, to: SimulatedProcess): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${from.name}>${to.name}`);
  }

  /** The other ends learn that a process is gone, as the kernel tells them, unless they are cut off. */
  crashed(process: SimulatedProcess): void {
    for (const stream of this.#streams) stream.lost(process);
    this.#streams = this.#streams.filter((stream) => !stream.over);
  }

  delayMs(): number {
    const { random } = this.#world;
    if (this.faults.longTail) {
      if (random.chance(0.002)) return random.between(0, 4000);
      if (random.chance(0.02)) return random.between(0, 400);
    }
    return random.between(0.1, 2);
  }

  portOf(process: SimulatedProcess): Network {
    return {
      call: (call, callback) => this.#call(process, call, callback),
      open: (address, hello, events) => this.#open(process, address, hello, events),
    };
  }

  #call(from: SimulatedProcess, call: ControlCall, callback: (outcome: CallOutcome) => void): void {
    let done = false;
    const finish = (outcome: CallOutcome) => {
      if (done) return;
      done = true;
      callback(outcome);
    };
    from.after(call.timeoutMs, () => finish({ kind: 'failed', detail: 'timeout' }));
    const host = this.#hosts.get(call.address);
    if (host === undefined) return;
    const life = from.life;
    const answer = (outcome: CallOutcome) => {
      if (this.#lost(host.process, from)) return;
      this.#world.at(this.delayMs(), () => from.run(life, () => finish(outcome)));
    };
    const { random } = this.#world;
    const copies = random.chance(this.faults.duplicates) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#lost(from, host.process)) continue;
      this.#world.at(this.delayMs(), () => arrive(host, call, answer));
    }
  }

  #lost(from: SimulatedProcess, to: SimulatedProcess): boolean {
    return this.isCut(from, to) || this.#world.random.chance(this.faults.loss);
  }

  #open(from: SimulatedProcess, address: Address, hello: LinkHello, events: LinkEvents): Link {
    const host = this.#hosts.get(address);
    const stream = new Stream(this.#world, this, from, events);
    this.#streams.push(stream);
    if (host === undefined) stream.refuse('ENOTFOUND');
    else stream.connect(host.process, () => host.service?.accept(hello, stream.far));
    return stream.near;
  }
}

function arrive(host: Host, call: ControlCall, answer: (outcome: CallOutcome) => void): void {
  const { process, service } = host;
  if (!process.alive || service === undefined) {
    answer({ kind: 'failed', detail: 'ECONNREFUSED' });
    return;
  }
  process.run(process.life, () =>
    service.handle(requestOf(call), (reply) =>
      answer({ kind: 'answered', status: reply.status, message: parse(reply) }),
    ),
  );
}

export function requestOf(call: Pick<ControlCall, 'method' | 'path' | 'message'>): HttpRequest {
  const body = call.message === undefined ? undefined : encodeMessage(call.message);
  return {
    method: call.method,
    target: call.path,
    header: () => undefined,
    fromLoopback: false,
    body: body === undefined ? { kind: 'none' } : { kind: 'bytes', bytes: body },
  };
}

function parse(reply: HttpReply): unknown {
  try {
    const { body } = reply;
    return JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}

interface Waiting {
  readonly id: number;
  readonly message: Buffer;
}

/** One end of a stream: what its process sends, and what it is told. */
class StreamEnd implements Link {
  readonly process: SimulatedProcess;
  readonly life: number;
  readonly #stream: Stream;
  outgoing: Waiting[] = [];
  events: LinkEvents | undefined;
  closed = false;
  travelling = false;
  batches = 0;

  constructor(stream: Stream, process: SimulatedProcess) {
    this.#stream = stream;
    this.process = process;
    this.life = process.life;
  }

  send(id: number, head: Uint8Array, body: Uint8Array): void {
    if (this.closed) return;
    this.outgoing.push({ id, message: Buffer.concat([head, body]) });
    this.#stream.flush();
  }

  isUnderWay(): boolean {
    return this.travelling;
  }

  batchesLeft(): number {
    return this.batches;
  }

  queuedBytes(): number {
    return this.outgoing.reduce((sum, { message }) => sum + message.length, 0);
  }

  close(reason: string): void {
    this.#stream.close(reason);
  }

  /** What waits at a process goes in one batch, as the next. */
  tellReady(): void {
    if (this.closed || this.travelling) return;
    this.process.run(this.life, () => this.events?.ready?.());
  }

  tellClosed(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.process.run(this.life, () => this.events?.closed(reason, this.#stream.opened));
  }
}

class Stream {
  readonly near: StreamEnd;
  readonly #world: World;
  readonly #network: SimulatedNetwork;
  #far: StreamEnd | undefined;
  #open = false;

  constructor(world: World, network: SimulatedNetwork, from: SimulatedProcess, events: LinkEvents) {
    this.#world = world;
    this.#network = network;
    this.near = new StreamEnd(this, from);
    this.near.events = events;
  }

  get far(): Link {
    const far = this.#far;
    if (far === undefined) throw new Error('the stream has no far end yet');
    return far;
  }

  get opened(): boolean {
    return this.#open;
  }

  get over(): boolean {
    return this.near.closed && (this.#far?.closed ?? true);
  }

  refuse(reason: string): void {
    this.#world.at(this.#network.delayMs(), () => this.near.tellClosed(reason));
  }

  connect(
    to: SimulatedProcess,
    accept: () => LinkEvents | { readonly refused: string } | undefined,
  ): void {
    const { process: from } = this.near;
    if (this.#network.isCut(from, to) || this.#network.isCut(to, from)) {
      this.#world.at(CONNECT_TIMEOUT_MS, () => this.near.tellClosed('ETIMEDOUT'));
      return;
    }
    this.#world.at(this.#network.delayMs(), () => {
      if (!to.alive) return this.refuse('ECONNREFUSED');
      return to.run(to.life, () => {
        if (this.near.closed) return;
        const far = new StreamEnd(this, to);
        this.#far = far;
        const accepted = accept();
        if (accepted === undefined || 'refused' in accepted) {
          far.closed = true;
          this.refuse(accepted?.refused ?? 'not serving yet');
          return;
        }
        far.events = accepted;
        this.#open = true;
        this.flush();
      });
    });
  }

  /** Sends on what waits, one message after the other, each way. */
  flush(): void {
    const far = this.#far;
    if (!this.#open || far === undefined) return;
    this.#travel(this.near, far);
    this.#travel(far, this.near);
  }

  #travel(from: StreamEnd, to: StreamEnd): void {
    if (from.travelling || from.outgoing.length === 0 || from.closed) return;
    if (this.#network.isCut(from.process, to.process)) return;
    from.travelling = true;
    from.batches++;
    // What waits goes as one batch, as the socket's bytes do.
    const batch = from.outgoing;
    from.outgoing = [];
    this.#world.at(this.#network.delayMs(), () => {
      from.travelling = false;
      if (to.closed) return;
      for (const { id, message } of batch) {
        to.process.run(to.life, () => {
          if (!to.closed) to.events?.received(id, message);
        });
      }
      if (this.#world.random.chance(this.#network.faults.resets)) this.close('reset');
      this.flush();
      from.tellReady();
    });
  }

  /** Both ends learn of it, the other one after a delay; what is on its way may be lost. */
  close(reason: string): void {
    this.near.tellClosed(reason);
    const far = this.#far;
    if (far !== undefined) this.#world.at(this.#network.delayMs(), () => far.tellClosed(reason));
  }

  lost(process: SimulatedProcess): void {
    const ends = [this.near, this.#far].filter((end) => end !== undefined);
    if (!ends.some((end) => end.process === process && end.life !== process.life)) return;
    for (const end of ends) {
      if (end.process === process) end.closed = true;
      else if (!this.#network.isCut(process, end.process)) {
        this.#world.at(this.#network.delayMs(), () => end.tellClosed('ECONNRESET'));
      } else {
        // Across a cut nobody says so: the end is half open until its own deadlines, or TCP's, give up.
        this.#world.at(HALF_OPEN_MS, () => end.tellClosed('ETIMEDOUT'));
      }
    }
  }
}

/** The real adapter's. */
const CONNECT_TIMEOUT_MS = 5000;
const HALF_OPEN_MS = 30_000;
