// What a file server does with a blob: who repairs, who trims, what is garbage. Pure.

import { describe, expect, test } from 'vitest';
import type { FileServerEntry } from '../../../src/cluster/model/file-server.ts';
import type { NodeId } from '../../../src/cluster/model/identity.ts';
import type { HaveAnswer } from '../../../src/files/have.ts';
import {
  type Confirmations,
  isGarbage,
  isSuspicious,
  isWanted,
  placesOf,
  verdictOnCopies,
} from '../../../src/fileserver/replicator/verdict.ts';

const ENTRY = { state: 'in' } as FileServerEntry;
const server = (id: string) => ({ id: id as NodeId, entry: ENTRY });
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(server) as [
  ReturnType<typeof server>,
  ReturnType<typeof server>,
  ReturnType<typeof server>,
  ReturnType<typeof server>,
];
const PLACED = [a, b, c, d];

function judged(
  self: string,
  answers: Readonly<Record<string, HaveAnswer>>,
  {
    lost = [],
    copies = 2,
    otherMaps = [],
    isDraining = false,
  }: {
    readonly lost?: readonly string[];
    readonly copies?: number;
    readonly otherMaps?: readonly string[];
    readonly isDraining?: boolean;
  } = {},
) {
  const placed = isDraining ? PLACED.filter(({ id }) => id !== self) : PLACED;
  const places = placesOf(placed, copies, (id) => lost.includes(id));
  const verdict = verdictOnCopies(self as NodeId, places, isDraining, {
    answerOf: (id) => answers[id] ?? 'silent',
    goesByThisMap: (id) => !otherMaps.includes(id),
  });
  return verdict.kind === 'repair' ? verdict.lacking.map(({ id }) => id) : verdict;
}

describe('a blob that its file names', () => {
  test('is complete when all that should have it have confirmed that', () => {
    expect(judged('a', { b: 'has' })).toEqual({ kind: 'keep', isComplete: true });
    expect(judged('a', { b: 'silent' })).toEqual({ kind: 'keep', isComplete: false });
  });

  test('is repaired by the first in order that has it, and by no other', () => {
    expect(judged('a', { b: 'lacks' })).toEqual(['b']);
    expect(judged('b', { a: 'lacks' })).toEqual(['a']);
    expect(judged('b', { a: 'has', c: 'lacks' }, { copies: 3 })).toEqual({
      kind: 'keep',
      isComplete: false,
    });
    expect(judged('a', { b: 'has', c: 'lacks' }, { copies: 3 })).toEqual(['c']);
  });

  test('is repaired by who should not have it only where nobody else has it', () => {
    expect(judged('d', { a: 'lacks', b: 'lacks' })).toEqual(['a', 'b']);
    expect(judged('d', { a: 'has', b: 'lacks' })).toEqual({ kind: 'keep', isComplete: false });
  });

  test('goes to the next in place of one that is lost, and stays where it belongs', () => {
    expect(judged('a', { c: 'lacks' }, { lost: ['b'] })).toEqual(['c']);
    // Whoever stands in for another one trims once that has it again.
    expect(judged('c', { a: 'has', b: 'silent' }, { lost: ['b'] })).toEqual({
      kind: 'keep',
      isComplete: false,
    });
    expect(judged('c', { a: 'has', b: 'has' }, { lost: ['b'] })).toEqual({
      kind: 'keep',
      isComplete: true,
    });
    expect(judged('c', { a: 'has', b: 'has' })).toEqual({ kind: 'trim' });
  });

  test.each([
    { answers: { a: 'has', b: 'silent' } },
    { answers: { a: 'has', b: 'lacks' } },
    { answers: {} },
  ] as const)('F5: is not trimmed without all confirmations: $answers', ({ answers }) => {
    expect(judged('d', answers)).not.toEqual({ kind: 'trim' });
  });

  test('F5: is not trimmed on the word of who places blobs by another map', () => {
    expect(judged('d', { a: 'has', b: 'has' }, { otherMaps: ['b'] })).toEqual({
      kind: 'keep',
      isComplete: true,
    });
  });

  test('F5: is not trimmed by a map from before others joined, in which it has fewer copies', () => {
    const places = placesOf([a], 2, () => false);
    const said: Confirmations = { answerOf: () => 'has', goesByThisMap: () => true };
    expect(verdictOnCopies('b' as NodeId, places, false, said)).toEqual({
      kind: 'keep',
      isComplete: true,
    });
    expect(isWanted('b' as NodeId, places, said)).toBe(true);
    expect(
      isWanted(
        'b' as NodeId,
        placesOf([a], 1, () => false),
        said,
      ),
    ).toBe(false);
  });

  test('is never trimmed by who should have it, nor where nobody should', () => {
    expect(judged('a', { b: 'has' })).not.toEqual({ kind: 'trim' });
    const verdict = verdictOnCopies('a' as NodeId, { belongs: [], targets: [], copies: 2 }, false, {
      answerOf: () => 'has',
      goesByThisMap: () => true,
    });
    expect(verdict).toEqual({ kind: 'keep', isComplete: false });
  });

  test('stays on a server that drains, which others may still read', () => {
    expect(judged('a', { b: 'has', c: 'has' }, { isDraining: true })).toEqual({
      kind: 'keep',
      isComplete: true,
    });
    expect(judged('a', { b: 'has', c: 'silent' }, { isDraining: true })).toEqual({
      kind: 'keep',
      isComplete: false,
    });
  });

  test('is copied by a server that drains without waiting for others to do it', () => {
    expect(judged('a', { b: 'has', c: 'lacks' }, { isDraining: true })).toEqual(['c']);
    expect(judged('a', { b: 'lacks', c: 'lacks' }, { isDraining: true })).toEqual(['b', 'c']);
  });
});

describe('a blob that no file names', () => {
  const TIMES = { supersededMs: 20, ownerlessMs: 1000 };
  const garbage = (
    kind: 'superseded' | 'absent',
    ageMs: number,
    isLossAccepted = false,
    isForeign = false,
  ) => isGarbage({ kind }, { ageMs, isLossAccepted, isForeign }, TIMES);

  test('stays for as long as an upload may still be setting its record', () => {
    expect([19, 20].map((ageMs) => garbage('superseded', ageMs))).toEqual([false, true]);
    expect([20, 999, 1000].map((ageMs) => garbage('absent', ageMs))).toEqual([false, false, true]);
  });

  test('stays where the loss of its record was accepted; that it was overwritten is known all the same', () => {
    expect(garbage('absent', 10 ** 9, true)).toBe(false);
    expect(garbage('superseded', 10 ** 9, true)).toBe(true);
  });

  test('stays where it came from another cluster, whatever the records of this one say', () => {
    expect(garbage('absent', 10 ** 9, false, true)).toBe(false);
    expect(garbage('superseded', 10 ** 9, false, true)).toBe(false);
  });

  test('is an accident where there are many of it', () => {
    expect(isSuspicious(1000, 1000)).toBe(false);
    expect(isSuspicious(1001, 10_010)).toBe(false);
    expect(isSuspicious(1001, 10_009)).toBe(true);
  });
});
