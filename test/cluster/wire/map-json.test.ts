// What carries a map is JSON like any other to whoever reads it, and costs a map's JSON once.

import { expect, test, vi } from 'vitest';
import { clusterMap } from '../../../src/cluster/model/cluster-map.ts';
import { encodeMessage, messageReply } from '../../../src/cluster/wire/map-json.ts';
import { sampleMap } from '../../helpers/maps.ts';

const decoded = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());

test.each([
  ['nothing', {}],
  ['fields and no map', { a: 1, b: { c: 'ü' } }],
  ['no map, by name', { a: 1, map: undefined }],
  ['a map and nothing else', { map: sampleMap() }],
  ['a map in between', { a: 'x', map: sampleMap(), b: [1] }],
  ['a map and what is undefined', { a: undefined, map: sampleMap() }],
])('a message of %s comes back as it was', (_what, message) => {
  expect(decoded(encodeMessage(message))).toEqual(JSON.parse(JSON.stringify(message)));
});

test('a reply is JSON, and its map passes the shape of maps', () => {
  const map = sampleMap();
  const { status, headers, body } = messageReply({ incarnation: 1, map });
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('application/json');
  expect(clusterMap(decoded(body as Uint8Array).map)).toEqual(map);
});

test('one map is put into JSON once, another one anew', () => {
  const stringify = vi.spyOn(JSON, 'stringify');
  const maps = [sampleMap(), { ...sampleMap(), redundancy: 2 }];
  for (let receiver = 0; receiver < 20; receiver++) {
    for (const map of maps) encodeMessage({ receiver, map });
  }
  for (const map of maps) {
    expect(stringify.mock.calls.filter(([value]) => value === map)).toHaveLength(1);
  }
  stringify.mockRestore();
  expect(decoded(encodeMessage({ map: maps[1] })).map.redundancy).toBe(2);
});
