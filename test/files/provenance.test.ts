// When the records of a cluster prove anything of a blob, and when they do so again.

import { describe, expect, test } from 'vitest';
import type { MapVersion } from '../../src/cluster/model/cluster-map.ts';
import type { ClusterId } from '../../src/cluster/model/identity.ts';
import { partitionOf } from '../../src/cluster/model/partition.ts';
import {
  asOfHere,
  type CommittedIn,
  isForeign,
  mayOwnerBeLost,
  type Provenance,
  rebuiltAgain,
} from '../../src/files/provenance.ts';

const [OWN, FORMER, OLDEST] = ['own', 'former', 'oldest'] as ClusterId[] as [
  ClusterId,
  ClusterId,
  ClusterId,
];
const owner = Buffer.from('owner');
const at = (number: number): MapVersion => ({ generation: 1, number });
const blob = (cluster: ClusterId, number: number): CommittedIn => ({
  cluster,
  map: at(number),
  owner,
});
/** A cluster that accepted losses in the owner's partition with this map. */
const lossy = (number: number) => ({
  digits: 1,
  acceptedLosses: { [partitionOf(owner, 1)]: at(number) },
});
const WHOLE = { digits: 1 };
const HERE: Provenance = { cluster: OWN };
const REBUILT: Provenance = { cluster: OWN, rebuilt: { map: at(20), clusters: [FORMER] } };

describe('a blob of this cluster', () => {
  test('is judged by the records, unless losses were accepted since its commit', () => {
    expect(mayOwnerBeLost(blob(OWN, 5), HERE, WHOLE)).toBe(false);
    expect([4, 5, 6].map((map) => mayOwnerBeLost(blob(OWN, map), HERE, lossy(5)))).toEqual([
      true,
      true,
      false,
    ]);
    expect(isForeign(blob(OWN, 5), HERE)).toBe(false);
  });

  test('is judged by them again once they were rebuilt, but not after the next loss', () => {
    expect(mayOwnerBeLost(blob(OWN, 4), REBUILT, lossy(5))).toBe(false);
    expect(mayOwnerBeLost(blob(OWN, 4), REBUILT, lossy(21))).toBe(true);
    expect(mayOwnerBeLost(blob(OWN, 22), REBUILT, lossy(21))).toBe(false);
  });
});

describe('a blob of another cluster', () => {
  test('is not judged before the rebuild, whatever its map says', () => {
    expect(isForeign(blob(FORMER, 99), HERE)).toBe(true);
    expect(mayOwnerBeLost(blob(FORMER, 99), HERE, WHOLE)).toBe(true);
    expect(isForeign(blob(OLDEST, 99), REBUILT)).toBe(true);
    expect(mayOwnerBeLost(blob(OLDEST, 99), REBUILT, WHOLE)).toBe(true);
  });

  test('is one of this after it', () => {
    expect(isForeign(blob(FORMER, 99), REBUILT)).toBe(false);
    expect(mayOwnerBeLost(blob(FORMER, 99), REBUILT, lossy(5))).toBe(false);
    // Its own map is of another cluster, and says nothing of the losses of this one.
    expect(mayOwnerBeLost(blob(FORMER, 99), REBUILT, lossy(21))).toBe(true);
  });
});

test('whoever fetches a copy has one of this cluster', () => {
  const here = { cluster: OWN, rebuilt: REBUILT.rebuilt };
  expect(asOfHere(blob(FORMER, 99), here, at(30))).toEqual(blob(OWN, 30));
  expect(asOfHere(blob(OWN, 4), here, at(30))).toEqual(blob(OWN, 20));
  expect(asOfHere(blob(OWN, 25), here, at(30))).toEqual(blob(OWN, 25));
  expect(asOfHere(blob(OWN, 4), { cluster: OWN }, at(30))).toEqual(blob(OWN, 4));
});

test('a second rebuild forgets nothing of the first', () => {
  const first = { map: at(20), clusters: [FORMER] };
  expect(rebuiltAgain(undefined, first)).toEqual(first);
  const both = { map: at(21), clusters: [FORMER, OLDEST] };
  expect(rebuiltAgain(first, { map: at(21), clusters: [OLDEST, FORMER] })).toEqual(both);
  expect(rebuiltAgain(both, { map: at(7), clusters: [] })).toEqual(both);
});
