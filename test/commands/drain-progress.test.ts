// When a drain is over, and what is said until then. Only the word of a file server itself ends its drain.

import { describe, expect, test } from 'vitest';
import type { CheckedReply } from '../../src/cluster/wire/control-frames.ts';
import {
  drainedFileServer,
  drainedNodes,
  leftOnFileServer,
  leftOnStorageNode,
} from '../../src/commands/drain-progress.ts';

describe('of a storage node', () => {
  const left = (partitions: object | undefined) =>
    leftOnStorageNode('n', drainedNodes({ storage: { n: { partitions } } }));

  test.each<[object | undefined, string | undefined]>([
    [{ serving: 3, joining: 1, leaving: 2 }, '6 partitions left on n'],
    [{ serving: 0, joining: 0, leaving: 1 }, '1 partitions left on n'],
    [{ serving: 0, joining: 0, leaving: 0 }, undefined],
    [undefined, undefined],
  ])('with %j', (partitions, expected) => {
    expect(left(partitions)).toBe(expected);
  });

  test.each<[string, number, string | undefined]>([
    [
      'and the others lack copies',
      5,
      'n ended before all was handed over: others make 3 of 8 copies anew',
    ],
    ['and the others have all copies', 8, undefined],
  ])('that is dead, %s', (_when, there, expected) => {
    const none = { serving: 0, joining: 0, leaving: 0 };
    const status = drainedNodes({
      partitions: 4,
      redundancy: 2,
      storage: {
        n: { fenced: true, draining: true, partitions: none },
        a: { fenced: false, draining: false, partitions: { ...none, serving: 4 } },
        b: {
          fenced: false,
          draining: false,
          partitions: { ...none, serving: there - 4, joining: 3 },
        },
      },
    });
    expect(leftOnStorageNode('n', status)).toBe(expected);
  });

  test('that is off the map nothing is left', () => {
    expect(leftOnStorageNode('other', drainedNodes({ storage: {} }))).toBeUndefined();
  });
});

describe('of a file server', () => {
  const said = (status: object): CheckedReply<ReturnType<typeof drainedFileServer>> => ({
    kind: 'message',
    message: drainedFileServer(status),
  });

  test.each<[object, RegExp | undefined]>([
    [{ draining: true, left: 0 }, undefined],
    [{ draining: true, left: 12 }, /^12 blobs left on f/],
    // It has not counted yet.
    [{ draining: true, left: null }, /looks at what others have/],
    [{ draining: true }, /looks at what others have/],
    // Its count is from before the drain, when it counted what others lack for other reasons.
    [{ draining: false, left: 0 }, /has not heard yet/],
  ])('that says %j', (status, expected) => {
    const left = leftOnFileServer('f', said(status));
    if (expected === undefined) expect(left).toBeUndefined();
    else expect(left).toMatch(expected);
  });

  test('that says nothing the drain is not over, and there is a way out', () => {
    const left = leftOnFileServer('f', { kind: 'failed', detail: 'ECONNREFUSED' });
    expect(left).toContain('ECONNREFUSED');
    expect(left).toContain('velour remove f');
  });
});
