// File servers that a test plays by hand, behind the port Network: it takes as much of a body as it likes, answers what it
// likes, stalls, or breaks off. What the real pool promises its callers is asserted here of the test.

import { expect } from 'vitest';
import type { ByteStream } from '../../src/cluster/http/byte-stream.ts';
import type { PoolEvents, PoolHead, PoolRequest } from '../../src/cluster/http/http-pool.ts';
import type { FileServerEntry, FileServers } from '../../src/cluster/model/file-server.ts';
import type { Address, StoreId } from '../../src/cluster/model/identity.ts';
import type { CallOutcome, ControlCall, Network } from '../../src/cluster/ports.ts';
import type { PlacedServer } from '../../src/files/placement.ts';
import { HandReader } from './body-by-hand.ts';
import { nodeId } from './maps.ts';

export function fileServer(name: string, more: Partial<FileServerEntry> = {}): FileServerEntry {
  return {
    address: `${name}:1` as Address,
    store: `store ${name}` as StoreId,
    host: `host ${name}`,
    weight: 1,
    state: 'in',
    ...more,
  };
}

/** Servers of these names, each on a host of its own. */
export function fileServersOf(...names: readonly string[]): FileServers {
  return Object.fromEntries(names.map((name) => [name, fileServer(name)]));
}

export function placedServer(name: string, more: Partial<FileServerEntry> = {}): PlacedServer {
  return { id: nodeId(name), entry: fileServer(name, more) };
}

export class ScriptedNetwork implements Network {
  readonly requests: ScriptedRequest[] = [];
  readonly calls: ScriptedCall[] = [];
  /** Plays a server at once, before `request` returns; by default the test does so later. */
  requested: (request: ScriptedRequest) => void = () => undefined;
  called: (call: ScriptedCall) => void = () => undefined;

  request(address: Address, request: PoolRequest, events: PoolEvents): () => void {
    const scripted = new ScriptedRequest(address, request, events);
    this.requests.push(scripted);
    this.requested(scripted);
    return () => scripted.cancel();
  }

  call(call: ControlCall, callback: (outcome: CallOutcome) => void): void {
    const scripted = new ScriptedCall(call, callback);
    this.calls.push(scripted);
    this.called(scripted);
  }

  open(): never {
    throw new Error('no stream is opened for a file');
  }

  /** What nobody has answered or given up. */
  get underWay(): readonly ScriptedRequest[] {
    return this.requests.filter(({ isOver }) => !isOver);
  }

  /** The one request of this kind to that server that is under way. */
  one(method: string, name: string): ScriptedRequest {
    return only(this.underWay.filter((each) => each.method === method && each.server === name));
  }

  /** The one call to that server that is not answered. */
  oneCall(name: string, ending: string): ScriptedCall {
    const open = this.calls.filter(({ isAnswered }) => !isAnswered);
    return only(open.filter((each) => each.server === name && each.path.endsWith(ending)));
  }

  /** The calls that are not answered, as `SERVER LAST-PART-OF-PATH`. */
  get asked(): readonly string[] {
    return this.calls.filter(({ isAnswered }) => !isAnswered).map(String);
  }
}

function only<T>(found: readonly T[]): T {
  expect(found).toHaveLength(1);
  const [one] = found;
  if (one === undefined) throw new Error('unreachable');
  return one;
}

export class ScriptedCall {
  readonly server: string;
  readonly path: string;
  readonly message: ControlCall['message'];
  readonly timeoutMs: number;
  isAnswered = false;
  readonly #callback: (outcome: CallOutcome) => void;

  constructor(
    { address, path, message, timeoutMs }: ControlCall,
    callback: (outcome: CallOutcome) => void,
  ) {
    this.server = address.slice(0, address.indexOf(':'));
    this.path = path;
    this.message = message;
    this.timeoutMs = timeoutMs;
    this.#callback = callback;
  }

  answer(status: number, message: unknown = {}): void {
    this.answered({ kind: 'answered', status, message });
  }

  fail(): void {
    this.answered({ kind: 'failed', detail: 'scripted' });
  }

  toString(): string {
    return `${this.server} ${this.path.slice(this.path.lastIndexOf('/') + 1)}`;
  }

  answered(outcome: CallOutcome): void {
    expect(this.isAnswered).toBe(false);
    this.isAnswered = true;
    this.#callback(outcome);
  }
}

export class ScriptedRequest {
  readonly server: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  isCancelled = false;
  isPaused = false;
  /** Called when the client takes pieces again. */
  resumed: () => void = () => undefined;
  readonly #reader: HandReader | undefined;
  /** Undefined once the request is over. */
  #events: PoolEvents | undefined;
  #head: PoolHead | undefined;
  #take: ((piece: Buffer) => void) | undefined;

  constructor(address: Address, { method, path, headers, body }: PoolRequest, events: PoolEvents) {
    this.server = address.slice(0, address.indexOf(':'));
    this.method = method;
    this.path = path;
    this.headers = headers;
    this.#reader = isStream(body) ? new HandReader(body) : undefined;
    this.#events = events;
  }

  get isOver(): boolean {
    return this.#events === undefined;
  }

  /** What the server has taken of the request's body. */
  get received(): Buffer {
    return this.#reader?.bytes ?? Buffer.alloc(0);
  }

  get pieces(): number {
    return this.#reader?.pieces.length ?? 0;
  }

  /** How the body has ended, as far as the server has taken it. */
  get ending(): string | undefined {
    return this.#reader?.ending;
  }

  /** Takes nothing from now on. */
  stall(): void {
    if (this.#reader !== undefined) this.#reader.isStopped = true;
  }

  /** Takes one part of the request's body, now or when it comes. */
  take(): void {
    if (!this.isOver) this.#reader?.take(() => this.#taken());
  }

  /** Takes all of it, as fast as it comes. */
  takeAll(): void {
    if (!this.isOver) this.#reader?.takeAll(() => this.#taken());
  }

  #taken(): void {
    // A body that breaks off breaks its connection.
    if (this.ending !== undefined && this.ending !== 'end') this.breakOff();
  }

  answer(status: number, body: Buffer = Buffer.alloc(0)): void {
    this.head(status, { 'content-length': `${body.length}` });
    if (body.length > 0) this.piece(body);
    this.end();
  }

  head(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.#head = { status, header: (name) => headers[name] };
    const flow = {
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
        this.resumed();
      },
    };
    this.#take = this.#events?.answering?.(this.#head, flow);
  }

  piece(bytes: Buffer): void {
    if (!this.isOver) this.#take?.(bytes);
  }

  end(): void {
    const head = this.#head ?? { status: 500, header: () => undefined };
    this.#over()?.ended({ kind: 'answered', ...head, body: Buffer.alloc(0) });
  }

  breakOff(): void {
    this.#over()?.ended({ kind: 'broken', error: new Error('scripted') });
  }

  cancel(): void {
    if (this.isOver) return;
    this.isCancelled = true;
    this.#over();
  }

  #over(): PoolEvents | undefined {
    const events = this.#events;
    this.#events = undefined;
    this.#reader?.discard();
    return events;
  }
}

function isStream(body: PoolRequest['body']): body is ByteStream {
  return body !== undefined && !(body instanceof Uint8Array);
}
