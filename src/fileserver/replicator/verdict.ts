// Decides what a file server does with one of its blobs (FILES.md, "Replicator"): from what the owner says, where the copies
// belong, and who has confirmed to have one in this pass. Pure.

import type { NodeId } from '../../cluster/model/identity.ts';
import type { FileTimes } from '../../files/file-times.ts';
import type { HaveAnswer } from '../../files/have.ts';
import type { PlacedServer } from '../../files/placement.ts';
import type { Ownership } from './ownership.ts';

/** What all have said of one blob. */
export interface Confirmations {
  answerOf(server: NodeId): HaveAnswer;
  /** Whether the server places blobs by the very map that this one does. */
  goesByThisMap(server: NodeId): boolean;
}

export interface Places {
  /** The first N of the placement by the map: with these alone the file is where it belongs (F4). */
  readonly belongs: readonly PlacedServer[];
  /** The same with the next ones in place of those that are lost. */
  readonly targets: readonly PlacedServer[];
  /** As many as the class of the file says (N), which may be more than there are servers. */
  readonly copies: number;
}

/**
 * @param placed all servers that are `in`, in the order of the placement
 * @param copies of the file's class
 */
export function placesOf(
  placed: readonly PlacedServer[],
  copies: number,
  isLost: (id: NodeId) => boolean,
): Places {
  const living = placed.filter(({ id }) => !isLost(id));
  return { belongs: placed.slice(0, copies), targets: living.slice(0, copies), copies };
}

export type CopiesVerdict =
  /** Nothing is to be done here. */
  | { readonly kind: 'keep'; readonly isComplete: boolean }
  /** These are to fetch a copy from this server. */
  | { readonly kind: 'repair'; readonly lacking: readonly PlacedServer[] }
  /** All who are to have a copy have one, and this server is none of them (F5). */
  | { readonly kind: 'trim' };

/**
 * Of a blob that is to stay.
 * @param isDraining whether this server is to be empty in the end: it serves on until the operator removes it
 */
export function verdictOnCopies(
  self: NodeId,
  places: Places,
  isDraining: boolean,
  said: Confirmations,
): CopiesVerdict {
  const { belongs, targets } = places;
  const { answerOf } = said;
  const has = ({ id }: PlacedServer) => id === self || answerOf(id) === 'has';
  const isTarget = targets.some(({ id }) => id === self);
  const isInPlace = belongs.some(({ id }) => id === self);
  const mayTrim = !isTarget && !isInPlace && !isDraining;
  if (mayTrim && isConfirmed(places, said)) return { kind: 'trim' };
  // The first in order that has it sees to the others; who has it and is none of them does where none of them has it. One
  // that drains does not wait for another's turn: it cannot go before.
  const first = targets.find(has)?.id ?? self;
  const lacking = targets.filter(({ id }) => id !== self && answerOf(id) === 'lacks');
  if ((isDraining || first === self) && lacking.length > 0) return { kind: 'repair', lacking };
  return { kind: 'keep', isComplete: belongs.every(has) && belongs.length > 0 };
}

/** Whether a blob that its record names is to be here: it belongs here, or those where it belongs have not all got it. */
export function isWanted(self: NodeId, places: Places, said: Confirmations): boolean {
  if ([...places.belongs, ...places.targets].some(({ id }) => id === self)) return true;
  return !isConfirmed(places, said);
}

/**
 * F5: whether all N have confirmed by this map. Where a map has fewer servers than N, any copy is wanted: it may be one from
 * before this very server joined, by which a single server would be all that there are.
 */
function isConfirmed({ belongs, copies }: Places, { answerOf, goesByThisMap }: Confirmations) {
  return (
    belongs.length === copies &&
    belongs.every(({ id }) => answerOf(id) === 'has' && goesByThisMap(id))
  );
}

/** How a blob that no record names was committed. */
export interface CommittedBlob {
  /** How long this server has been up since the commit, in ms; it is added up over restarts. */
  readonly ageMs: number;
  /** Whether losses were accepted in the partition of the owner since the commit: its absence proves nothing then. */
  readonly isLossAccepted: boolean;
  /** Whether it is of another cluster, of whose records this one knows nothing. */
  readonly isForeign: boolean;
}

/** @returns whether the blob goes to the trash */
export function isGarbage(
  ownership: Extract<Ownership, { kind: 'superseded' | 'absent' }>,
  { ageMs, isLossAccepted, isForeign }: CommittedBlob,
  times: Pick<FileTimes, 'supersededMs' | 'ownerlessMs'>,
): boolean {
  if (isForeign) return false;
  switch (ownership.kind) {
    case 'superseded':
      // A gateway sets no manifest later than ten minutes after the commit: this is no upload that is being finished.
      return ageMs >= times.supersededMs;
    case 'absent':
      return ageMs >= times.ownerlessMs && !isLossAccepted;
  }
}

/** More than this, and more than this share of all, is no collection but an accident: somebody is to look first. */
const SUSPICIOUS_BLOBS = 1000;
const SUSPICIOUS_SHARE = 0.1;

/** @param ownerless how many blobs of a pass would go because their owners are absent */
export function isSuspicious(ownerless: number, all: number): boolean {
  return ownerless > SUSPICIOUS_BLOBS && ownerless > SUSPICIOUS_SHARE * all;
}
