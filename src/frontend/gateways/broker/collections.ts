// Makes the collections around a file that is to be stored. Clients of a broker store below any path without a word, as with any
// web server of the original; WebDAV shows a file only in collections that there are.

import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpReply } from '../../../cluster/http/http.ts';
import { type DavPath, hrefOf, keyOf } from '../dav/dav-path.ts';
import { failedReply } from '../dav/dav-replies.ts';
import { overtakenReply } from '../dav/judgement.ts';
import { lookAround } from '../dav/look-around.ts';
import type { DavParts, Resource, Way } from '../dav/resources.ts';

/**
 * @param submitted tokens of locks; a lock that is given while collections are made lets none of them stay (look-around.ts)
 * @param callback called exactly once, with the refusal where one of them is a file or cannot be made
 */
export function makeAround(
  parts: DavParts,
  { around }: Way,
  submitted: ReadonlySet<string>,
  callback: (refusal: HttpReply | undefined) => void,
): void {
  const file = around.find(({ kind }) => kind === 'file');
  if (file !== undefined) return callback(belowFileReply(file.path));
  const missing = around.filter(({ kind }) => kind === 'absent');
  const next = (index: number): void => {
    const resource = missing[index];
    if (resource === undefined) return callback(undefined);
    return make(parts, resource, submitted, (refusal) =>
      refusal === undefined ? next(index + 1) : callback(refusal),
    );
  };
  next(0);
}

function belowFileReply(path: DavPath): HttpReply {
  const name = hrefOf(path, false);
  return errorReply('no-collection', `a file is at ${name}, and nothing can be stored below it`);
}

function make(
  parts: DavParts,
  resource: Resource,
  submitted: ReadonlySet<string>,
  callback: (refusal: HttpReply | undefined) => void,
): void {
  const { path } = resource;
  const key = keyOf(path);
  // The root has no record, and is always there.
  if (key === undefined) return callback(undefined);
  const lookAgain = lookAround(parts, resource, { affected: 'membership', submitted });
  const condition = { ifNoneMatch: 'any', lookAgain } as const;
  const request = { key, attributes: undefined, condition };
  return parts.files.makeDirectory(request, (outcome) => {
    switch (outcome.kind) {
      case 'stored':
        return callback(undefined);
      case 'unmet':
        // Somebody was faster: mostly with the same collection.
        if (outcome.file?.manifest.kind === 'directory') return callback(undefined);
        return callback(outcome.file === undefined ? overtakenReply() : belowFileReply(path));
      case 'not-stored':
        return callback(failedReply(outcome));
      case 'unknown':
        return callback(overtakenReply());
    }
  });
}
