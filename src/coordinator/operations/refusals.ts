// The errors that answer a client's write when a member refused it, or when too much waits for a member. Which refusals
// count is decided in write-votes.ts.

import type { ErrorCode } from '../../cluster/http/errors.ts';
import type { RefusalReason } from '../../cluster/wire/answer-kinds.ts';

export const REFUSALS: Readonly<
  Record<RefusalReason | 'overloaded', { code: ErrorCode; detail: string }>
> = {
  'too-large': {
    code: 'value-too-large',
    detail: 'the value is longer than a storage node takes, see its --max-value',
  },
  full: {
    code: 'storage-full',
    detail:
      'the disk of the only storage node of this partition that serves is full, or too much waits for it; its /readyz says which, and it goes on by itself when there is room',
  },
  'disk-failed': {
    code: 'storage-full',
    detail:
      'the disk of the only storage node of this partition that serves has failed, as its /readyz says; it takes sets again when the disk is mended and it is started again',
  },
  'no-memory': {
    code: 'storage-full',
    detail:
      'a storage node of this partition has no memory left: delete what is not needed, which makes room within seconds, or add storage nodes',
  },
  overloaded: { code: 'overloaded', detail: 'too much waits for a storage node of this partition' },
  'version-too-far-ahead': {
    code: 'clock-ahead',
    detail: 'the set is stamped over a day ahead of the clock of a storage node',
  },
  malformed: { code: 'internal', detail: 'a storage node did not understand this frontend' },
};
