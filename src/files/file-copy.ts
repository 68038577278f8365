// Makes a second file of the same content (FILES.md, COPY and MOVE). Of a blob no byte is moved: its holders link it under
// another id, which keeps its place, and only then the record of the destination names it. Whoever is cut off before leaves
// a link without an owner, which the file servers collect.

import { linkedBlobId } from './blob-id.ts';
import { type BlobManifest, FormerBlob, nameBlob } from './blob-naming.ts';
import { type BlobLink, type CommittedCopies, dropBlob, link } from './commits.ts';
import type { FileParts } from './file-parts.ts';
import { ACKNOWLEDGED_COPIES } from './file-put.ts';
import { setFileRecord } from './file-record.ts';
import { encodeManifest, faultOfFields } from './manifest.ts';
import type { CopyFile, SetFileOutcome } from './outcomes.ts';
import { distinctHostsFirst, type PlacedServer, placementOf } from './placement.ts';
import { readOrder } from './read-order.ts';

/** @param callback called exactly once */
export function copyFile(
  parts: FileParts,
  request: CopyFile,
  callback: (outcome: SetFileOutcome) => void,
): void {
  const { from, to, condition, attributes } = request;
  const { replicationClass = from.manifest.replicationClass } = request;
  const manifest = { ...from.manifest, attributes, replicationClass };
  const fault = faultOfFields(manifest);
  if (fault !== undefined) return callback(refused('bad-parameter', fault));
  if (manifest.kind !== 'blob') {
    const record = { key: to, manifest, condition };
    return setFileRecord(parts, record, callback);
  }
  const former = new FormerBlob(parts, to);
  return parts.classes.copies(manifest.replicationClass, (outcome) => {
    if (outcome.kind === 'failed') return callback(refused('unanswered', outcome.detail));
    return linkAndName(parts, request, { manifest, former, copies: outcome.copies }, callback);
  });
}

interface CopiedBlob {
  /** Of the copy, but for the id of its blob. */
  readonly manifest: BlobManifest;
  readonly former: FormerBlob;
  /** Of the file's class. */
  readonly copies: number;
}

function linkAndName(
  parts: FileParts,
  { to, condition }: CopyFile,
  { manifest: source, former, copies: classCopies }: CopiedBlob,
  callback: (outcome: SetFileOutcome) => void,
): void {
  const { runtime, router, times } = parts;
  const { blob: from, size } = source;
  const blob = linkedBlobId(from, runtime.random.token());
  const manifest: BlobManifest = { ...source, blob };
  const placed = placementOf(blob, router.map?.fileServers);
  const all = Math.min(classCopies, placed.length);
  const copies = Math.min(all, ACKNOWLEDGED_COPIES);
  const beganMs = runtime.clock.monotonicMs();
  if (copies === 0) return callback(refused('no-file-server', NO_FILE_SERVER));
  const request = { from, blob, owner: to, manifest: encodeManifest(manifest), size, copies };
  return linkAtHolders(parts, request, { placed, all }, (linked) => {
    const { holders, asked } = linked;
    if (holders.length < copies) {
      dropBlob(runtime, times, blob, asked);
      return callback(
        holders.length === 0
          ? refused('file-unreadable', 'no file server that has the file can be reached')
          : refused(
              'no-file-server',
              `${copies} copies of the file are needed, and only ${holders.length} could be made`,
            ),
      );
    }
    const record = { key: to, manifest, condition };
    return nameBlob(parts, { blob, record, all, beganMs, former }, linked, callback);
  });
}

/** Asks those where the copies belong; where none of them has the blob, all others, those that drain among them. */
function linkAtHolders(
  { runtime, router, times, watch }: FileParts,
  request: Omit<BlobLink, 'servers' | 'others'>,
  { placed, all }: { readonly placed: readonly PlacedServer[]; readonly all: number },
  callback: (linked: CommittedCopies) => void,
): void {
  const { from, size } = request;
  const usable = distinctHostsFirst(placed.filter(({ id }) => watch.hasRoom(id, size)));
  const linkAt = (
    servers: readonly PlacedServer[],
    next: (linked: CommittedCopies, hasIt: boolean) => void,
  ) => {
    const others = usable.filter(({ id }) => !servers.some((server) => server.id === id));
    link(runtime, times, { ...request, servers, others }, next);
  };
  const belongs = placed.slice(0, all).filter(({ id }) => watch.isUp(id));
  linkAt(belongs, (first, isSomewhere) => {
    if (isSomewhere || router.map === undefined) return callback(first);
    const others = readOrder(from, all, router.map, watch, runtime.random).filter(
      ({ id }) => watch.isUp(id) && !belongs.some((server) => server.id === id),
    );
    return linkAt(others, ({ holders, asked }) =>
      callback({ holders, asked: [...first.asked, ...asked] }),
    );
  });
}

function refused(
  code: 'bad-parameter' | 'unanswered' | 'no-file-server' | 'file-unreadable',
  detail: string,
): SetFileOutcome {
  return { kind: 'not-stored', code, detail };
}

const NO_FILE_SERVER = 'no file server is left in this cluster: velour fileserver starts one';
