// GET /status of a frontend in a simulated cluster: its two forms, and nodes that do not answer.

import { expect, test } from 'vitest';
import { type HttpReply, replyHeader } from '../../src/cluster/http/http.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { SHAPE, Stage } from '../simulation/founded.ts';

function staged() {
  const stage = new Stage(1, SHAPE);
  const { storages } = stage.cluster;
  const ask = (target: string): HttpReply => {
    let reply: HttpReply | undefined;
    stage.frontend(0).request(plainGet(target), (answer) => {
      reply = answer;
    });
    stage.until('the status', () => reply !== undefined);
    if (reply === undefined) throw new Error('it was answered');
    return reply;
  };
  const json = (target: string) => JSON.parse(bytesOf(ask(target)).toString());
  return { stage, storages, ask, json };
}

test('its full form has the storage nodes and the process, all values as texts', () => {
  const { json, ask } = staged();
  const plain = json('/status');
  const full = json('/status?form=full');
  expect(ask('/status?form=full').headers['content-type']).toBe('application/json');
  expect(Object.keys(full)).toEqual(['storages', 'webserver']);
  expect(Object.keys(full.storages)).toEqual(Object.keys(plain));
  expect(Object.keys(full.storages)).toHaveLength(3);
  for (const figures of [...Object.values(full.storages), full.webserver]) {
    const values = Object.values(figures as Record<string, unknown>);
    expect(values.length).toBeGreaterThan(5);
    expect(values.every((value) => typeof value === 'string')).toBe(true);
  }
  expect(full.webserver).toMatchObject({ pid: expect.any(String), version: expect.any(String) });
});

test('any other form is the plain one', () => {
  const { json } = staged();
  for (const target of ['/status?form=', '/status?form=fuller', '/status?full', '/status?form=%']) {
    expect(Object.keys(json(target))).toHaveLength(3);
  }
});

test('a node that does not answer has {} in the full form, and why in the plain one', () => {
  const { stage, storages, json } = staged();
  storages[1]?.crash(true);
  stage.pass(10);
  const { warnings: _, ...plain } = json('/status');
  const [silent = '', ...others] = Object.keys(plain).filter(
    (address) => 'error' in plain[address],
  );
  expect([others, plain[silent]]).toEqual([[], { error: expect.any(String) }]);
  const { storages: nodes } = json('/status?form=full');
  expect(Object.keys(nodes)).toEqual(Object.keys(plain));
  expect(nodes[silent]).toEqual({});
});

test('the full form is 504 where none of them answers', () => {
  const { stage, storages, ask } = staged();
  for (const node of storages) node.crash(true);
  stage.pass(10);
  const reply = ask('/status?form=full');
  expect([reply.status, replyHeader(reply, 'x-fog-error')]).toEqual([504, 'no-storage']);
  expect(ask('/status').status).toBe(200);
});
