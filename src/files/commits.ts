// The second half of an upload (FILES.md, PUT (5) and (6)): makes blobs of what was staged, and has further servers fetch
// the blob until there are as many copies as the acknowledgement needs (F1).

import type { CallOutcome, Runtime } from '../cluster/ports.ts';
import type { BlobId } from './blob-id.ts';
import type { ContentSums } from './content-digests.ts';
import type { FileKey } from './file-key.ts';
import type { FileTimes } from './file-times.ts';
import type { PlacedServer } from './placement.ts';

/** Slower than any disk or network of use: a fetch that takes longer than this many ms a byte is given up. */
const PULL_MS_PER_BYTE = 1 / 5000;

export interface CommitRequest {
  readonly blob: BlobId;
  readonly owner: FileKey;
  readonly manifest: Buffer;
  readonly sums: ContentSums;
  /** Where the blob is staged. */
  readonly staged: readonly PlacedServer[];
  /** The servers that may fetch it, in this order. */
  readonly others: readonly PlacedServer[];
  readonly copies: number;
}

/** @param callback called exactly once, with the servers that hold the committed blob: fewer than `copies` may be all */
export function commit(
  runtime: Pick<Runtime, 'network'>,
  times: FileTimes,
  request: CommitRequest,
  callback: (holders: readonly PlacedServer[]) => void,
): void {
  const { blob, owner, manifest, sums, staged, others, copies } = request;
  const holders: PlacedServer[] = [];
  let left = staged.length;
  const message = {
    size: sums.size,
    crc: sums.checksums.toString('base64'),
    sha512: sums.sha512,
    owner: owner.toString('base64'),
    manifest: manifest.toString('base64'),
  };
  const post = (
    to: PlacedServer,
    path: string,
    body: typeof message | { readonly from: string },
    timeoutMs: number,
    done: (isDone: boolean) => void,
  ) =>
    runtime.network.call(
      { address: to.entry.address, method: 'POST', path, message: body, timeoutMs },
      (outcome: CallOutcome) => done(outcome.kind === 'answered' && outcome.status === 200),
    );
  const pull = (candidates: readonly PlacedServer[]) => {
    const [next, ...rest] = candidates;
    const [holder] = holders;
    if (next === undefined || holder === undefined || holders.length >= copies) {
      callback(holders);
      return;
    }
    const timeoutMs = times.commitMs + sums.size * PULL_MS_PER_BYTE * times.scale;
    const from = { from: holder.entry.address };
    post(next, `/blobs/${blob}/pull`, from, timeoutMs, (isDone) => {
      if (isDone) holders.push(next);
      pull(rest);
    });
  };
  for (const server of staged) {
    post(server, `/blobs/${blob}/commit`, message, times.commitMs, (isDone) => {
      if (isDone) holders.push(server);
      left--;
      if (left === 0) pull(others);
    });
  }
}

/** Says that nobody will ever name the blob, as far as these servers can be reached; the others find out by themselves. */
export function dropBlob(
  runtime: Pick<Runtime, 'network'>,
  blob: BlobId,
  servers: readonly PlacedServer[],
): void {
  for (const { entry } of servers) {
    const request = {
      method: 'DELETE',
      path: `/blobs/${blob}`,
      headers: {},
      body: undefined,
    } as const;
    runtime.network.request(entry.address, request, { ended: () => undefined });
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
