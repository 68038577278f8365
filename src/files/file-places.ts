// Where the copies of a file are, as the file servers say themselves; and how these are, as whoever watches them knows it.

import type { NodeId } from '../cluster/model/identity.ts';
import { copiesOf } from './copies.ts';
import type { FileParts } from './file-parts.ts';
import { askWhoHas } from './have.ts';
import type { FileManifest } from './manifest.ts';
import type { FilePlacesOutcome } from './outcomes.ts';
import { type PlacedServer, placementOf } from './placement.ts';

type Parts = Pick<FileParts, 'classes' | 'router' | 'runtime' | 'times'>;

/** @param callback called exactly once */
export function findPlaces(
  { classes, router, runtime, times }: Parts,
  manifest: FileManifest,
  callback: (outcome: FilePlacesOutcome) => void,
): void {
  if (manifest.kind !== 'blob') return callback({ kind: 'no-blob' });
  const { blob, replicationClass } = manifest;
  return classes.copies(replicationClass, (known) => {
    const { map } = router;
    if (known.kind === 'failed' || map === undefined) {
      const detail = known.kind === 'failed' ? known.detail : 'no cluster map yet';
      return callback({ kind: 'failed', code: 'unanswered', detail });
    }
    const { copies } = known;
    const placed = placementOf(blob, map.fileServers);
    const servers = serversIn(map.fileServers);
    const draining = servers.filter(({ entry }) => entry.state === 'draining');
    return askWhoHas(runtime, times, new Map([[blob, servers]]), (answers) => {
      const answerOf = ({ id }: PlacedServer) => answers.of(id, blob);
      const found = copiesOf({ placed, draining }, copies, answerOf);
      return callback({ kind: 'places', copies, found });
    });
  });
}

/** @returns all file servers of a map, those that drain among them */
export function serversIn(
  fileServers: Readonly<Record<string, PlacedServer['entry']>> | undefined,
): readonly PlacedServer[] {
  return Object.entries(fileServers ?? {}).map(([id, entry]) => ({ id: id as NodeId, entry }));
}
