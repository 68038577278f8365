// Requests at a file server take turns, and none waits for its turn without a bound.

import { expect, test } from 'vitest';
import { type HttpReply, isWhole } from '../../src/cluster/http/http.ts';
import { fileTimes } from '../../src/files/file-times.ts';
import { BLOB_TURN_MS, BlobServer } from '../../src/fileserver/blob-server.ts';
import { Slots } from '../../src/fileserver/slots.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const SCALE = 2;
const TURN_MS = 10_000;

function serving() {
  const time = new VirtualTime();
  const server = new BlobServer({
    timers: time,
    scale: SCALE,
    opened: () => undefined,
    whyNot: () => '',
    map: () => undefined,
    check: () => undefined,
  });
  const slots = new Slots({ max: 1, waitingMax: 8, turnMs: TURN_MS });
  const releases: (() => void)[] = [];
  const clients = new Set<() => void>();
  const refused: HttpReply[] = [];
  const request = {
    onceLeft: (left: () => void) => {
      clients.add(left);
      return () => void clients.delete(left);
    },
  };
  const ask = () =>
    server.inTurn(
      slots,
      request,
      (reply) => void refused.push(reply),
      (release) => void releases.push(release),
    );
  return { time, slots, releases, clients, refused, ask };
}

test('one whose turn does not come is refused after some seconds, and waits no more', () => {
  const { time, slots, releases, clients, refused, ask } = serving();
  ask();
  ask();
  time.runTo(SCALE * TURN_MS - 1);
  expect([releases.length, slots.waiting, refused.length]).toEqual([1, 1, 0]);
  time.runTo(SCALE * TURN_MS);
  const [reply] = refused;
  expect(reply && isWhole(reply) && reply.headers).toMatchObject({ 'x-fog-error': 'overloaded' });
  expect([slots.waiting, clients.size, time.timers]).toEqual([0, 0, 0]);
  // Its turn is that of the next one.
  ask();
  releases[0]?.();
  expect(releases).toHaveLength(2);
});

test('one whose turn has come is refused no more', () => {
  const { time, releases, clients, refused, ask } = serving();
  ask();
  ask();
  releases[0]?.();
  expect([releases.length, clients.size, time.timers]).toEqual([2, 0, 0]);
  time.runTo(10 * SCALE * TURN_MS);
  expect(refused).toEqual([]);
});

test('one whose client has left is not waited for', () => {
  const { time, slots, clients, refused, ask } = serving();
  ask();
  ask();
  for (const leave of clients) leave();
  expect([slots.waiting, time.timers, refused.length]).toEqual([0, 0, 1]);
});

test('a gateway hears that a blob is not sent now before it leaves the copy in its third round', () => {
  expect(BLOB_TURN_MS).toBeLessThan(fileTimes(1).byteMs * 4 ** 2);
});
