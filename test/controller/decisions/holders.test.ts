// Who counts as having said what it holds. Which copies are chosen, and what operators are answered, is played by the
// schedules of returning nodes and lost hosts.

import { expect, test } from 'vitest';
import type { IncarnationId, MapVersion } from '../../../src/cluster/model/cluster-map.ts';
import type { HeartbeatRequest } from '../../../src/cluster/wire/control-messages.ts';
import { thoseWhoSaid } from '../../../src/controller/decisions/holders.ts';
import type { LatestReport } from '../../../src/controller/observations/pending.ts';

const ID = { node: 'a', incarnation: 1 } as IncarnationId;
const version = (number: number): MapVersion => ({ generation: 3, number });

test.each([
  [undefined, false],
  [version(4), false],
  [{ generation: 2, number: 9 }, false],
  [version(5), true],
  [version(6), true],
])(
  'H29: a node that reported under %o has said what it holds under map 5: %s',
  (mapVersion, isSaid) => {
    const heartbeats = {
      of: () => (mapVersion === undefined ? undefined : { mapVersion }),
    } as unknown as LatestReport<HeartbeatRequest>;
    expect(thoseWhoSaid([ID], heartbeats, version(5))).toEqual(isSaid ? [ID] : []);
  },
);
