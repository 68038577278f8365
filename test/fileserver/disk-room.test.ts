// The room of a file server: what uploads may write, and what the trash should give up for them.

import { expect, test } from 'vitest';
import { DiskRoom } from '../../src/fileserver/uploads/disk-room.ts';

const TOTAL = 1000;

function roomWith(freeBytes: number, reserveShare = 0.05): DiskRoom {
  const room = new DiskRoom(reserveShare);
  room.looked({ freeBytes, totalBytes: TOTAL });
  return room;
}

test('what uploads may write is what is free beside the reserve and beside what others were promised', () => {
  const room = roomWith(150);
  expect(room.freeBytes).toBe(100);
  const claim = room.claim(60);
  expect([room.freeBytes, room.claim(41)]).toEqual([40, undefined]);
  claim?.written(60);
  claim?.end();
  expect(room.freeBytes).toBe(40);
});

test('the trash makes room before uploads meet the reserve: they stop at what they need beside it', () => {
  expect(roomWith(100).missingBytes).toBe(0);
  expect(roomWith(99).missingBytes).toBe(1);
  expect(roomWith(51).missingBytes).toBe(49);
  expect(roomWith(49, 0).missingBytes).toBe(1);
  const room = roomWith(130);
  room.claim(50);
  expect(room.missingBytes).toBe(20);
});
