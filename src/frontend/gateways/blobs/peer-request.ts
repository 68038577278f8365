// One request to a peer, as those of the original send theirs. What it answers is an AnswerStream; which peers are asked, and for
// what, say peer-loads.ts and peer-deletes.ts.

import { type AnswerHead, AnswerStream } from '../../../cluster/peers/answer-stream.ts';
import type { Runtime } from '../../../cluster/ports.ts';
import { VERSION } from '../../../cluster/software.ts';
import type { BlobPeer } from './peer-list.ts';

/** How long a peer may send nothing while it is waited for, in milliseconds. */
export const PEER_SILENT_MS = 10_000;
/** What it sends at least in that time, while it is waited for: byte by byte a load would hold up others for ever. */
export const PEER_BYTES_MIN = 4096;
/** What it sends at least in that time to a load that goes on for those who come later: nobody waits for it now. */
export const UNATTENDED_BYTES_MIN = 1024 * 1024;

export interface PeerRequest {
  readonly method: 'GET' | 'DELETE';
  /** Behind the path of the peer. */
  readonly path: string;
  /** Beside those of every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Whether a peer with this status cannot say now what it has, and is to be asked again. */
export function isAway(status: number): boolean {
  return status >= 500 || status === 429;
}

/**
 * @param onHead called exactly once
 * @returns the body of the answer; whoever wants none discards it
 */
export function askPeer(
  runtime: Pick<Runtime, 'timers' | 'network'>,
  { address, path }: BlobPeer,
  request: PeerRequest,
  onHead: (head: AnswerHead) => void,
): AnswerStream {
  const answer = new AnswerStream(runtime, { silentMs: PEER_SILENT_MS, bytesMin: PEER_BYTES_MIN });
  const headers = { 'user-agent': `dtfc/velour-fog-${VERSION}`, ...request.headers };
  const whole = {
    method: request.method,
    path: `${path}${request.path}`,
    headers,
    body: undefined,
  };
  answer.ask(address, whole, onHead);
  return answer;
}
