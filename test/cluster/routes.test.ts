// What a handler's failure becomes. What the paths of a role answer is asked of real processes.

import { expect, test } from 'vitest';
import { assert, InvariantBroken } from '../../src/cluster/assert.ts';
import { EXIT, FatalError } from '../../src/cluster/errors.ts';
import type { HttpReply, HttpRequest } from '../../src/cluster/http.ts';
import { Metrics } from '../../src/cluster/metrics.ts';
import { Routes } from '../../src/cluster/routes.ts';
import type { Runtime } from '../../src/cluster/runtime.ts';

function handledBy(handler: () => void) {
  const lines: string[] = [];
  const runtime = {
    log: { write: (_level: string, message: string) => lines.push(message) },
    host: {},
  } as unknown as Runtime;
  const routes = new Routes('frontend', runtime, new Metrics());
  routes.add(['GET'], '/fails', handler);
  const request = { method: 'GET', target: '/fails', header: () => undefined } as unknown;
  const replies: HttpReply[] = [];
  const handle = () => routes.handle(request as HttpRequest, (reply) => replies.push(reply));
  return { handle, replies, lines };
}

test('an unexpected error becomes a bare 500, and is logged', () => {
  const { handle, replies, lines } = handledBy(() => {
    throw new Error('a secret');
  });
  handle();
  expect(replies.map(({ status, body }) => [status, body])).toEqual([[500, 'internal error\n']]);
  expect(lines).toEqual(['a request failed']);
});

test.each([
  ['a broken invariant', InvariantBroken, () => assert(false, 'one is two')],
  [
    'what must end the process',
    FatalError,
    () => {
      throw new FatalError(EXIT.config, 'no');
    },
  ],
])('%s is nobody’s answer', (_what, kind, handler) => {
  const { handle, replies } = handledBy(handler);
  expect(handle).toThrow(kind);
  expect(replies).toEqual([]);
});
