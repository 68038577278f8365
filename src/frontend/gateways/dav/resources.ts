// Finds resources of WebDAV: the records of a path and of all collections around it, whose locks count as well.

import type { ClusterClock } from '../../../cluster/model/cluster-clock.ts';
import { type ETag, etagOf } from '../../../cluster/model/condition.ts';
import type { Random, Timers } from '../../../cluster/ports.ts';
import type { FileKey } from '../../../files/file-key.ts';
import type { FileFailure } from '../../../files/http/file-answer.ts';
import { type DavLock, locksIn } from '../../../files/locks.ts';
import type { FileFields } from '../../../files/manifest.ts';
import type { DirectoryEntry, FileLayer, FileVersion } from '../../../files/outcomes.ts';
import { type DavPath, isRoot, keyOf } from './dav-path.ts';

/** What the handlers of WebDAV work with. */
export interface DavParts {
  readonly files: FileLayer;
  /** The time of the cluster, by which locks expire. */
  readonly clock: Pick<ClusterClock, 'wallMs'>;
  readonly random: Pick<Random, 'token'>;
  readonly timers: Pick<Timers, 'after'>;
}

export interface Resource {
  readonly path: DavPath;
  readonly kind: 'absent' | 'file' | 'collection';
  /** What its record says of it; undefined for the root, which has none and is always there. */
  readonly fields: FileFields | undefined;
  /** Identifies the record; what clients know a file by is its content (content-tag.ts). */
  readonly etag: ETag | undefined;
  /** The whole record, which a listing does not have. */
  readonly file: FileVersion | undefined;
  /** Those on this very resource that have not expired. */
  readonly locks: readonly DavLock[];
}

/** The collections around a resource, from the root on, and the resource as the last. */
export interface Way {
  readonly around: readonly Resource[];
  readonly self: Resource;
}

export type FindWayOutcome =
  | { readonly kind: 'way'; readonly way: Way }
  | ({ readonly kind: 'failed' } & FileFailure);

export function resourceOf(path: DavPath, file: FileVersion | undefined, nowMs: number): Resource {
  if (file !== undefined) {
    const { manifest: fields, record: head } = file;
    return { ...listedResource(path, { kind: fields.kind, fields, head }, nowMs), file };
  }
  const kind = isRoot(path) ? 'collection' : 'absent';
  return { path, kind, fields: undefined, etag: undefined, file, locks: [] };
}

/** @param entry what a listing says of it */
export function listedResource(
  path: DavPath,
  { kind, fields, head }: Omit<DirectoryEntry, 'name'>,
  nowMs: number,
): Resource {
  return {
    path,
    kind: kind === 'directory' ? 'collection' : 'file',
    fields,
    etag: etagOf(head),
    file: undefined,
    locks: locksIn(fields.attributes, nowMs),
  };
}

/** Whether a request names something that is there. A path that ends in a slash is a collection's, and names no file. */
export function isThere({ kind, path }: Resource): boolean {
  return kind === 'collection' || (kind === 'file' && !path.endsInSlash);
}

/** @returns the resources of the way in their order */
export function resourcesOn({ around, self }: Way): readonly Resource[] {
  return [...around, self];
}

/** @returns the way to the collection that a resource is in; undefined for that of the root */
export function wayAbove({ around }: Way): Way | undefined {
  const self = around.at(-1);
  return self === undefined ? undefined : { around: around.slice(0, -1), self };
}

/** Whether the resource is a collection, and all around it are there. */
export function isUnbroken(way: Way): boolean {
  return resourcesOn(way).every(({ kind }) => kind === 'collection');
}

export function wayInto(way: Way, entry: Resource): Way {
  return { around: resourcesOn(way), self: entry };
}

/** Looks up all records of the way at once. @param callback called exactly once */
export function findWay(
  { files, clock }: DavParts,
  path: DavPath,
  callback: (outcome: FindWayOutcome) => void,
): void {
  const paths = pathsOn(path);
  const found: (Resource | undefined)[] = paths.map(() => undefined);
  let missing = paths.length;
  let failure: FileFailure | undefined;
  const ended = () => {
    if (--missing > 0) return;
    if (failure !== undefined) return callback({ kind: 'failed', ...failure });
    const [self, ...around] = found.filter((one) => one !== undefined).reverse();
    if (self !== undefined) callback({ kind: 'way', way: { self, around: around.reverse() } });
  };
  for (const [index, each] of paths.entries()) {
    const key = keyOf(each);
    const take = (file: FileVersion | undefined) => {
      found[index] = resourceOf(each, file, clock.wallMs());
    };
    if (key === undefined) {
      take(undefined);
      ended();
      continue;
    }
    files.find(key, (outcome) => {
      if (outcome.kind === 'failed') failure = outcome;
      else take(outcome.kind === 'found' ? outcome.file : undefined);
      ended();
    });
  }
}

/** @returns those of the collections around a resource, from the root on, and its own as the last */
function pathsOn(path: DavPath): readonly DavPath[] {
  const { segments } = path;
  const around = segments.map(
    (_segment, index): DavPath => ({
      ...path,
      segments: segments.slice(0, index),
      endsInSlash: true,
    }),
  );
  return [...around, path];
}

/**
 * Has all members tell what they have of all records of some ways, and take the newest (H21): whoever looks next finds what stays.
 * @param callback called exactly once, with why not all of them could
 */
export function settleWays(
  { files }: Pick<DavParts, 'files'>,
  paths: readonly DavPath[],
  callback: (failure: FileFailure | undefined) => void,
): void {
  const keys = new Map<string, FileKey>();
  for (const key of paths.flatMap(pathsOn).map(keyOf)) {
    if (key !== undefined) keys.set(key.toString('latin1'), key);
  }
  let missing = keys.size;
  if (missing === 0) return callback(undefined);
  let failure: FileFailure | undefined;
  for (const key of keys.values()) {
    files.findSettled(key, (outcome) => {
      if (outcome.kind === 'failed') failure = outcome;
      if (--missing === 0) callback(failure);
    });
  }
}
