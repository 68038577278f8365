// Lines are cut the same way however the bytes come, and a line that never ends takes no more memory than it may.

import { expect, test } from 'vitest';
import { LineCutter } from '../../../src/commands/keys/line-cutter.ts';

const BODY = Buffer.from('one\n\ntwo\nthree and more\nend');

test('gives the same lines for all pieces', () => {
  for (let size = 1; size <= BODY.length; size++) {
    const cutter = new LineCutter(100);
    const lines: string[] = [];
    for (let at = 0; at < BODY.length; at += size) {
      for (const line of cutter.add(BODY.subarray(at, at + size)) ?? []) lines.push(String(line));
    }
    const last = cutter.end();
    expect([...lines, String(last)]).toEqual(['one', '', 'two', 'three and more', 'end']);
    expect(cutter.end()).toBeUndefined();
  }
});

test('says when a line is too long', () => {
  const cutter = new LineCutter(5);
  expect(cutter.add(Buffer.from('12345'))).toEqual([]);
  expect(cutter.add(Buffer.from('6'))).toBeUndefined();
});
