// Keys on lines: every key has a line of its own, and the line is read back as that key; a terminal is given nothing
// that it would obey.

import { describe, expect, test } from 'vitest';
import {
  bytesOfLine,
  lineOfBytes,
  printableJson,
  terminalText,
} from '../../../src/commands/keys/key-text.ts';
import { SeededRandom } from '../../helpers/random.ts';

const KEYS: readonly Buffer[] = [
  ...['a', 'user:1', 'ü', '007', '-x', 'a b', ' ', 'a\\nb', '"', '"a"', '{', '{"key":"a"}', '%41'],
  ...['line\nfeed', 'tab\t', '\r', '\0', '\x1b[31m', '\u202egnp', '\u2028', '\u0085', '\u{e0001}'],
].map((text) => Buffer.from(text, 'utf8'));

describe('a key on a line', () => {
  test('is read back as it was, and has no line feed, tab or control character', () => {
    const random = new SeededRandom(7);
    const all = [
      ...KEYS,
      ...Array.from({ length: 500 }, (_, index) => random.bytes(1 + (index % 12))),
    ];
    for (const key of all) {
      const line = lineOfBytes(key);
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(bytesOfLine(Buffer.from(line))).toEqual(key);
    }
  });

  test('is itself where it can be', () => {
    for (const text of ['user:1', '007', '-x', 'ü', 'a\\nb', 'a b']) {
      expect(lineOfBytes(Buffer.from(text))).toBe(text);
    }
    expect(lineOfBytes(Buffer.from('"a"'))).toBe('"\\"a\\""');
    expect(lineOfBytes(Buffer.from('a\nb'))).toBe('"a\\nb"');
    expect(lineOfBytes(Buffer.of(0xff))).toBe('{"base64":"/w=="}');
  });

  test('may be a line of a scan', () => {
    const line = (text: string) => bytesOfLine(Buffer.from(text));
    expect(line('{"key":"a","etag":"x"}')).toEqual(Buffer.from('a'));
    expect(line('{"key":{"base64":"/w=="}}')).toEqual(Buffer.of(0xff));
  });

  test('is refused where it is none, with what is wrong', () => {
    for (const [line, wrong] of [
      ['', /is empty/],
      ['a\r', /has a control character/],
      ['{"a":1}', /begins as JSON does/],
      ['"a', /begins as JSON does/],
      ['{"key":7}', /begins as JSON does/],
    ] as const) {
      expect(bytesOfLine(Buffer.from(line))).toMatchObject({ wrong: expect.stringMatching(wrong) });
    }
    expect(bytesOfLine(Buffer.of(0x61, 0xff))).toMatchObject({ wrong: /no UTF-8/ });
  });
});

test('JSON for a terminal means the same', () => {
  const value = { key: 'a\u202eb\u0085\u{e0001}', value: '\u001b[2J' };
  const json = printableJson(JSON.stringify(value));
  expect(json).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(json)).toEqual(value);
});

test('a terminal is shown text as it is, and never a code that it would obey', () => {
  expect(terminalText(Buffer.from('two\nlines\tü'))).toBe('two\nlines\tü');
  expect(terminalText(Buffer.from('\x1b[2J\u009b1m'))).toBe('\\u001b[2J\\u009b1m');
  expect(terminalText(Buffer.of(0x61, 0xff, 0x1b, 0x0a))).toBe('a\\xff\\x1b\n');
});
