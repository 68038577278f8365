// What a frontend's report of a node leads to: looks of the controller's own, one at a time, and what each outcome
// counts for (R6). Node a of the sample map, played by the test.

import { describe, expect, test } from 'vitest';
import type { ClusterMap } from '../../../src/cluster/model/cluster-map.ts';
import { protocolTimes } from '../../../src/cluster/model/limits.ts';
import type { CallOutcome, ControlCall, Runtime } from '../../../src/cluster/ports.ts';
import { withEntry } from '../../../src/controller/decisions/membership.ts';
import { FailureDetector } from '../../../src/controller/observations/failure-detector.ts';
import { ReachabilityChecks } from '../../../src/controller/observations/looks.ts';
import { callerOver } from '../../helpers/control-caller.ts';
import { incarnationOf, nodeId, sampleMap } from '../../helpers/maps.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const times = protocolTimes(1);
const { lookMs, suspicionMs, suspicionReportedMs } = times;
const A = { node: nodeId('a'), incarnation: incarnationOf(1) };
const REFUSED: CallOutcome = { kind: 'failed', detail: 'ECONNREFUSED' };

function answeredAs(incarnation: number): CallOutcome {
  const mapVersion = { generation: 1, number: 1 };
  return { kind: 'answered', status: 200, message: { incarnation, mapVersion } };
}

/** @param behaves what a look at the node comes to, and after how long; undefined: no answer within its time */
function watching(
  behaves: (look: number) => CallOutcome | undefined = () => undefined,
  map: ClusterMap = sampleMap(),
) {
  const time = new VirtualTime();
  const detector = new FailureDetector(times, 0);
  const calls: (ControlCall & { readonly atMs: number })[] = [];
  let underWay = 0;
  let most = 0;
  const network = {
    call: (call: ControlCall, callback: (outcome: CallOutcome) => void) => {
      const outcome = behaves(calls.length);
      calls.push({ ...call, atMs: time.monotonicMs() });
      most = Math.max(most, ++underWay);
      const done = (what: CallOutcome) => {
        underWay--;
        callback(what);
      };
      if (outcome === undefined) {
        time.after(call.timeoutMs, () => done({ kind: 'failed', detail: 'timeout' }));
      } else time.after(1, () => done(outcome));
    },
  };
  const runtime = { clock: time, timers: time, network } as unknown as Runtime;
  const looks = new ReachabilityChecks(runtime, callerOver(network), {
    detector,
    times,
    map: () => map,
  });
  const silentFromMs = () => {
    while (!detector.isSilent(A, time.monotonicMs())) time.runTo(time.monotonicMs() + 1);
    return time.monotonicMs();
  };
  return { time, detector, calls, looks, silentFromMs, most: () => most };
}

describe('R6: a reported node', () => {
  test('is looked at, at once', () => {
    const { looks, calls } = watching();
    looks.reported(A);
    expect(calls).toMatchObject([{ address: '127.0.0.1:1', path: '/s/map', message: {} }]);
  });

  test('is silent sooner when it refuses', () => {
    const { looks, detector, silentFromMs } = watching(() => REFUSED);
    detector.heard(A, 0);
    looks.reported(A);
    expect(silentFromMs()).toBe(suspicionReportedMs + 1);
  });

  test('is silent sooner when another life answers at its address', () => {
    const { looks, silentFromMs } = watching(() => answeredAs(2));
    looks.reported(A);
    expect(silentFromMs()).toBe(suspicionReportedMs + 1);
  });

  test.each([
    ['answers', answeredAs(1)],
    ['does not answer: one more message may have been lost', undefined],
  ])('is silent no sooner when it %s', (_, outcome) => {
    const { looks, silentFromMs } = watching(() => outcome);
    looks.reported(A);
    expect(silentFromMs()).toBe(suspicionMs + 1);
  });

  test('is silent no sooner when it is heard of after it refused', () => {
    const { time, looks, detector, silentFromMs } = watching(() => REFUSED);
    looks.reported(A);
    time.runTo(10);
    detector.heard(A, 10);
    expect(silentFromMs()).toBe(10 + suspicionMs + 1);
  });

  test('is silent no sooner when a later look is answered', () => {
    const { time, looks, silentFromMs } = watching((look) =>
      look === 0 ? REFUSED : answeredAs(1),
    );
    looks.reported(A);
    time.runTo(lookMs);
    looks.reported(A);
    expect(silentFromMs()).toBe(suspicionMs + 1);
  });

  test('is silent in the end, however often it answers looks: they are no heartbeats', () => {
    const { time, looks, detector } = watching(() => answeredAs(1));
    detector.heard(A, 0);
    while (time.monotonicMs() <= suspicionMs) {
      looks.reported(A);
      time.runTo(time.monotonicMs() + 10);
    }
    expect(detector.isSilent(A, time.monotonicMs())).toBe(true);
  });

  test('proves no life by an answer (H9, I8)', () => {
    const { time, looks, detector } = watching(() => answeredAs(1));
    looks.reported(A);
    time.runTo(lookMs);
    expect(detector.isAliveSince(A, Number.NEGATIVE_INFINITY, time.monotonicMs())).toBe(false);
  });
});

describe('looks at one node', () => {
  test('are one at a time, and never closer than the time of one, however many reports come', () => {
    const { time, looks, calls, most } = watching((look) => (look % 2 === 0 ? REFUSED : undefined));
    for (let passed = 0; passed < 10 * lookMs; passed++) {
      for (let frontend = 0; frontend < 10; frontend++) looks.reported(A);
      time.runTo(passed + 1);
    }
    expect(most()).toBe(1);
    expect(calls.map(({ atMs }) => atMs)).toEqual(
      Array.from({ length: calls.length }, (_, look) => look * lookMs),
    );
  });

  test('end with the reports', () => {
    const { time, looks, calls } = watching(() => REFUSED);
    looks.reported(A);
    time.runTo(10 * lookMs);
    expect(calls).toHaveLength(1);
  });

  test('begin again after each report that came since the last was sent', () => {
    const { time, looks, calls } = watching(() => answeredAs(1));
    looks.reported(A);
    looks.reported(A);
    time.runTo(10 * lookMs);
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, lookMs]);
    looks.reported(A);
    expect(calls).toHaveLength(3);
  });

  test.each([
    ['fenced already', withEntry(sampleMap(), A.node, { fenced: true }), A],
    ['over', sampleMap(), { ...A, incarnation: incarnationOf(0) }],
  ])('are not made when the life is %s', (_, map, incarnationId) => {
    const { looks, calls } = watching(undefined, map);
    looks.reported(incarnationId);
    expect(calls).toEqual([]);
  });
});
