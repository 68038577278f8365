// When a file server is told that it has its place. Who gets one is decisions/file-servers.test.ts's; whole clusters are
// played by schedules-file-servers.

import { expect, test } from 'vitest';
import type { ControlRoutes } from '../../../src/cluster/http/control-routes.ts';
import type { ClusterMap } from '../../../src/cluster/model/cluster-map.ts';
import { joinFileServerReply } from '../../../src/cluster/wire/control-messages.ts';
import type { ControlKind } from '../../../src/cluster/wire/control-table.ts';
import { Malformed } from '../../../src/cluster/wire/shapes.ts';
import { addFileServerRoutes } from '../../../src/controller/routes/file-servers.ts';
import { sampleFileServer, sampleMap } from '../../helpers/maps.ts';

const { state: _, ...FIELDS } = sampleFileServer('f');
const MESSAGE = { id: 'f', ...FIELDS };

/** A controller whose next map is stored when the test says how that went. */
function controllerWith(known: ClusterMap | undefined) {
  let map = known;
  const stored: ((failure: string | undefined) => void)[] = [];
  let handler: (message: unknown, reply: (answer: unknown) => void) => void = () => undefined;
  const control = {
    on: (_kind: ControlKind<never, never>, handled: never) => {
      handler = handled;
    },
  };
  addFileServerRoutes(
    control as unknown as ControlRoutes,
    {
      map: () => map,
      propose: (change, done) => {
        if (map === undefined) throw new Error('there is a map');
        const next = change(map);
        stored.push((failure) => {
          if (failure === undefined) map = next;
          done(failure);
        });
      },
    },
    () => '2 of 3 storage nodes',
  );
  const answers: unknown[] = [];
  const join = (message: object = MESSAGE) =>
    handler(message, (answer) => answers.push(joinFileServerReply(answer)));
  return { join, answers, store: (failure?: string) => stored.shift()?.(failure) };
}

test('not before the map that says so is stored (R11)', () => {
  const { join, answers, store } = controllerWith(sampleMap());
  join();
  expect(answers).toEqual([]);
  store();
  expect(answers).toEqual([{ kind: 'joined', cluster: sampleMap().cluster }]);
});

test('while the map cannot be stored it waits, and asks again', () => {
  const { join, answers, store } = controllerWith(sampleMap());
  join();
  store('ENOSPC');
  join();
  store();
  expect(answers).toEqual([
    { kind: 'waiting', why: 'ENOSPC' },
    { kind: 'joined', cluster: sampleMap().cluster },
  ]);
});

test('while there is no map it waits, and hears for what', () => {
  const { join, answers } = controllerWith(undefined);
  join();
  expect(answers).toEqual([{ kind: 'waiting', why: '2 of 3 storage nodes' }]);
});

test('with what is wrong where only an operator can help', () => {
  const { join, answers, store } = controllerWith({ ...sampleMap(), whenFull: 'evict' });
  join();
  store();
  expect(answers).toEqual([{ kind: 'refused', why: expect.stringContaining('cache') }]);
});

test.each([{ kind: 'joined' }, { kind: 'let in', cluster: 'c' }, { why: 'no kind' }, null])(
  'the answer %j is none',
  (answer) => {
    expect(() => joinFileServerReply(answer)).toThrow(Malformed);
  },
);
