// Keys that begin with 0xFF, from a request to the storage node: users reach their own, and never an internal one.

import { expect, test } from 'vitest';
import { bytesOf, plainGet } from '../../../src/simulation/requests.ts';
import { founded, Stage } from '../../simulation/founded.ts';

test('a key that begins with 0xFF is stored with one more, and all verbs find it', () => {
  const { cluster, answered } = founded(1);
  expect(answered('/set?key=%FFk&value=1').status).toBe(200);
  expect(answered('/get?key=%FFk')).toMatchObject({ status: 200, body: '1' });
  const held = (key: string) =>
    cluster.storages.map((node) => node.peek(plainGet(`/s/record?key=${key}`))?.status);
  expect(held('%FF%FFk')).toEqual([200, 200, 200]);
  expect(held('%FFk')).toEqual([404, 404, 404]);
  expect(answered('/delete?key=%FFk').status).toBe(200);
  expect(answered('/get?key=%FFk').status).toBe(404);
});

test('a longest key that begins with 0xFF is stored', () => {
  const { answered } = founded(2);
  const key = `%FF${'k'.repeat(1023)}`;
  expect(answered(`/set?key=${key}&value=1`).status).toBe(200);
  expect(answered(`/get?key=${key}`)).toMatchObject({ status: 200, body: '1' });
  expect(answered(`/get?key=${key}k`).status).toBe(501);
});

test('hot keys are as users wrote them', () => {
  const stage = new Stage(3, { storages: 1, frontends: 1, redundancy: 1, fsync: 'never' });
  stage.expectStatus(stage.get(stage.frontend(0), '%FFhot'), 404);
  const reply = stage.frontend(0).peek(plainGet('/v1/hotkeys'));
  expect(JSON.parse(bytesOf(reply).toString()).gets.keys).toMatchObject([{ key: '%FFhot' }]);
});
