// The second half of an upload (FILES.md, PUT (5) and (6)): makes blobs of what was staged, and has further servers fetch
// the blob until there are as many copies as the acknowledgement needs (F1). A copy of a file begins with links instead.

import type { CallOutcome, Cancel, Runtime } from '../cluster/ports.ts';
import type { ControlMessage } from '../cluster/wire/map-json.ts';
import type { BlobId } from './blob-id.ts';
import type { ContentSums } from './content-digests.ts';
import type { FileKey } from './file-key.ts';
import type { FileTimes } from './file-times.ts';
import { distinctHostsFirst, type PlacedServer } from './placement.ts';

/** Slower than any disk or network of use: a fetch that takes longer than this many ms a byte is given up. */
const PULL_MS_PER_BYTE = 1 / 5000;

export interface CommitRequest {
  readonly blob: BlobId;
  readonly owner: FileKey;
  readonly manifest: Buffer;
  readonly sums: ContentSums;
  /** Where the blob is staged. */
  readonly staged: readonly PlacedServer[];
  /** The servers that may fetch it, in this order, but those of further hosts before others. */
  readonly others: readonly PlacedServer[];
  readonly copies: number;
}

export interface CommittedCopies {
  /** The servers that hold the committed blob and do not drain, which may be fewer than were asked for. */
  readonly holders: readonly PlacedServer[];
  /** All servers that may have anything of the blob, with those that have not answered in time. */
  readonly asked: readonly PlacedServer[];
}

/** @param callback called exactly once */
export function commit(
  runtime: Pick<Runtime, 'network'>,
  times: FileTimes,
  request: CommitRequest,
  callback: (outcome: CommittedCopies) => void,
): void {
  const { blob, owner, manifest, sums, staged, others, copies } = request;
  const message = {
    size: sums.size,
    crc: sums.checksums.toString('base64'),
    sha512: sums.sha512,
    owner: owner.toString('base64'),
    manifest: manifest.toString('base64'),
  };
  const first = { what: 'commit', servers: staged, message } as const;
  makeCopies(runtime, times, { blob, size: sums.size, first, others, copies }, callback);
}

export interface BlobLink {
  /** The blob that is there. */
  readonly from: BlobId;
  /** The id that its bytes get beside it. */
  readonly blob: BlobId;
  readonly owner: FileKey;
  readonly manifest: Buffer;
  readonly size: number;
  /** Those that may have it. */
  readonly servers: readonly PlacedServer[];
  /** The servers that may fetch it from them, in this order, but those of further hosts before others. */
  readonly others: readonly PlacedServer[];
  readonly copies: number;
}

/** @param callback called exactly once; `isSomewhere` says whether any of `servers` has the blob, also one that drains */
export function link(
  runtime: Pick<Runtime, 'network'>,
  times: FileTimes,
  request: BlobLink,
  callback: (outcome: CommittedCopies, isSomewhere: boolean) => void,
): void {
  const { from, blob, owner, manifest, size, servers, others, copies } = request;
  const message = {
    from,
    owner: owner.toString('base64'),
    manifest: manifest.toString('base64'),
  };
  const first = { what: 'link', servers, message } as const;
  makeCopies(runtime, times, { blob, size, first, others, copies }, callback);
}

interface WantedCopies {
  readonly blob: BlobId;
  readonly size: number;
  /** What makes the first copies, and where. */
  readonly first: {
    readonly what: 'commit' | 'link';
    readonly servers: readonly PlacedServer[];
    readonly message: ControlMessage;
  };
  readonly others: readonly PlacedServer[];
  readonly copies: number;
}

function makeCopies(
  runtime: Pick<Runtime, 'network'>,
  times: FileTimes,
  { blob, size, first, others, copies }: WantedCopies,
  callback: (outcome: CommittedCopies, isSomewhere: boolean) => void,
): void {
  const sources: PlacedServer[] = [];
  const asked = [...first.servers];
  let left = first.servers.length;
  // F1: the copy of a server that drains is soon gone, though others can fetch the blob from it.
  const holders = () => sources.filter(({ entry }) => entry.state === 'in');
  const pull = (candidates: readonly PlacedServer[]) => {
    // F1: a host that has no copy yet goes before one that has.
    const [next, ...rest] = distinctHostsFirst(candidates, holders());
    const [source] = sources;
    if (next === undefined || source === undefined || holders().length >= copies) {
      callback({ holders: holders(), asked }, source !== undefined);
      return;
    }
    asked.push(next);
    pullBlob(runtime, times, { blob, size, from: source, to: next }, (isDone) => {
      if (isDone) sources.push(next);
      pull(rest);
    });
  };
  if (left === 0) pull([]);
  for (const server of first.servers) {
    const call = {
      address: server.entry.address,
      method: 'POST',
      path: `/blobs/${blob}/${first.what}`,
      message: first.message,
      timeoutMs: times.commitMs,
    } as const;
    runtime.network.call(call, (outcome) => {
      if (isDone(outcome)) sources.push(server);
      left--;
      if (left === 0) pull(others);
    });
  }
}

export interface BlobPull {
  readonly blob: BlobId;
  readonly size: number;
  readonly from: PlacedServer;
  readonly to: PlacedServer;
}

/** Has a file server fetch a blob from another one, if it has not got it. @param done called once, with whether it has it now */
export function pullBlob(
  runtime: Pick<Runtime, 'network'>,
  times: FileTimes,
  { blob, size, from, to }: BlobPull,
  done: (isDone: boolean) => void,
): void {
  const call = {
    address: to.entry.address,
    method: 'POST',
    path: `/blobs/${blob}/pull`,
    message: { from: from.entry.address },
    timeoutMs: times.commitMs + size * PULL_MS_PER_BYTE * times.scale,
  } as const;
  runtime.network.call(call, (outcome) => done(isDone(outcome)));
}

function isDone(outcome: CallOutcome): boolean {
  return outcome.kind === 'answered' && outcome.status === 200;
}

/**
 * Says that nobody will ever name the blob, as far as these servers can be reached in time; the others find out by
 * themselves.
 */
export function dropBlob(
  runtime: Pick<Runtime, 'network' | 'timers'>,
  times: FileTimes,
  blob: BlobId,
  servers: readonly PlacedServer[],
): void {
  remove(runtime, times, `/blobs/${blob}`, servers);
}

/**
 * Has servers that were left in the midst of an upload remove what they may have staged. It may reach them late, when the
 * upload is over and they have a copy from another one, which stays.
 */
export function dropStaged(
  runtime: Pick<Runtime, 'network' | 'timers'>,
  times: FileTimes,
  blob: BlobId,
  servers: readonly PlacedServer[],
): void {
  remove(runtime, times, `/blobs/${blob}/stage`, servers);
}

function remove(
  runtime: Pick<Runtime, 'network' | 'timers'>,
  times: FileTimes,
  path: string,
  servers: readonly PlacedServer[],
): void {
  const request = { method: 'DELETE', path, headers: {}, body: undefined } as const;
  for (const { entry } of servers) {
    let cancelDeadline: Cancel = () => undefined;
    const giveUp = runtime.network.request(entry.address, request, {
      ended: () => cancelDeadline(),
    });
    cancelDeadline = runtime.timers.after(times.commitMs, giveUp);
  }
}

/** Asks file servers to look at a blob soon: it lacks copies, or nothing names it any more. They find out late without it. */
export function lookAtBlob(
  runtime: Pick<Runtime, 'network'>,
  times: FileTimes,
  blob: BlobId,
  servers: readonly PlacedServer[],
): void {
  for (const { entry } of servers) {
    const call = { method: 'POST', path: `/blobs/${blob}/check`, timeoutMs: times.downMs } as const;
    runtime.network.call({ address: entry.address, ...call }, () => undefined);
  }
}
