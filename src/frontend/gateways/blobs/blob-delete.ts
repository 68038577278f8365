// DELETE of a blob: what its headers demand is judged on the record that is there, and that record is what is deleted. Then
// peers are asked, where the client says so.

import {
  isUnmodified,
  judgeRead,
  type TextCondition,
} from '../../../cluster/http/preconditions.ts';
import type { ReplyCallback } from '../../../cluster/http/routes.ts';
import { etagOf, NO_CONDITION } from '../../../cluster/model/condition.ts';
import { unmetReply } from '../../../files/http/file-answer.ts';
import type { FileLayer, FileVersion, FindFileOutcome } from '../../../files/outcomes.ts';
import {
  deletedAtPeers,
  deletedReply,
  failedReply,
  NOT_FOUND,
  tagHeadersOf,
} from './dtfc-replies.ts';
import { blobKey, blobTag, type ContentHash } from './dtfc-usage.ts';
import type { PeerDeletes } from './peer-deletes.ts';

/** So often others may store a content anew while it is deleted under a condition. */
const DELETE_ATTEMPTS_MAX = 16;

export interface DeleteConditions {
  readonly tags: TextCondition;
  /** Of If-Unmodified-Since, in ms since 1970. */
  readonly sinceMs: number | undefined;
}

function isUnconditional({ tags, sinceMs }: DeleteConditions): boolean {
  return tags.ifMatch === undefined && tags.ifNoneMatch === undefined && sinceMs === undefined;
}

/** RFC 9110, 13.2.2, of a change. */
function mayDelete({ tags, sinceMs }: DeleteConditions, file: FileVersion | undefined): boolean {
  const { modifiedMs, sha512 } = file?.manifest ?? {};
  if (!isUnmodified(tags, { sinceMs, modifiedMs })) return false;
  if (file === undefined) return tags.ifMatch === undefined;
  return judgeRead(tags, (tag) => tag === blobTag(sha512 ?? '')) === 'send';
}

export interface BlobDelete {
  readonly hash: ContentHash;
  readonly withPeers: boolean;
  readonly conditions: DeleteConditions;
}

export interface BlobDeleteParts {
  readonly files: Pick<FileLayer, 'find' | 'findSettled' | 'delete'>;
  readonly deletes: Pick<PeerDeletes, 'deleteAt'>;
}

/** @param reply called exactly once */
export function deleteBlob(
  parts: BlobDeleteParts,
  request: BlobDelete,
  reply: ReplyCallback,
  attempts = DELETE_ATTEMPTS_MAX,
): void {
  const { files, deletes } = parts;
  const { hash, withPeers, conditions } = request;
  const judge = (found: FindFileOutcome, isSettled: boolean): void => {
    if (found.kind === 'failed') return reply(failedReply(found));
    const atPeers = (file: FileVersion | undefined) =>
      deletes.deleteAt(hash, (told) => reply(deletedAtPeers(hash, file, told)));
    const file = found.kind === 'found' ? found.file : undefined;
    const isMet = mayDelete(conditions, file);
    // H21: who heard nothing of a DELETE sends it again, and takes 404 for its success, or 412; one member alone may have the first.
    if ((file === undefined || !isMet) && !isSettled) return settle();
    if (file === undefined && !withPeers) return reply(NOT_FOUND);
    if (!isMet) return reply(unmetReply(file && tagHeadersOf(file)));
    if (file === undefined) return atPeers(undefined);
    // H39: what was judged is what is deleted, though somebody stores the content again meanwhile.
    const judged = isUnconditional(conditions) ? NO_CONDITION : { ifMatch: [etagOf(file.record)] };
    return files.delete(blobKey(hash), judged, (outcome) => {
      if (outcome.kind === 'unmet' && attempts > 1) {
        return deleteBlob(parts, request, reply, attempts - 1);
      }
      if (outcome.kind === 'deleted' && withPeers) return atPeers(file);
      return reply(deletedReply(outcome, file));
    });
  };
  const settle = () => files.findSettled(blobKey(hash), (found) => judge(found, true));
  files.find(blobKey(hash), (found) => judge(found, false));
}
