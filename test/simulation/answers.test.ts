// The oracle of one answer, on a service that answers twice, late or never.

import { describe, expect, test } from 'vitest';
import { textReply } from '../../src/cluster/http/http.ts';
import type { ReplyCallback } from '../../src/cluster/http/routes.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import type { Runtime, Service } from '../../src/cluster/ports.ts';
import { Answers } from '../../src/simulation/answers.ts';
import { History } from '../../src/simulation/history.ts';
import { SimulatedNetwork } from '../../src/simulation/network.ts';
import { SimulatedNode } from '../../src/simulation/node.ts';
import { plainGet } from '../../src/simulation/requests.ts';
import { World } from '../../src/simulation/world.ts';

/** A frontend that does with each request what the test says. */
function staged(handle: (reply: ReplyCallback, runtime: Runtime) => void) {
  const world = new World(1);
  const violations: string[] = [];
  const answers = new Answers(world, (text) => violations.push(text));
  const service = (runtime: Runtime): Service => ({
    start: () => undefined,
    handle: (_request, reply) => handle(reply, runtime),
    traits: () => ({ changes: true, body: { kind: 'whole' } }),
    accept: () => ({ refused: 'nothing' }),
    drain: (_options, done) => done(),
  });
  const network = new SimulatedNetwork(world);
  const node = new SimulatedNode(world, network, 'frontend0:1' as Address, service, true);
  node.start();
  const answered: number[] = [];
  const ask = (kind: 'get' | 'set' = 'set') => {
    const operation = new History().begin(kind, 'k', world.nowMs, 'v');
    const callback = answers.expect(node, operation, ({ status }) => answered.push(status));
    node.request(plainGet('/'), callback);
  };
  const pass = (milliseconds: number) => world.runUntil(world.nowMs + milliseconds);
  return { world, node, answers, answered, violations, ask, pass };
}

const OK = textReply(200, 'Ok\n');

describe('one answer', () => {
  test('in time is what is asked for', () => {
    const { ask, pass, answered, violations, answers } = staged((reply, { timers }) =>
      timers.after(5000, () => reply(OK)),
    );
    ask();
    expect(answers.open).toBe(1);
    pass(20_000);
    expect(answered).toEqual([200]);
    expect(answers.open).toBe(0);
    expect(violations).toEqual([]);
  });

  test('a second one is a violation, and reaches nobody', () => {
    const { ask, pass, answered, violations } = staged((reply, { timers }) => {
      reply(OK);
      timers.after(3000, () => reply(textReply(503, 'late\n')));
    });
    ask();
    pass(20_000);
    expect(answered).toEqual([200]);
    expect(violations).toEqual([expect.stringMatching(/^one answer: .* has another, 503/)]);
  });

  test('H41: the version of another one is a violation, until the process starts anew', () => {
    const { ask, pass, node, violations } = staged((reply) =>
      reply({ ...OK, headers: { 'x-fog-version': '0000000000000001' } }),
    );
    ask('get');
    ask();
    pass(100);
    expect(violations).toEqual([]);
    node.crash(false);
    node.start();
    ask();
    pass(100);
    expect(violations).toEqual([]);
    ask();
    pass(100);
    expect(violations).toEqual([expect.stringMatching(/^one version: /)]);
  });

  test.each(['get', 'set'] as const)(
    'none of a %s is one, after its deadline and a margin',
    (kind) => {
      const { ask, pass, violations } = staged(() => undefined);
      ask(kind);
      pass(kind === 'get' ? 3500 : 7000);
      expect(violations).toEqual([]);
      pass(2000);
      expect(violations).toEqual([expect.stringMatching(/^one answer: .* has none/)]);
    },
  );

  test('after a pause of the process there is the whole time once more', () => {
    const { ask, pass, node, violations } = staged((reply, { timers }) =>
      timers.after(6000, () => reply(OK)),
    );
    ask();
    node.process.pause();
    pass(30_000);
    node.process.resume();
    pass(1);
    expect(violations).toEqual([]);
  });

  test('of a process that died nobody asks for one', () => {
    const { ask, pass, node, violations, answers } = staged(() => undefined);
    ask();
    node.crash(false);
    node.start();
    pass(20_000);
    expect(violations).toEqual([]);
    expect(answers.open).toBe(0);
  });
});
