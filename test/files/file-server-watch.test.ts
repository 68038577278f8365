// What is known of file servers: up, down, lost, room and work, each by what they said last; virtual time.

import { describe, expect, test } from 'vitest';
import type { FileServers } from '../../src/cluster/model/file-server.ts';
import type { Runtime } from '../../src/cluster/ports.ts';
import { FileServerWatch } from '../../src/files/file-server-watch.ts';
import { fileTimes } from '../../src/files/file-times.ts';
import { nodeId, sampleMap } from '../helpers/maps.ts';
import { fileServer, fileServersOf, ScriptedNetwork } from '../helpers/scripted-file-servers.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const TIMES = fileTimes(1);
const [A, B] = [nodeId('a'), nodeId('b')];

function watched(servers: FileServers = fileServersOf('a', 'b')) {
  const time = new VirtualTime();
  const network = new ScriptedNetwork();
  const router = { map: { ...sampleMap(), fileServers: servers } };
  const runtime = { clock: time, timers: time, network } as unknown as Runtime;
  const refresh = { fetched: 0, fetchFromAnyone: () => void refresh.fetched++ };
  const watch = new FileServerWatch(runtime, router, refresh, TIMES);
  /** Those that answer, and what they say. */
  const rooms: Record<string, object | undefined> = {};
  network.called = (call) => {
    const room = rooms[call.server];
    const said = { id: call.server, store: 'a-store', freeBytes: 100, busy: 0, readOnly: false };
    if (room !== undefined) call.answer(200, { ...said, ...room });
  };
  const pass = (milliseconds: number) => time.runTo(time.monotonicMs() + milliseconds);
  return { watch, network, rooms, router, refresh, pass, time };
}

describe('a file server', () => {
  test('that nobody has asked yet counts as up, with room', () => {
    const { watch } = watched();
    expect([watch.isUp(A), watch.isLost(A), watch.hasRoom(A, 2 ** 50)]).toEqual([
      true,
      false,
      true,
    ]);
    watch.failed(A);
    expect(watch.isUp(nodeId('nobody'))).toBe(true);
  });

  test('is asked once a second, with as much time as it may be silent', () => {
    const { watch, network, rooms, pass } = watched(fileServersOf('a'));
    rooms.a = {};
    watch.start();
    pass(10 * TIMES.askMs);
    expect(network.calls).toHaveLength(11);
    expect(
      network.calls.every(({ path, timeoutMs }) => path === '/room' && timeoutMs === TIMES.downMs),
    ).toBe(true);
    expect(watch.isUp(A)).toBe(true);
  });

  test('that is silent for two seconds is down, and up with its next answer', () => {
    const { watch, rooms, pass } = watched();
    rooms.b = {};
    watch.start();
    pass(TIMES.downMs - 1);
    expect([watch.isUp(A), watch.isUp(B)]).toEqual([true, true]);
    pass(1);
    expect([watch.isUp(A), watch.isUp(B)]).toEqual([false, true]);
    expect([watch.hasRoom(A, 0), watch.hasRoom(B, 100)]).toEqual([false, true]);
    rooms.a = {};
    pass(TIMES.askMs);
    expect(watch.isUp(A)).toBe(true);
    rooms.a = undefined;
    pass(TIMES.downMs);
    expect(watch.isUp(A)).toBe(true);
    pass(TIMES.askMs);
    expect(watch.isUp(A)).toBe(false);
  });

  test('that is silent for ten minutes is lost', () => {
    const { watch, rooms, pass } = watched();
    rooms.b = {};
    watch.start();
    pass(TIMES.lostMs - 1);
    expect([watch.isLost(A), watch.isLost(B)]).toEqual([false, false]);
    pass(1);
    expect([watch.isLost(A), watch.isLost(B)]).toEqual([true, false]);
    rooms.a = {};
    pass(TIMES.askMs);
    expect(watch.isLost(A)).toBe(false);
  });

  test('is neither down nor lost because this process was stopped', () => {
    const { watch, network, pass, time } = watched(fileServersOf('a'));
    watch.start();
    // Its answer is in the socket, and is read only when the process goes on.
    time.standStill(2 * TIMES.lostMs);
    expect([watch.isUp(A), watch.isLost(A)]).toEqual([true, false]);
    pass(0);
    expect([watch.isUp(A), watch.isLost(A)]).toEqual([true, false]);
    network.calls[0]?.answer(200, {
      id: 'a',
      store: 'a-store',
      freeBytes: 1,
      busy: 0,
      readOnly: false,
    });
    pass(TIMES.askMs);
    expect(watch.isUp(A)).toBe(true);
  });

  test('that an attempt has failed to reach is down at once, until it answers', () => {
    const { watch, rooms, pass } = watched();
    rooms.a = {};
    watch.start();
    watch.failed(A);
    expect([watch.isUp(A), watch.isLost(A), watch.isUp(B)]).toEqual([false, false, true]);
    pass(TIMES.askMs);
    expect(watch.isUp(A)).toBe(true);
  });

  test('is not found again because an attempt has failed: it stays lost', () => {
    const { watch, pass } = watched();
    watch.start();
    pass(TIMES.lostMs);
    watch.failed(A);
    expect(watch.isLost(A)).toBe(true);
  });

  test('has the room and the work that it said last', () => {
    const { watch, rooms, pass } = watched();
    rooms.a = { freeBytes: 10, busy: 3 };
    watch.start();
    expect([watch.hasRoom(A, 10), watch.hasRoom(A, 11), watch.busyOf(A)]).toEqual([true, false, 3]);
    rooms.a = { freeBytes: 11, busy: 1 };
    pass(TIMES.askMs);
    expect([watch.hasRoom(A, 11), watch.busyOf(A)]).toEqual([true, 1]);
    rooms.a = { freeBytes: 11, readOnly: true };
    pass(TIMES.askMs);
    expect([watch.hasRoom(A, 1), watch.isUp(A)]).toEqual([false, true]);
  });

  test.each([
    ['another id', { id: 'c' }],
    ['no id', { id: undefined }],
    ['no number of bytes', { freeBytes: 'much' }],
    ['less than no room', { freeBytes: -1 }],
    ['nothing of its disk', { readOnly: undefined }],
  ])('is not up where its address answers with %s', (_what, said) => {
    const { watch, rooms, pass } = watched();
    rooms.a = said;
    watch.start();
    pass(TIMES.downMs);
    expect(watch.isUp(A)).toBe(false);
  });

  test('is not up where its address answers with an error', () => {
    const { watch, network, pass } = watched();
    network.called = (call) => {
      if (call.server === 'a')
        call.answer(503, { id: 'a', store: 'a-store', freeBytes: 1, busy: 0, readOnly: false });
      else call.fail();
    };
    watch.start();
    pass(TIMES.downMs);
    expect([watch.isUp(A), watch.isUp(B)]).toEqual([false, false]);
  });

  test('that has moved is asked at its new address, and is not what it was at the old one', () => {
    const { watch, network, rooms, router, pass } = watched(fileServersOf('a'));
    rooms.a = { freeBytes: 0 };
    watch.start();
    expect(watch.hasRoom(A, 1)).toBe(false);
    router.map = {
      ...router.map,
      fileServers: { a: fileServer('a', { address: 'new:1' as never }) },
    };
    pass(TIMES.askMs);
    expect(network.calls.at(-1)?.server).toBe('new');
    expect([watch.isUp(A), watch.hasRoom(A, 1)]).toEqual([true, true]);
  });

  test('that has left the map is forgotten', () => {
    const { watch, network, router, pass } = watched();
    watch.start();
    pass(TIMES.downMs);
    expect(watch.isUp(B)).toBe(false);
    router.map = { ...router.map, fileServers: fileServersOf('a') };
    const before = network.calls.length;
    pass(TIMES.askMs);
    expect(network.calls.slice(before).map(({ server }) => server)).toEqual(['a']);
    expect(watch.isUp(B)).toBe(true);
  });
});

test('F1: where a file server has a newer map, that is fetched, and no map of before', () => {
  const { watch, rooms, router, refresh, pass } = watched(fileServersOf('a'));
  const { generation, number } = router.map.version;
  watch.start();
  for (const mapVersion of [undefined, router.map.version, { generation, number: number - 1 }]) {
    rooms.a = { mapVersion };
    pass(2 * TIMES.askMs);
  }
  expect(refresh.fetched).toBe(0);
  rooms.a = { mapVersion: { generation, number: number + 1 } };
  pass(TIMES.askMs);
  expect(refresh.fetched).toBe(1);
});
