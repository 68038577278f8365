// The second half of an upload (FILES.md, PUT (5) and (6)): makes blobs of what was staged, and has further servers fetch
// the blob until there are as many copies as the acknowledgement needs (F1).

import type { CallOutcome, Cancel, Runtime } from '../cluster/ports.ts';
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
  /** The servers that hold the committed blob, which may be fewer than were asked for. */
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
  const holders: PlacedServer[] = [];
  const asked = [...staged];
  let left = staged.length;
  const message = {
    size: sums.size,
    crc: sums.checksums.toString('base64'),
    sha512: sums.sha512,
    owner: owner.toString('base64'),
    manifest: manifest.toString('base64'),
  };
  const pull = (candidates: readonly PlacedServer[]) => {
    // F1: a host that has no copy yet goes before one that has.
    const [next, ...rest] = distinctHostsFirst(candidates, holders);
    const [holder] = holders;
    if (next === undefined || holder === undefined || holders.length >= copies) {
      callback({ holders, asked });
      return;
    }
    asked.push(next);
    pullBlob(runtime, times, { blob, size: sums.size, from: holder, to: next }, (isDone) => {
      if (isDone) holders.push(next);
      pull(rest);
    });
  };
  for (const server of staged) {
    const call = {
      address: server.entry.address,
      method: 'POST',
      path: `/blobs/${blob}/commit`,
      message,
      timeoutMs: times.commitMs,
    } as const;
    runtime.network.call(call, (outcome) => {
      if (isDone(outcome)) holders.push(server);
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
  const request = {
    method: 'DELETE',
    path: `/blobs/${blob}`,
    headers: {},
    body: undefined,
  } as const;
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
