// When lists for other nodes and for scans are made: all at once while nobody else wants anything, with pauses while
// clients are served, in the order they were asked for, and not for who asks elsewhere by then.

import { expect, test } from 'vitest';
import type { Runtime } from '../../../src/cluster/ports.ts';
import { TransferPace } from '../../../src/storage/replication/transfer-pace.ts';

/** Time passes as the test says, and while a list is made. */
function paced() {
  let nowMs = 0;
  let timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  const runtime: Pick<Runtime, 'clock' | 'timers'> = {
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs },
    timers: {
      after: (milliseconds, callback) => {
        timers.push({ atMs: nowMs + milliseconds, callback });
        return () => undefined;
      },
    },
  };
  const pace = new TransferPace(runtime, { turnMs: 450 });
  const listed: { readonly name: string; readonly atMs: number }[] = [];
  const ask = (name: string, takesMs = 1) =>
    pace.whenDue(() => {
      listed.push({ name, atMs: nowMs });
      nowMs += takesMs;
    });
  const refused: string[] = [];
  const scan = (name: string) => {
    const list = () => {
      listed.push({ name, atMs: nowMs });
      nowMs++;
    };
    pace.scanWhenDue(list, () => refused.push(name));
  };
  const passTo = (untilMs: number) => {
    for (;;) {
      const next = timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      timers = timers.filter((timer) => timer !== next);
      nowMs = Math.max(nowMs, next.atMs);
      next.callback();
    }
    nowMs = Math.max(nowMs, untilMs);
  };
  return { pace, ask, scan, listed, refused, passTo };
}

test('nobody waits while no client is served', () => {
  const { ask, listed } = paced();
  for (const name of ['a', 'b', 'c']) ask(name);
  expect(listed.map(({ atMs }) => atMs)).toEqual([0, 1, 2]);
});

test('while clients are served eleven twelfths of the time are theirs, and the order stays', () => {
  const { pace, ask, listed, passTo } = paced();
  pace.clientServed();
  for (const name of ['a', 'b', 'c']) ask(name);
  expect(listed).toEqual([{ name: 'a', atMs: 0 }]);
  pace.clientServed();
  passTo(12);
  expect(listed.at(-1)).toEqual({ name: 'b', atMs: 12 });
  pace.clientServed();
  passTo(100);
  expect(listed.at(-1)).toEqual({ name: 'c', atMs: 24 });
});

test('a pause in which no client came is the last one', () => {
  const { pace, ask, listed, passTo } = paced();
  pace.clientServed();
  for (const name of ['a', 'b', 'c', 'd']) ask(name);
  passTo(100);
  expect(listed.map(({ atMs }) => atMs)).toEqual([0, 12, 13, 14]);
});

test('what is asked for in a pause waits for its end', () => {
  const { pace, ask, listed, passTo } = paced();
  pace.clientServed();
  ask('a');
  ask('b');
  passTo(11.5);
  expect(listed).toHaveLength(1);
  passTo(12);
  expect(listed.map(({ name }) => name)).toEqual(['a', 'b']);
});

test('what is too short for a timer is paid for together', () => {
  const { pace, ask, listed, passTo } = paced();
  pace.clientServed();
  for (const name of ['a', 'b', 'c']) ask(name, 0.08);
  expect(listed.map(({ name }) => name)).toEqual(['a', 'b']);
  passTo(1.9);
  expect(listed.map(({ name }) => name)).toEqual(['a', 'b']);
  passTo(2);
  expect(listed).toHaveLength(3);
});

test('who asks without end does not fill the memory', () => {
  const { pace, ask, listed, passTo } = paced();
  pace.clientServed();
  ask('first');
  for (let number = 0; number < 5000; number++) ask(`${number}`);
  expect(listed.length).toBeGreaterThan(3900);
  passTo(100_000);
  expect(listed.map(({ name }) => name).slice(1)).toEqual(
    Array.from({ length: 5000 }, (_, number) => `${number}`),
  );
});

test('a scan whose turn does not come in time is refused, and costs nobody a pause', () => {
  const { pace, scan, listed, refused, passTo } = paced();
  const busyTo = (untilMs: number) => {
    for (let ms = 0; ms <= untilMs; ms++) {
      pace.clientServed();
      passTo(ms);
    }
  };
  pace.clientServed();
  for (let number = 0; number < 100; number++) scan(`${number}`);
  busyTo(1300);
  // A list takes a millisecond, and eleven more are the clients': 38 in the 450 ms in which whoever asks waits.
  expect([listed.length, refused.length]).toEqual([38, 62]);
  expect(listed.at(-1)?.atMs).toBeLessThan(450);
  expect(refused).toEqual(Array.from({ length: 62 }, (_, number) => `${38 + number}`));
});

test('of many scans a copy waits for one at a time, and scans for one list of it', () => {
  const { pace, ask, scan, listed, passTo } = paced();
  pace.clientServed();
  for (const name of ['scan 1', 'scan 2', 'scan 3', 'scan 4']) scan(name);
  for (const name of ['copy 1', 'copy 2']) ask(name);
  for (let ms = 0; ms <= 100; ms++) {
    pace.clientServed();
    passTo(ms);
  }
  const names = listed.map(({ name }) => name);
  expect(names).toEqual(['scan 1', 'copy 1', 'scan 2', 'copy 2', 'scan 3', 'scan 4']);
});

test('who scans without end does not fill the memory', () => {
  const { pace, ask, scan, listed, refused } = paced();
  pace.clientServed();
  ask('first');
  for (let number = 0; number < 5000; number++) scan(`${number}`);
  expect([listed.length, refused.length, refused[0]]).toEqual([1, 5000 - 1024, '0']);
});
