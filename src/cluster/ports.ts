// The ports: everything that a role may use of the world outside. cluster/io/ implements them for production, and
// simulation/ for simulated runs; a role sees no difference. They use callbacks, not promises: a get or set must not
// pay for a promise chain, and the simulator must decide the order of everything.

import type { Files } from './files.ts';
import type { HttpReply, HttpRequest, RequestHead } from './http/http.ts';
import type { PoolEvents, PoolRequest } from './http/http-pool.ts';
import type { Address, ClusterId, Incarnation, NodeId } from './model/identity.ts';
import type { ControlMessage } from './wire/map-json.ts';

export interface Clock {
  /** Milliseconds that never go back; for intervals, deadlines and leases. */
  monotonicMs(): number;
  /** Milliseconds since 1970; may jump. For versions and expiry only. */
  wallMs(): number;
}

export type Cancel = () => void;

export interface Timers {
  /** Calls back once. @returns a function that cancels the callback */
  after(milliseconds: number, callback: () => void): Cancel;
}

export interface Random {
  /** @returns a whole number from 0 to bound - 1 */
  below(bound: number): number;
  /** @returns 32 hex digits that no other token has */
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
  /** How many log lines could not be written since the start of the process. */
  readonly logLinesDropped: number;
}

/** V8's kinds of garbage collection, in the words that metrics of Node.js processes use. */
export const COLLECTION_KINDS = ['minor', 'major', 'incremental', 'weakcb'] as const;
export type CollectionKind = (typeof COLLECTION_KINDS)[number];

export interface Collections {
  /** How many collections there were since the start of the process, and how long they took together. */
  readonly count: number;
  readonly seconds: number;
  /** The longest pause of the last one to two minutes, in seconds. */
  readonly longest: number;
}

export interface Host {
  usage(): ProcessUsage;
  /**
   * How long after its due time the event loop got to a timer, over the last one to two minutes.
   * @param quantile 0.5 is the median, 1 the longest delay
   */
  eventLoopDelaySeconds(quantile: number): number;
  /** How often, and for how long, the process stood still for garbage collections of this kind. */
  collections(kind: CollectionKind): Collections;
  /** Changes when the machine restarts, which loses what was written but not synced (H8). */
  bootId(): string;
}

export type DiskResult<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly detail: string };

/** One data directory, locked by the process that opened it. */
export interface Disk {
  /** @returns through the callback the whole file, or undefined when there is none. */
  read(name: string, callback: (result: DiskResult<Buffer | undefined>) => void): void;
  /** Replaces the file in one step that survives a power loss: temporary file, fsync, rename, directory fsync. */
  replace(name: string, bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /** @param options.create false when a missing file is a failure */
  openLog(
    name: string,
    options: { readonly create: boolean },
    callback: (result: DiskResult<LogFile>) => void,
  ): void;
  /** @returns through the callback the names of all files */
  list(callback: (result: DiskResult<readonly string[]>) => void): void;
  /** Checks what is there now: people and other programs remove and replace files of a running process. */
  inspect(names: readonly string[], callback: (result: DiskResult<DirectoryState>) => void): void;
  /** Done when no power loss can bring the file back; removing a missing file succeeds. */
  remove(name: string, callback: (result: DiskResult<undefined>) => void): void;
}

export interface DirectoryState {
  /** Why the directory no longer belongs to this process; undefined while it does. */
  readonly problem: string | undefined;
  /** One entry per name, in the order asked for; undefined where there is no file. Empty when there is a problem. */
  readonly files: readonly (DirectoryFile | undefined)[];
}

export interface DirectoryFile {
  /** Identifies the file itself: a file that replaces it under the same name has another id. */
  readonly id: string;
  readonly bytes: number;
}

/** One append-only file. Once created, it survives a crash of the machine, with the bytes of it that were synced. */
export interface LogFile {
  /** The id that `Disk.inspect` reports as long as this file is the one under its name. */
  readonly id: string;
  /** Its length in bytes when it was opened. */
  readonly length: number;
  /** @returns through the callback how many bytes of `into` were filled: fewer than all only at the end of the file */
  read(position: number, into: Buffer, callback: (result: DiskResult<number>) => void): void;
  /** Done when the new length and all bytes that are left survive a crash of the machine. */
  truncate(length: number, callback: (result: DiskResult<undefined>) => void): void;
  /**
   * Done when the operating system has all bytes: they survive a crash of this process, not one of the machine. After
   * a failure none of them counts: the next append drops what the system took, and begins where this one did.
   * @param bytes must not change before the callback
   */
  append(bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /**
   * Writes bytes again that the file already has, so that the next sync brings them to the disk: after a failed sync
   * the system may regard pages as written that only its memory has.
   */
  rewrite(position: number, bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /** Done when all bytes appended or rewritten before survive a crash of the machine. */
  sync(callback: (result: DiskResult<undefined>) => void): void;
  /** No other method is called afterwards. */
  close(): void;
}

/** A directory of plain files that belongs to no node, such as a backup. A name may have directories before a slash. */
export interface Folder {
  /** @returns through the callback the whole file, or undefined when there is none. */
  read(name: string, callback: (result: DiskResult<Buffer | undefined>) => void): void;
  /** Replaces the file in one step, as `Disk.replace` does. */
  replace(name: string, bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /** @param options.create false to open the file for reading only, where a missing file is a failure */
  open(
    name: string,
    options: { readonly create: boolean },
    callback: (result: DiskResult<FolderFile>) => void,
  ): void;
  /** Makes a directory in it, and those above; one that is there is no failure. */
  makeDirectory(name: string, callback: (result: DiskResult<undefined>) => void): void;
}

export interface FolderFile {
  /** Its length when it was opened. */
  readonly bytes: number;
  /** @returns through the callback `length` bytes, or fewer at the end of the file */
  read(position: number, length: number, callback: (result: DiskResult<Buffer>) => void): void;
  write(position: number, bytes: Buffer, callback: (result: DiskResult<undefined>) => void): void;
  /** Truncates the file to `length` bytes; done when these survive a crash of the machine. */
  finish(length: number, callback: (result: DiskResult<undefined>) => void): void;
  close(): void;
}

/** Files beside a process by which its operator tells it something while it runs. */
export interface OperatorFiles {
  /** @param callback called once; whoever cannot tell says that it is there */
  isThere(path: string, callback: (isThere: boolean) => void): void;
  /** @param callback called once, with the whole text of a file of at most 1 MiB */
  read(path: string, callback: (result: DiskResult<string>) => void): void;
}

export type ProbedMedia =
  /** JSON of ffprobe: formats and streams. */
  | { readonly kind: 'told'; readonly json: string }
  | { readonly kind: 'not-installed' }
  | { readonly kind: 'no-media' }
  | { readonly kind: 'late' };

/** Asks a program what it knows of the media at a URL of this process. The callback is called exactly once. */
export type MediaProbe = (url: string, callback: (outcome: ProbedMedia) => void) => void;

export interface ControlCall {
  readonly address: Address;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly message?: ControlMessage | undefined;
  /** How long the call waits for its answer before it fails; a refused or broken connection fails it sooner. */
  readonly timeoutMs: number;
}

export type CallOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly message: unknown }
  | { readonly kind: 'failed'; readonly detail: string };

/** The cluster, node and incarnation that a stream to a storage node is bound to; it ends with any of them (D13). */
export interface NodeHello {
  /** Followers ask for changes (H46), all others for operations. */
  readonly purpose: 'operations' | 'changes';
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly incarnation: Incarnation;
  /** The scale factor of the protocol times (D12); undefined when the peer's software does not send it. */
  readonly timeScale: number | undefined;
}

/** A control stream is bound to an address only: where it matters, a message names the incarnation that sends it. */
export interface ControlHello {
  readonly purpose: 'control';
}

export type LinkHello = NodeHello | ControlHello;

/** One end of a stream: carries messages both ways and in order, and none after `close`. */
export interface Link {
  /**
   * Sends a message of `head` and `body` back to back. Both are copied before this returns, except the `body` of a
   * message longer than CHUNK_BYTES, which must not change afterwards.
   */
  send(id: number, head: Uint8Array, body: Uint8Array): void;
  /**
   * Whether this end waits for the peer to open the stream, or to send anything after the last batch; `ready` reports
   * that it has. A message sent meanwhile still leaves at the end of this turn, as always.
   */
  isUnderWay(): boolean;
  /** How many batches have left: while this count stays the same, the peer has seen nothing that was sent since. */
  batchesLeft(): number;
  /** How many bytes that `send` accepted are still on this side. */
  queuedBytes(): number;
  close(reason: string): void;
}

export interface LinkEvents {
  /**
   * @param message a view of bytes that never change. It keeps everything that came with it in memory, so it may be
   *   sent on as it is, but must be copied to be kept for long.
   */
  received(id: number, message: Buffer): void;
  /**
   * A message longer than this end takes was skipped, and nothing of it was kept. Without this handler such a message
   * closes the link.
   */
  tooLong?(id: number): void;
  /** A part of a long message has come, but not all of it: the peer is not silent, however long the message takes. */
  arriving?(id: number): void;
  /** No exchange is under way any more; called after the messages that the peer sent were handed to `received`. */
  ready?(): void;
  /**
   * Called once, whichever end closed the link; no other event follows.
   * @param opened false when the peer was never reached, so that it has certainly received nothing that was sent
   */
  closed(reason: string, opened: boolean): void;
}

export interface Network {
  /** Sends one request. @param callback called exactly once, with the answer or why there is none */
  call(call: ControlCall, callback: (outcome: CallOutcome) => void): void;
  /** Opens a stream. Sending may begin at once; if the stream cannot be opened, `closed` is called. */
  open(address: Address, hello: LinkHello, events: LinkEvents): Link;
  /**
   * Sends a request whose bodies may be streams, such as a file's, over connections that are kept. The deadlines are the
   * caller's: without them it waits as long as the server does.
   * @returns what gives the request up: its connection is closed, and none of its events follows
   */
  request(address: Address, request: PoolRequest, events: PoolEvents): Cancel;
}

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly network: Network;
  readonly logger: Logger;
  readonly host: Host;
  /** Undefined in a process that keeps everything in memory. */
  readonly disk: Disk | undefined;
  /** The directory of a file server, in place of a disk. */
  readonly files?: Files | undefined;
}

export interface DrainOptions {
  /** Whether all nodes stop, so that no node is left to hand anything over to. */
  readonly wholeCluster: boolean;
  /** How long the hand-over to other nodes may take. */
  readonly timeoutMs: number;
}

export interface RequestTraits {
  /** Whether the request may change anything: if so, it waits for the requests before it on its connection. */
  readonly changes: boolean;
  readonly body: BodyTraits;
  /**
   * @returns the refusal of a request whose head alone is wrong. Asked before a client that waits for it is told to send
   *   its body (Expect: 100-continue); a request that is refused so is not handled
   */
  readonly judge?: (request: RequestHead) => HttpReply | undefined;
}

/** How a service takes the body of a request. */
export interface BodyTraits {
  readonly kind: 'whole' | 'streamed';
  /** A longer body reaches the service as `too-large`; the server's own limit holds when this is absent. */
  readonly bytesMax?: number;
}

/** What an HTTP server drives. */
export interface HttpService {
  /** @returns what the server must know before it reads the body; decided by path and method alone */
  traits(request: Pick<HttpRequest, 'method' | 'target'>): RequestTraits;
  /**
   * @param request has its body in the form that its traits ask for
   * @param reply called exactly once; a reply to a streamed body that has not all arrived ends the connection
   */
  handle(request: HttpRequest, reply: (reply: HttpReply) => void): void;
  /** @returns the handlers of the link's events, or why the link is refused */
  accept(hello: LinkHello, link: Link): LinkEvents | { readonly refused: string };
}

/** An interface of a role that has a port of its own, on the host of the role. It starts and drains with the role. */
export interface FurtherInterface {
  readonly port: number;
  readonly service: HttpService;
}

/** A role, as the HTTP server (cluster/io) or the simulator drives it. */
export interface Service extends HttpService {
  readonly further?: readonly FurtherInterface[];
  start(): void;
  /**
   * Stops being ready, hands over what other nodes need, and finishes what was begun.
   * @param done called once, when the process may end
   */
  drain(options: DrainOptions, done: () => void): void;
}
