// What a DELETE or a MOVE answers where there is nothing: only all members together can say that (H21). Who heard nothing of the
// first request sends it again, and takes 404 for its success:
//
//   1. DELETE /a reaches one of three members, and is answered 504
//   2. DELETE /a, again: a get of this member finds no file, and the answer is 404
//   3. the member is lost, and the file is there again

import { keyOf } from './dav-path.ts';
import { absentReply, failedReply } from './dav-replies.ts';
import type { AttemptOutcome } from './judgement.ts';
import { type DavParts, isThere, type Resource, resourceOf } from './resources.ts';

/** @param done called exactly once: with 404, or as of a resource that is there after all */
export function answerAbsent(
  { files, clock }: DavParts,
  { path }: Resource,
  done: (outcome: AttemptOutcome) => void,
): void {
  const absent = () => done({ kind: 'reply', reply: absentReply() });
  const key = keyOf(path);
  if (key === undefined) return absent();
  return files.findSettled(key, (found) => {
    if (found.kind === 'failed') return done({ kind: 'reply', reply: failedReply(found) });
    const file = found.kind === 'found' ? found.file : undefined;
    const isBack = isThere(resourceOf(path, file, clock.wallMs()));
    return isBack ? done({ kind: 'overtaken' }) : absent();
  });
}
