// What a node says of its earlier lives when it registers, at first and again (H8): by them the controller tells its
// directory from an old copy.

import { expect, test } from 'vitest';
import type { Address, StoreId } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { ControlCall, Runtime } from '../../src/cluster/ports.ts';
import type { RegisterRequest } from '../../src/cluster/wire/control-messages.ts';
import { Registration } from '../../src/storage/registration.ts';
import { callerOver } from '../helpers/control-caller.ts';
import { CLUSTER, incarnationOf, nodeId } from '../helpers/maps.ts';

function registering(lives: readonly number[] | undefined) {
  const asked: { readonly message: RegisterRequest; readonly answer: (reply: object) => void }[] =
    [];
  const runtime = {
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    random: { token: () => 'process' },
    logger: { write: () => undefined },
    timers: { after: () => () => undefined },
    network: {
      call: ({ message }: ControlCall, callback: (outcome: unknown) => void) => {
        const answer = (reply: object) =>
          callback({ kind: 'answered', status: 200, message: reply });
        asked.push({ message: message as RegisterRequest, answer });
      },
    },
  } as unknown as Runtime;
  const registration = new Registration(
    runtime,
    callerOver(runtime.network),
    {
      controller: 'controller:1' as Address,
      node: nodeId('a'),
      address: '127.0.0.1:1' as Address,
      store: 'store 1' as StoreId,
      incarnation: lives === undefined ? undefined : incarnationOf(8),
      completeSince: undefined,
      lives: lives?.map(incarnationOf),
      times: protocolTimes(1),
    },
    { registered: () => undefined, map: () => undefined, promised: () => undefined },
  );
  /** @returns what it said */
  const register = (incarnation: number) => {
    registration.register();
    const [{ message, answer } = { message: undefined, answer: () => undefined }] = asked.splice(0);
    answer({ cluster: CLUSTER, incarnation, ready: false });
    return message;
  };
  return register;
}

test('a node names all lives of its directory, and the last of them as the one before', () => {
  expect(registering([3, 5])(8)).toMatchObject({ lives: [3, 5], previous: 5, incarnation: 8 });
});

test('registering again it names the life that it was given meanwhile', () => {
  const register = registering([3, 5]);
  register(11);
  expect(register(12)).toMatchObject({ lives: [3, 5, 11], previous: 11, incarnation: 11 });
});

test('a node without a directory names none', () => {
  const register = registering(undefined);
  expect(register(8)?.lives).toBeUndefined();
  expect(register(9)?.lives).toBeUndefined();
});
