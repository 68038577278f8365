// How a file server gets its place in the map, and when it asks for it again.

import { expect, test } from 'vitest';
import { FatalError } from '../../src/cluster/http/errors.ts';
import type { ClusterMap } from '../../src/cluster/model/cluster-map.ts';
import type { Address, ClusterId, StoreId } from '../../src/cluster/model/identity.ts';
import { protocolTimes } from '../../src/cluster/model/limits.ts';
import type { CallOutcome, ControlCall, Runtime } from '../../src/cluster/ports.ts';
import { Joining } from '../../src/fileserver/joining.ts';
import { callerOver } from '../helpers/control-caller.ts';
import { CLUSTER, nodeId, sampleMap } from '../helpers/maps.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

function joining() {
  const time = new VirtualTime();
  const asked: { readonly call: ControlCall; readonly answer: (outcome: CallOutcome) => void }[] =
    [];
  const joined: ClusterId[] = [];
  const logged: string[] = [];
  const runtime = {
    clock: time,
    timers: time,
    logger: { write: (_level: string, message: string) => logged.push(message) },
    network: {
      call: (call: ControlCall, answer: (outcome: CallOutcome) => void) =>
        asked.push({ call, answer }),
    },
  } as unknown as Runtime;
  const joins = new Joining(
    runtime,
    callerOver(runtime.network),
    {
      controller: '127.0.0.1:1' as Address,
      id: nodeId('f1'),
      address: '127.0.0.1:5' as Address,
      store: 'store' as StoreId,
      host: 'rack 1',
      weight: 2,
      cluster: () => CLUSTER,
      times: protocolTimes(1),
    },
    (cluster) => joined.push(cluster),
  );
  /** Answers the question that waits, and lets time pass until the next one. */
  const answer = (message: object | undefined) => {
    const [first] = asked.splice(0, 1);
    if (first === undefined) throw new Error('nothing was asked');
    first.answer(
      message === undefined
        ? { kind: 'failed', detail: 'nobody listens' }
        : { kind: 'answered', status: 200, message },
    );
    time.runTo(time.monotonicMs() + 1000);
    return first.call;
  };
  return { joins, answer, asked, joined, logged };
}

const JOINED = { kind: 'joined', cluster: CLUSTER };
const OWN = {
  address: '127.0.0.1:5' as Address,
  store: 'store' as StoreId,
  host: 'rack 1',
  weight: 2,
  state: 'in',
} as const;
const withEntry = (map: ClusterMap, entry: typeof OWN | object = OWN): ClusterMap => ({
  ...map,
  fileServers: { f1: { ...OWN, ...entry } },
});

test('it says who it is, and asks until it is taken in', () => {
  const { joins, answer, asked, joined } = joining();
  joins.join();
  joins.join();
  expect(asked).toHaveLength(1);
  expect(joins.problem).toBe('not in the map yet');
  expect(answer(undefined).message).toEqual({
    id: 'f1',
    address: '127.0.0.1:5',
    store: 'store',
    host: 'rack 1',
    weight: 2,
    cluster: CLUSTER,
  });
  expect(joins.problem).toBe('controller 127.0.0.1:1: nobody listens');
  answer({ kind: 'waiting', why: '2 of 4 storage nodes' });
  expect(joins.problem).toBe('controller waits: 2 of 4 storage nodes');
  expect(joined).toEqual([]);
  answer(JOINED);
  expect([joins.problem, joined, asked]).toEqual([undefined, [CLUSTER], []]);
});

test('one that is refused ends, with why', () => {
  const { joins, answer } = joining();
  joins.join();
  const refused = () => answer({ kind: 'refused', why: 'this cluster is a cache' });
  expect(refused).toThrow('controller 127.0.0.1:1: this cluster is a cache');
  joins.join();
});

test('the exit code of that says that something is configured wrongly', () => {
  const { joins, answer } = joining();
  joins.join();
  try {
    answer({ kind: 'refused', why: 'x' });
    throw new Error('not refused');
  } catch (error) {
    expect(error).toBeInstanceOf(FatalError);
    expect((error as FatalError).exitCode).toBe(78);
  }
});

test('a map from before it was taken in says nothing', () => {
  const { joins, answer, asked } = joining();
  joins.join();
  answer(JOINED);
  joins.adopted(sampleMap());
  expect([joins.problem, asked]).toEqual([undefined, []]);
});

test('who was removed says so, and does not come back by itself', () => {
  const { joins, answer, asked } = joining();
  joins.join();
  answer(JOINED);
  joins.adopted(withEntry(sampleMap({ number: 2 })));
  joins.adopted(sampleMap({ number: 3 }));
  expect(joins.problem).toMatch(/removed from the map; it joins again when it is started again/);
  expect(asked).toEqual([]);
});

test('a map that was found again without it has it again', () => {
  const { joins, answer, asked, joined } = joining();
  joins.join();
  answer(JOINED);
  joins.adopted(withEntry(sampleMap({ number: 2 })));
  const recovered = {
    ...sampleMap(),
    version: { generation: 9, number: 1 },
    recoveredAs: { generation: 9 },
  };
  joins.adopted(recovered);
  expect(asked).toHaveLength(1);
  answer(JOINED);
  expect(joined).toEqual([CLUSTER, CLUSTER]);
  // As from now on: who is removed then stays away.
  joins.adopted(withEntry({ ...recovered, version: { generation: 9, number: 2 } }));
  joins.adopted({ ...recovered, version: { generation: 9, number: 3 } });
  expect(asked).toEqual([]);
});

test('a second one under its name is told, and not fought', () => {
  const { joins, answer, asked } = joining();
  joins.join();
  answer(JOINED);
  joins.adopted(withEntry(sampleMap({ number: 2 }), { address: '127.0.0.1:6' }));
  expect(joins.problem).toBe('the map has file server f1 at 127.0.0.1:6: stop one of the two');
  expect(asked).toEqual([]);
  joins.adopted(withEntry(sampleMap({ number: 3 })));
  expect(joins.problem).toBeUndefined();
});
