// What the controller tells a node that retains something of the maps that the others have (H29).

import { expect, test } from 'vitest';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import { Observations } from '../../../src/controller/observations/observations.ts';
import { incarnationOf, nodeId, sampleMap } from '../../helpers/maps.ts';

const A = { node: nodeId('a'), incarnation: incarnationOf(1) };
const B = { node: nodeId('b'), incarnation: incarnationOf(1) };
const version = (number: number) => ({ generation: 1, number });
/** As earlier software says it. */
const has = (number: number) => ({ mapVersion: version(number), obeyedVersion: undefined });

function knowing() {
  const clock = { monotonicMs: () => 0, wallMs: () => 0, awakeMs: () => 0 };
  return new Observations(protocolTimes(1), { clock, logger: { write: () => undefined } });
}

test('a map that is obeyed, and could not be stored, is not told as adopted: a recovery would not find it', () => {
  const observations = knowing();
  observations.acknowledged(A, { mapVersion: version(3), obeyedVersion: version(5) });
  expect(observations.adoptedBy(sampleMap())).toEqual([{ ...A, mapVersion: version(3) }]);
});

test('what was adopted stays so when an earlier word comes late', () => {
  const observations = knowing();
  for (const number of [4, 2]) observations.acknowledged(B, has(number));
  expect(observations.adoptedBy(sampleMap())).toEqual([{ ...B, mapVersion: version(4) }]);
});

test('lives that are over are not told, and nobody is while there is no map', () => {
  const observations = knowing();
  observations.acknowledged({ ...A, incarnation: incarnationOf(9) }, has(3));
  observations.acknowledged(B, has(3));
  expect(observations.adoptedBy(sampleMap())).toEqual([{ ...B, mapVersion: version(3) }]);
  expect(observations.adoptedBy(undefined)).toEqual([]);
});
