// Makes replies of what an upload and its commit came to. Pure.

import { brokenBodyReply, errorReply } from '../../cluster/http/errors.ts';
import { textReply, type WholeReply } from '../../cluster/http/http.ts';
import { FILE_BYTES_MAX } from '../../files/manifest.ts';
import type { BeginOutcome, CommitOutcome } from '../blob-store/store-outcomes.ts';
import { DONE, failureReply, NO_ROOM, TAKEN } from '../requests.ts';
import type { ReceivedBody } from './receiving.ts';

const NOTHING_STAGED = textReply(404, 'nothing is staged under this id');
const STILL_COMING = textReply(404, 'the bytes of this id are still coming: nothing is staged yet');
const DIFFERS = errorReply(
  'blob-differs',
  'what was staged is of another length or has other checksums; it is gone',
);
const DROPPED = errorReply('blob-taken', 'a DELETE of this id came while its bytes did');
const CROWDED = errorReply(
  'overloaded',
  'too many uploads wait for their commit on this file server',
);

export function beginReply(outcome: Exclude<BeginOutcome, { kind: 'begun' }>): WholeReply {
  switch (outcome.kind) {
    case 'taken':
      return TAKEN;
    case 'full':
      return NO_ROOM;
    case 'crowded':
      return CROWDED;
    case 'failed':
      return failureReply(outcome, 'the blob cannot be written');
  }
}

export function receivedReply(received: Exclude<ReceivedBody, { kind: 'received' }>): WholeReply {
  switch (received.kind) {
    case 'broken':
      return brokenBodyReply(received.why, FILE_BYTES_MAX);
    case 'full':
      return NO_ROOM;
    case 'dropped':
      return DROPPED;
    case 'failed':
      return failureReply(received.failure, 'the blob cannot be written');
  }
}

export function commitReply(outcome: CommitOutcome): WholeReply {
  switch (outcome.kind) {
    case 'committed':
      return DONE;
    case 'absent':
      return outcome.isComing ? STILL_COMING : NOTHING_STAGED;
    case 'differs':
      return DIFFERS;
    case 'taken':
      return TAKEN;
    case 'failed':
      return failureReply(outcome, 'the blob cannot be committed');
  }
}
