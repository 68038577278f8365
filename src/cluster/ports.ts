// The ports: everything a role may want from the world outside. Production hands in io/, the simulator
// its own; a role sees no difference. Callbacks, not promises: a get or set must not pay for a promise
// chain, and a simulator must decide the order of everything.

import type { HttpReply, HttpRequest } from './http/http.ts';
import type { Address, ClusterId, Incarnation, NodeId } from './model/identity.ts';
import type { ControlMessage } from './wire/map-json.ts';

export interface Clock {
  /** Never goes back; for intervals, deadlines and leases. */
  monotonicMs(): number;
  /** Milliseconds since 1970; may jump. For versions and expiry only. */
  wallMs(): number;
}

export type Cancel = () => void;

export interface Timers {
  after(milliseconds: number, callback: () => void): Cancel;
}

export interface Random {
  /** A whole number from 0 to bound - 1. */
  below(bound: number): number;
  /** 32 hex digits that nobody else has. */
  token(): string;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  write(level: LogLevel, message: string, fields?: LogFields): void;
}

export interface ProcessUsage {
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly userCpuSeconds: number;
  readonly systemCpuSeconds: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  /** That could not be written, since the start. */
  readonly logLinesDropped: number;
}

/** V8's kinds of garbage collection, in the words that metrics of Node.js processes use. */
export const COLLECTION_KINDS = ['minor', 'major', 'incremental', 'weakcb'] as const;
export type CollectionKind = (typeof COLLECTION_KINDS)[number];

export interface Collections {
  /** Since the start, as the seconds are. */
  readonly count: number;
  readonly seconds: number;
  /** In seconds, of the last one to two minutes. */
  readonly longest: number;
}

export interface Host {
  usage(): ProcessUsage;
  /**
   * By how much later than due the event loop came to a timer, over the last one to two minutes.
   * @param quantile 0.5 is the median, 1 the longest
   */
  eventLoopDelaySeconds(quantile: number): number;
  /** How often and how long the process stood still for collections of garbage. */
  collections(kind: CollectionKind): Collections;
  /** Changes when the machine starts anew: what was written but not synced before is lost (H8). */
  bootId(): string;
}

export type DiskResult<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly detail: string };

/** One data directory, locked by whoever opened it. */
export interface Disk {
  /** @returns through the callback the whole file, or undefined when there is none. */
  read(name: string, callback: (result: DiskResult<Buffer | undefined>) => void): void;
  /** Replaces the file as one step that survives a power loss: temp file, fsync, rename, fsync directory. */
  replace(name: string, bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /** @param options.create false: a file that is not there is a failure */
  openLog(
    name: string,
    options: { readonly create: boolean },
    callback: (result: DiskResult<LogFile>) => void,
  ): void;
  /** The names of all files. */
  list(callback: (result: DiskResult<readonly string[]>) => void): void;
  /** What is there now, whoever did it: people and programs remove and replace files of a process that runs. */
  inspect(names: readonly string[], callback: (result: DiskResult<DirectoryState>) => void): void;
  /** Done when no power loss brings the file back; one that is not there is gone already. */
  remove(name: string, callback: (result: DiskResult<undefined>) => void): void;
}

export interface DirectoryState {
  /** Why the directory is not this process's any more, if it is not. */
  readonly problem: string | undefined;
  /** Of each name; undefined where there is no file. */
  readonly files: readonly (DirectoryFile | undefined)[];
}

export interface DirectoryFile {
  /** Of another file it is another one. */
  readonly id: string;
  readonly bytes: number;
}

/** One append-only file. One that was created survives the machine, with what was synced of it. */
export interface LogFile {
  /** What `Disk.look` says of it, as long as its name leads to it. */
  readonly id: string;
  /** In bytes, when it was opened. */
  readonly length: number;
  /** @returns through the callback how many bytes of `into` were filled: fewer than all only at the end */
  read(position: number, into: Buffer, callback: (result: DiskResult<number>) => void): void;
  /** Done when that survives the machine, with all that is left. */
  truncate(length: number, callback: (result: DiskResult<undefined>) => void): void;
  /**
   * Done when the operating system has all bytes: they survive this process, not the machine. After a failure
   * nothing of them counts: whatever the system took is gone with the next append, which begins where this one did.
   * @param bytes must not change before
   */
  append(bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /**
   * Writes bytes once more that are there already, so that the next sync brings them to the disk: after one that
   * failed the system may call pages written that only its memory has.
   */
  rewrite(position: number, bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /** Done when what was appended or rewritten before survives the machine. */
  sync(callback: (result: DiskResult<undefined>) => void): void;
  /** Nothing is asked of it any more. */
  close(): void;
}

/** A directory of plain files that no node lives in, such as a backup. */
export interface Folder {
  /** @returns through the callback the whole file, or undefined when there is none. */
  read(name: string, callback: (result: DiskResult<Buffer | undefined>) => void): void;
  /** As `Disk.replace`. */
  replace(name: string, bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /** @param options.create false: to read only, and a file that is not there is a failure */
  open(
    name: string,
    options: { readonly create: boolean },
    callback: (result: DiskResult<FolderFile>) => void,
  ): void;
}

export interface FolderFile {
  /** When it was opened. */
  readonly bytes: number;
  /** Fewer bytes than asked for only at the end of the file. */
  read(position: number, length: number, callback: (result: DiskResult<Buffer>) => void): void;
  write(position: number, bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /** Cuts off what is beyond; what is left survives the machine. */
  finish(length: number, callback: (result: DiskResult<undefined>) => void): void;
  close(): void;
}

export interface ControlCall {
  readonly address: Address;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly message?: ControlMessage | undefined;
  /** Without an answer it fails, and no sooner. */
  readonly timeoutMs: number;
}

export type CallOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly message: unknown }
  | { readonly kind: 'failed'; readonly detail: string };

/** What a stream of operations is bound to; it dies with any of them (D13). */
export interface OperationsHello {
  readonly purpose: 'operations';
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  /** D12; undefined of software that does not say it. */
  readonly timeScale: number | undefined;
}

/** Control messages name whom they are meant for, each by itself. */
export interface ControlHello {
  readonly purpose: 'control';
}

export type LinkHello = OperationsHello | ControlHello;

/** One end of a stream: messages in order, both ways, none after `close`. */
export interface Link {
  /**
   * `head` and `body` back to back are the message. Both are copied before this returns, but for a `body` that
   * makes it longer than CHUNK_BYTES, which must not change afterwards.
   */
  send(id: number, head: Uint8Array, body: Uint8Array): void;
  /**
   * Whether this end waits for the peer to open the stream, or to say anything after the last batch; `ready`
   * tells when it has. What is sent nevertheless goes at the end of this turn, as always.
   */
  isUnderWay(): boolean;
  /** How many batches have left: while it stays the same, nothing sent since was seen by the peer. */
  batchesLeft(): number;
  /** Bytes accepted by `send` that are still on this side. */
  queuedBytes(): number;
  close(reason: string): void;
}

export interface LinkEvents {
  /**
   * `message` is a view on bytes that never change, and keeps all that came with it alive: fit to be sent
   * on, but what is kept for long must be copied.
   */
  received(id: number, message: Buffer): void;
  /**
   * A message that is longer than this end takes went by, and nothing of it was kept. Without this such a
   * message closes the link.
   */
  tooLong?(id: number): void;
  /** A part of a long message is here, and not all of it: the peer is answering, however long that takes. */
  arriving?(): void;
  /** No exchange is under way any more, after what the peer said was received. */
  ready?(): void;
  /**
   * Once, whoever closed it; nothing is received afterwards.
   * @param opened false: the peer was never reached, and certainly has nothing of what was sent
   */
  closed(reason: string, opened: boolean): void;
}

export interface Network {
  /** One request and one answer; the callback comes exactly once. */
  call(call: ControlCall, callback: (outcome: CallOutcome) => void): void;
  /** Sending may begin at once; what could not be delivered ends in `closed`. */
  open(address: Address, hello: LinkHello, events: LinkEvents): Link;
}

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly network: Network;
  readonly logger: Logger;
  readonly host: Host;
  /** Undefined for a process that keeps everything in memory. */
  readonly disk: Disk | undefined;
}

export interface DrainOptions {
  /** All nodes stop, so there is nobody to hand anything over to. */
  readonly wholeCluster: boolean;
  /** How long a hand-over may take. */
  readonly timeoutMs: number;
}

export interface RequestTraits {
  /** Whether anything can be different after the request: then it waits for those before it on its connection. */
  readonly changes: boolean;
  readonly body: BodyTraits;
}

/** How a service takes the body of a request. */
export interface BodyTraits {
  readonly kind: 'whole' | 'streamed';
  /** A longer body is `too-large`; without it the limit of the server holds. */
  readonly bytesMax?: number;
}

/** A role, as the adapter or the simulator drives it. */
export interface Service {
  start(): void;
  /** What the server must know before the body is read; by path and method alone. */
  traits(request: Pick<HttpRequest, 'method' | 'target'>): RequestTraits;
  /**
   * @param request whose body is as its traits say
   * @param reply called exactly once; before a streamed body was read to its end it ends the connection
   */
  handle(request: HttpRequest, reply: (reply: HttpReply) => void): void;
  /** @returns what to do with the link, or why it is refused. */
  accept(hello: LinkHello, link: Link): LinkEvents | { readonly refused: string };
  /**
   * Stop being ready, hand over what others need, finish what was begun.
   * @param done when the process may end; called once
   */
  drain(options: DrainOptions, done: () => void): void;
}
