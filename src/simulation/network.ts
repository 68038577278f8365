// A network that delays with a long tail, loses and repeats control calls, breaks and stalls streams, and cuts links in
// one direction. How a stream behaves in it is stream.ts's.

import type { HttpReply, HttpRequest } from '../cluster/http/http.ts';
import type { PoolEvents, PoolRequest } from '../cluster/http/http-pool.ts';
import type { Address } from '../cluster/model/identity.ts';
import type {
  CallOutcome,
  Cancel,
  ControlCall,
  Link,
  LinkEvents,
  LinkHello,
  Network,
  Service,
} from '../cluster/ports.ts';
import { encodeMessage } from '../cluster/wire/map-json.ts';
import type { SimulatedProcess } from './process.ts';
import { RequestConnection } from './request-connection.ts';
import { bytesOf, requestOf } from './requests.ts';
import { Stream } from './stream.ts';
import type { World } from './world.ts';

export interface NetworkFaults {
  /** Share of control messages that are lost, as requests or as replies. */
  loss: number;
  /** Share of control messages that arrive twice. */
  duplicates: number;
  /** Whether some messages take far longer than others. */
  longTail: boolean;
  /** Share of messages on a stream after which the stream breaks. */
  resets: number;
}

export const NO_FAULTS: NetworkFaults = { loss: 0, duplicates: 0, longTail: false, resets: 0 };

interface SimulatedHost {
  readonly process: SimulatedProcess;
  service: Service | undefined;
}

/** A control call that has no answer yet. */
interface OpenCall {
  readonly from: SimulatedProcess;
  readonly to: SimulatedProcess;
  /** Called when the callee's process died and its connection broke. */
  readonly broke: () => void;
}

export class SimulatedNetwork {
  readonly #world: World;
  readonly #hosts = new Map<Address, SimulatedHost>();
  readonly #names = new Map<string, SimulatedHost>();
  /** `from>to`, by the names of processes. */
  readonly #cuts = new Set<string>();
  /** The share of messages that each directed link, `from>to`, loses. */
  readonly #lossy = new Map<string, number>();
  readonly #calls = new Set<OpenCall>();
  #streams: Stream[] = [];
  #requests: RequestConnection[] = [];
  faults: NetworkFaults = NO_FAULTS;

  constructor(world: World) {
    this.#world = world;
  }

  /** From now on calls and streams to this address reach this process. */
  attach(process: SimulatedProcess, address: Address): void {
    const host: SimulatedHost = this.#names.get(process.name) ?? { process, service: undefined };
    this.#hosts.set(address, host);
    this.#names.set(process.name, host);
    // Bytes of an old stream now reach another process, which does not know the stream and resets it.
    for (const stream of this.#streams) {
      if (stream.address === address && stream.farProcess !== process) stream.close('reset');
    }
  }

  /** From now on this instance answers for the process; `crashed` has broken the streams of its former incarnation. */
  serve(process: SimulatedProcess, service: Service): void {
    const host = this.#names.get(process.name);
    if (host !== undefined) host.service = service;
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`);
    this.#flush();
  }

  /** Loses this share of messages on the link, one way; 0 mends it. In a stream a loss delays, or breaks the stream. */
  lossy(from: string, to: string, share: number): void {
    if (share > 0) this.#lossy.set(`${from}>${to}`, share);
    else this.#lossy.delete(`${from}>${to}`);
  }

  /**
   * How much later a batch on a stream arrives because TCP had to send it again (RFC 6298: after 200 ms, doubled each
   * time); 'broken' when the stream does not survive the loss, as a middlebox may decide.
   */
  retransmissionMs(from: SimulatedProcess, to: SimulatedProcess): number | 'broken' {
    const share = this.#lossOf(from, to);
    let delayMs = 0;
    let timeoutMs = 200;
    while (share > 0 && this.#world.random.chance(share)) {
      if (this.#world.random.chance(0.5)) return 'broken';
      delayMs += timeoutMs;
      timeoutMs *= 2;
    }
    return delayMs;
  }

  healAll(): void {
    this.#cuts.clear();
    this.#lossy.clear();
    this.#flush();
  }

  #flush(): void {
    for (const stream of this.#streams) stream.flush();
    for (const request of this.#requests) request.flush();
  }

  isCut(from: SimulatedProcess, to: SimulatedProcess): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(`${from.name}>${to.name}`);
  }

  /** Tells the peers of a process that it is gone, as the kernel would, unless a cut hides that from them. */
  crashed(process: SimulatedProcess): void {
    for (const stream of this.#streams) stream.lost(process);
    this.#streams = this.#streams.filter((stream) => !stream.over);
    for (const request of this.#requests) request.crashed(process);
    this.#requests = this.#requests.filter((request) => !request.isOver);
    for (const call of this.#calls) {
      if (call.from === process) this.#calls.delete(call);
      // The kernel of the dead callee resets the connection, unless a cut hides that from the caller.
      else if (call.to === process && !this.isCut(process, call.from)) {
        this.#world.at(this.delayMs(), call.broke);
      }
    }
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
      request: (address, request, events) => this.#request(process, address, request, events),
    };
  }

  #call(from: SimulatedProcess, call: ControlCall, callback: (outcome: CallOutcome) => void): void {
    const host = this.#hosts.get(call.address);
    const incarnation = from.incarnation;
    let done = false;
    const finish = (outcome: CallOutcome) => {
      if (done) return;
      done = true;
      if (open !== undefined) this.#calls.delete(open);
      callback(outcome);
    };
    const open: OpenCall | undefined = host && {
      from,
      to: host.process,
      broke: () => from.run(incarnation, () => finish({ kind: 'failed', detail: 'ECONNRESET' })),
    };
    from.after(call.timeoutMs, () => finish({ kind: 'failed', detail: 'timeout' }));
    if (host === undefined || open === undefined) return;
    this.#calls.add(open);
    const answer = (outcome: CallOutcome) => {
      if (this.#lost(host.process, from)) return;
      this.#world.at(this.delayMs(), () => from.run(incarnation, () => finish(outcome)));
    };
    const { random } = this.#world;
    const copies = random.chance(this.faults.duplicates) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#lost(from, host.process)) continue;
      this.#world.at(this.delayMs(), () => arrive(host, call, answer));
    }
  }

  #request(
    from: SimulatedProcess,
    address: Address,
    request: PoolRequest,
    events: PoolEvents,
  ): Cancel {
    const host = this.#hosts.get(address);
    if (host === undefined) {
      from.after(this.delayMs(), () =>
        events.ended({ kind: 'broken', error: new Error('ENOTFOUND') }),
      );
      return () => undefined;
    }
    const ends = { from, to: host.process };
    const streamed = new RequestConnection(this.#world, this, ends, request, events);
    this.#requests = this.#requests.filter((each) => !each.isOver);
    this.#requests.push(streamed);
    streamed.connect(() => host.service);
    return () => streamed.cancel();
  }

  #lost(from: SimulatedProcess, to: SimulatedProcess): boolean {
    if (this.isCut(from, to)) return true;
    return this.#world.random.chance(Math.max(this.faults.loss, this.#lossOf(from, to)));
  }

  copiesOf(): number {
    const { random } = this.#world;
    const { loss, duplicates } = this.faults;
    // Without faults nothing is drawn, so scripted schedules do not depend on how many messages are sent.
    if (loss > 0 && random.chance(loss)) return 0;
    return duplicates > 0 && random.chance(duplicates) ? 2 : 1;
  }

  #lossOf(from: SimulatedProcess, to: SimulatedProcess): number {
    if (this.#lossy.size === 0) return 0;
    return this.#lossy.get(`${from.name}>${to.name}`) ?? 0;
  }

  #open(from: SimulatedProcess, address: Address, hello: LinkHello, events: LinkEvents): Link {
    const host = this.#hosts.get(address);
    const stream = new Stream(this.#world, this, from, { address, purpose: hello.purpose }, events);
    this.#streams.push(stream);
    if (host === undefined) stream.refuse('ENOTFOUND');
    else stream.connect(host.process, () => host.service?.accept(hello, stream.far));
    return stream.near;
  }
}

function arrive(
  host: SimulatedHost,
  call: ControlCall,
  answer: (outcome: CallOutcome) => void,
): void {
  const { process, service } = host;
  if (!process.alive || service === undefined) {
    answer({ kind: 'failed', detail: 'ECONNREFUSED' });
    return;
  }
  process.run(process.incarnation, () =>
    service.handle(requestOfCall(call), (reply) =>
      answer({ kind: 'answered', status: reply.status, message: parse(reply) }),
    ),
  );
}

export function requestOfCall({
  method,
  path,
  message,
}: Pick<ControlCall, 'method' | 'path' | 'message'>): HttpRequest {
  return message === undefined
    ? requestOf(method, path)
    : requestOf(method, path, { kind: 'bytes', bytes: encodeMessage(message) });
}

function parse(reply: HttpReply): unknown {
  try {
    return JSON.parse(bytesOf(reply).toString());
  } catch {
    return undefined;
  }
}
