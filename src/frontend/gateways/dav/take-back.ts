// Takes a copy back that a MOVE has made, where a lock keeps the old name: what was at the Destination before is there again.
// Whatever somebody else has made of it since stays.

import { etagOf } from '../../../cluster/model/condition.ts';
import type { FileKey } from '../../../files/file-key.ts';
import type { FileVersion } from '../../../files/outcomes.ts';
import type { DavParts } from './resources.ts';

export interface CopyTakenBack {
  readonly key: FileKey;
  readonly copy: FileVersion;
  /** What the copy has replaced; undefined for nothing. */
  readonly former: FileVersion | undefined;
}

/** @param callback called exactly once; where it cannot be taken back, the file has both names */
export function takeBack(
  { files }: Pick<DavParts, 'files'>,
  { key, copy, former }: CopyTakenBack,
  callback: () => void,
): void {
  const condition = { ifMatch: [etagOf(copy.record)] };
  if (former === undefined) return files.delete(key, condition, callback);
  const { attributes } = former.manifest;
  return files.copy({ from: former, to: key, attributes, condition }, callback);
}
