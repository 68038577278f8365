// How long a node that is told to stop goes on serving (D4). What its stop means for others is in the simulations.

import { expect, test } from 'vitest';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { CallOutcome, DrainOptions, Runtime } from '../../src/cluster/ports.ts';
import type { NodeIncarnation } from '../../src/storage/node-incarnation.ts';
import { Shutdown, type ShutdownOptions } from '../../src/storage/shutdown.ts';
import { callerOver } from '../helpers/control-caller.ts';

const { beforeRestartMs } = protocolTimes(1);

/** @returns what happened, in its order; `fires` lets the timers' time come */
function stopped({ heirs = true, keepsData = true, ...drain }: Partial<DrainOptions> & Has) {
  const events: string[] = [];
  const timers: (() => void)[] = [];
  const runtime = {
    clock: { monotonicMs: () => 0 },
    timers: {
      after: (delayMs: number, callback: () => void) => {
        events.push(`waits ${delayMs} ms`);
        timers.push(callback);
      },
    },
    network: {
      call: ({ message }: { message: { state: string } }, said: (outcome: CallOutcome) => void) => {
        events.push(message.state);
        said({ kind: 'failed', detail: 'played' });
      },
    },
  } as unknown as Runtime;
  const options = {
    client: callerOver(runtime.network),
    keepsData,
    times: protocolTimes(1),
    durability: { sync: (callback: (failure: undefined) => void) => callback(undefined) },
  } as unknown as ShutdownOptions;
  const incarnation = {
    end: () => events.push('ends'),
    hasHeirs: () => heirs,
    replica: { incarnationId: {} },
  } as unknown as NodeIncarnation;
  const asked = { wholeCluster: false, timeoutMs: 10_000, ...drain };
  new Shutdown(runtime, options, incarnation, asked, () => events.push('done'));
  const fire = () => {
    for (const callback of timers.splice(0)) callback();
  };
  return { events, fire };
}

interface Has {
  readonly heirs?: boolean;
  readonly keepsData?: boolean;
}

test('a node that returns serves a moment longer, for the sets that waited for the one before it', () => {
  const { events, fire } = stopped({});
  expect(events).toEqual([`waits ${beforeRestartMs} ms`]);
  fire();
  expect(events.slice(1)).toEqual(['ends', 'restarting', 'done']);
});

test('it waits no longer than it may take to stop', () => {
  expect(stopped({ timeoutMs: 100 }).events).toEqual(['waits 100 ms']);
});

test('the only node, and one that stops with the whole cluster, keep nobody waiting', () => {
  expect(stopped({ heirs: false }).events).toEqual(['ends', 'restarting', 'done']);
  expect(stopped({ wholeCluster: true }).events).toEqual(['ends', 'done']);
});

test('one without data has nobody to leave to, and stops', () => {
  expect(stopped({ heirs: false, keepsData: false }).events).toEqual(['ends', 'stopped', 'done']);
});
