// What becomes of a directory that was made and undone by its second look (second-look.ts). It was to be seen for a moment, and
// whoever has stored a file in it was told so; without the directory nobody would find that file:
//
//   1. MKCOL sets a/b   2. a is locked   3. the holder stores a/b/f   4. MKCOL looks again, and deletes the record of a/b
//
// So its entries are listed once its record is gone: who begins to store in it from then on finds no directory. Where there are
// any it is set again, on the condition that nobody else has made it meanwhile (H39).

import { listDirectory } from './directory-listing.ts';
import type { FileKey } from './file-key.ts';
import { domainIn, fileNameOf } from './file-name.ts';
import type { FileParts } from './file-parts.ts';
import { encodeManifest, type FileManifest } from './manifest.ts';
import type { ConditionUnmet, SetFileOutcome } from './outcomes.ts';

const ABSENT = { ifNoneMatch: 'any' } as const;

/** @param callback called exactly once: with `undone`, or as of a change of which nobody knows whether it may stay */
export function keepIfUsed(
  parts: Pick<FileParts, 'pages' | 'router' | 'conditional'>,
  { key, manifest }: { readonly key: FileKey; readonly manifest: FileManifest },
  undone: ConditionUnmet,
  callback: (outcome: SetFileOutcome) => void,
): void {
  const name = fileNameOf(key);
  const domain = name && domainIn(name.space);
  if (name === undefined || domain === undefined) return callback(undone);
  const asked = { domain, directory: name.path, limit: 1 };
  return listDirectory(parts, asked, (listed) => {
    if (listed.kind === 'page' && listed.entries.length === 0) return callback(undone);
    const value = encodeManifest(manifest);
    const change = { kind: 'put', value, attributes: [], expiresAtMs: 0 } as const;
    return parts.conditional.write({ key, condition: ABSENT, change }, () =>
      callback({ kind: 'unknown', version: undefined }),
    );
  });
}
