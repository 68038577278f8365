// What a collection that is being moved says at its new name: where it comes from. A MOVE may end half-way, as its frontend dies
// or a member is locked, and clients send it again. Without that mark the second one would take what the first has moved
// for something else at the Destination, which it replaces:
//
//   1. MOVE /a -> /b moves /a/x, and dies   2. MOVE /a -> /b, again: deletes /b with x in it, and moves what is left of /a
//
// With it the second one goes on where the first has stopped.

import type { FileAttributes } from '../../../files/manifest.ts';
import { type DavPath, hrefOf, keyOf } from './dav-path.ts';
import type { DavParts, Resource } from './resources.ts';

const ATTRIBUTE = 'dav-origin';
/** So often others may change the collection while the mark is taken away. */
const ATTEMPTS_MAX = 8;

/** Another collection that has the name later was made at another time. */
function originOf({ path, fields }: Resource): string {
  return `${hrefOf(path, true)} ${fields?.modifiedMs ?? 0}`;
}

/** @param source the collection that leaves its name */
export function withOrigin(
  attributes: FileAttributes | undefined,
  source: Resource,
): FileAttributes {
  return { ...attributes, [ATTRIBUTE]: originOf(source) };
}

export function withoutOrigin(attributes: FileAttributes | undefined): FileAttributes {
  const { [ATTRIBUTE]: _origin, ...others } = attributes ?? {};
  return others;
}

/** @returns whether a MOVE of the source to here has begun, and has not ended */
export function isMovedFrom({ kind, fields }: Resource, source: Resource): boolean {
  return (
    kind === 'collection' &&
    source.kind === 'collection' &&
    fields?.attributes?.[ATTRIBUTE] === originOf(source)
  );
}

/** All has been moved. Where the mark stays, it says so of a collection that is gone. */
export function forgetOrigin(
  parts: Pick<DavParts, 'files'>,
  to: DavPath,
  callback: () => void,
  attempts = ATTEMPTS_MAX,
): void {
  const key = keyOf(to);
  if (key === undefined || attempts === 0) return callback();
  return parts.files.find(key, (found) => {
    if (found.kind !== 'found') return callback();
    const { file } = found;
    const change = { attributes: withoutOrigin(file.manifest.attributes) };
    return parts.files.amend({ key, file, change }, (outcome) =>
      outcome.kind === 'unmet' ? forgetOrigin(parts, to, callback, attempts - 1) : callback(),
    );
  });
}
