// Who has the copies of a blob, and who should: from the placement, and from what file servers say. Pure.

import type { HaveAnswer } from './have.ts';
import type { PlacedServer } from './placement.ts';

export interface AskedPlaces {
  /** All servers that are `in`, in the order of the placement. */
  readonly placed: readonly PlacedServer[];
  /** Those that drain: they serve what they have. */
  readonly draining: readonly PlacedServer[];
}

export type CopiesState =
  /** Each of those where it belongs says that it has it. */
  | 'complete'
  /** Somebody has it, and not all of those where it belongs say that they do. */
  | 'lacking'
  /** Each file server says that it has none. */
  | 'nowhere'
  /** Nobody says that he has it, and some say nothing. */
  | 'unheard';

export interface BlobCopies {
  readonly state: CopiesState;
  readonly holders: readonly PlacedServer[];
  /** Those where a copy belongs: as many as the class says, or all that there are. */
  readonly belongs: readonly PlacedServer[];
  /** Those of them that say that they have none. */
  readonly lacking: readonly PlacedServer[];
  /** Servers that have said nothing, wherever they are. */
  readonly silent: readonly PlacedServer[];
}

/** @param copies of the file's class */
export function copiesOf(
  { placed, draining }: AskedPlaces,
  copies: number,
  answerOf: (server: PlacedServer) => HaveAnswer,
): BlobCopies {
  const all = [...placed, ...draining];
  const saying = (answer: HaveAnswer, servers: readonly PlacedServer[]) =>
    servers.filter((server) => answerOf(server) === answer);
  const belongs = placed.slice(0, copies);
  const holders = saying('has', all);
  const silent = saying('silent', all);
  const isInPlace = belongs.length > 0 && saying('has', belongs).length === belongs.length;
  const state = () => {
    if (holders.length === 0) return silent.length === 0 ? 'nowhere' : 'unheard';
    return isInPlace ? 'complete' : 'lacking';
  };
  return { state: state(), holders, belongs, lacking: saying('lacks', belongs), silent };
}
