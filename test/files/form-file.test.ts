// Forms as curl and browsers send them, in pieces of any size, and what is no form.

import { describe, expect, test } from 'vitest';
import type { ByteStream } from '../../src/cluster/http/byte-stream.ts';
import { type OpenedForm, openFormFile } from '../../src/files/form-file.ts';
import { cutAtRandom, Pieces, readAll } from '../helpers/pieces.ts';
import { SeededRandom } from '../helpers/random.ts';

const BOUNDARY = '----boundary7MA4YWx';
const OPTIONS = { boundary: BOUNDARY, field: 'upload_file' };

interface FormPart {
  readonly head: readonly string[];
  readonly content: Buffer | string;
}

const file = (content: Buffer | string, name = 'upload_file'): FormPart => ({
  head: [
    `Content-Disposition: form-data; name="${name}"; filename="f"`,
    'Content-Type: application/octet-stream',
  ],
  content,
});
const field = (content: Buffer | string, name = 'note'): FormPart => ({
  head: [`Content-Disposition: form-data; name="${name}"`],
  content,
});

function formOf(
  parts: readonly FormPart[],
  { preamble = '', padding = '', epilogue = '\r\n' } = {},
): Buffer {
  const pieces: (Buffer | string)[] = [preamble === '' ? '' : `${preamble}\r\n`];
  for (const { head, content } of parts) {
    const lines = head.map((line) => `${line}\r\n`).join('');
    pieces.push(`--${BOUNDARY}${padding}\r\n${lines}\r\n`, content, '\r\n');
  }
  pieces.push(`--${BOUNDARY}--${epilogue}`);
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
}

function open(body: ByteStream): Promise<OpenedForm> {
  return new Promise((resolve) => openFormFile(body, OPTIONS, resolve));
}

/** @returns the content; or how the form or its file is wrong */
async function read(body: ByteStream): Promise<string> {
  const opened = await open(body);
  switch (opened.kind) {
    case 'wrong':
      return opened.detail;
    case 'broken':
      return `broken: ${opened.why}`;
    case 'file': {
      const { bytes, end } = await readAll(opened.content);
      return end === 'end' ? `the file ${bytes.toString('latin1')}` : `broken: ${end}`;
    }
  }
}

const readForm = (form: Buffer | string) => read(new Pieces([form]));

describe('the file of a form', () => {
  test.each<readonly [string, readonly FormPart[]]>([
    ['alone', [file('it')]],
    ['behind fields', [field('1'), field('2', 'other'), file('it')]],
    ['before fields and files', [file('it'), field('1'), file('no', 'second')]],
    ['under another name', [file('it', 'anything')]],
    ['without a file name', [field('it', 'upload_file')]],
    ['behind a field like it', [field('no', 'upload_files'), file('it')]],
    ['behind a part without a head', [{ head: [], content: 'no' }, file('it')]],
    ['behind an empty part without a head', [{ head: [], content: '' }, file('it')]],
  ])('%s', async (_, parts) => {
    expect(await readForm(formOf(parts))).toBe('the file it');
  });

  test('is the only one where its reader wants no other to be lost', async () => {
    const alone = async (...parts: readonly FormPart[]) => {
      const opened = await new Promise<OpenedForm>((resolve) =>
        openFormFile(new Pieces([formOf(parts)]), { ...OPTIONS, isForOne: true }, resolve),
      );
      if (opened.kind !== 'file') throw new Error(opened.kind);
      const { end } = await readAll(opened.content);
      return [end, opened.content.fault?.split(',')[0]];
    };
    const fine = ['end', undefined];
    const notChosen = {
      head: ['Content-Disposition: form-data; name=b; filename=""'],
      content: '',
    };
    expect(await alone(field('1'), file('it'), field('2'), notChosen)).toEqual(fine);
    expect(await alone(file('it'), { head: [], content: 'x' })).toEqual(fine);
    const two = ['malformed', 'the form has two files'];
    expect(await alone(file('it'), field('1'), file('no', 'second'))).toEqual(two);
    expect(await alone(file('it'), file('no'))).toEqual(two);
    expect(await alone(file('it', 'any'), field('no', 'upload_file'))).toEqual(two);
  });

  test('may be empty, also where its boundary follows the head at once', async () => {
    expect(await readForm(formOf([file('')]))).toBe('the file ');
    const [head = ''] = file('').head;
    const short = `--${BOUNDARY}\r\n${head}\r\n\r\n--${BOUNDARY}--`;
    expect(await readForm(short)).toBe('the file ');
  });

  test('stands between a preamble and an epilogue, which may look like parts', async () => {
    const parts = [file('it')];
    const preamble = `--${BOUNDARY.slice(0, -1)}\r\nContent-Disposition: form-data; name="upload_file"`;
    const epilogue = `\r\n--${BOUNDARY}\r\n\r\nno\r\n--${BOUNDARY}x`;
    expect(await readForm(formOf(parts, { preamble, epilogue }))).toBe('the file it');
    expect(await readForm(formOf(parts, { padding: ' \t ', epilogue: '' }))).toBe('the file it');
  });

  test.each([
    '\r\n',
    '\r\n\r\n',
    '\r',
    '\n',
    `\r\n--${BOUNDARY.slice(0, -1)}`,
    `\n--${BOUNDARY}--`,
  ])('keeps its own line ends and what nearly is a boundary: %j', async (end) => {
    const content = `${end}a${end}b${end}`;
    expect(await readForm(formOf([file(content)]))).toBe(`the file ${content}`);
    // Not at the beginning of a line it is no boundary either.
    expect(await readForm(formOf([file(`a--${BOUNDARY}--${end}`)]))).toBe(
      `the file a--${BOUNDARY}--${end}`,
    );
  });
});

describe('pieces of any size', () => {
  const random = new SeededRandom(11);
  const near = [
    '\r',
    '\n',
    '\r\n',
    '--',
    `\r\n--${BOUNDARY.slice(0, 5)}`,
    `\r\n--${BOUNDARY.slice(0, -1)}`,
    `\r\n-${BOUNDARY}`,
    `\n--${BOUNDARY}`,
    `\r--${BOUNDARY}`,
    `\r\n${BOUNDARY}`,
    `--${BOUNDARY}--`,
    '\r\n\r\n--',
  ];
  const content = () =>
    Buffer.concat(
      Array.from({ length: random.below(12) }, () =>
        random.chance(0.6)
          ? Buffer.from(near[random.below(near.length)] ?? '')
          : random.bytes(random.below(60)),
      ),
    );
  const isClean = (bytes: Buffer) =>
    !`\r\n${bytes.toString('latin1')}`.includes(`\r\n--${BOUNDARY}`);
  const cleanContent = (): Buffer => {
    for (;;) {
      const bytes = content();
      if (isClean(bytes)) return bytes;
    }
  };

  test('carry any content', async () => {
    for (let round = 0; round < 3000; round++) {
      const bytes = cleanContent();
      const others = () =>
        Array.from({ length: random.below(3) }, () => field(cleanContent(), 'other'));
      const parts = [...others(), file(bytes), ...others()];
      const form = formOf(parts, { preamble: random.chance(0.3) ? 'any\r\n--text' : '' });
      const pieces = cutAtRandom(form, random);
      const isLater = random.chance(0.2) ? () => random.chance(0.5) : () => false;
      expect(await read(new Pieces(pieces, { isLater }))).toBe(
        `the file ${bytes.toString('latin1')}`,
      );
    }
  });

  test('that end before the form does are a broken file, never a shorter one', async () => {
    for (let round = 0; round < 1500; round++) {
      const form = formOf([file(cleanContent()), field('1')], { epilogue: '' });
      const cut = random.below(form.length);
      const broken = random.chance(0.5) ? 'gone' : undefined;
      const pieces = cutAtRandom(form.subarray(0, cut), random);
      const said = await read(new Pieces(pieces, { broken }));
      const wrong = ['broken: malformed', 'the form ends before its last boundary'];
      expect(broken === undefined ? wrong : ['broken: gone']).toContain(said);
    }
  });

  test('a hundred thousand of them need no stack', async () => {
    const bytes = Buffer.alloc(100_000, 'x\r');
    const form = formOf([field(bytes), file(bytes), field(bytes)]);
    const pieces = [...form].map((byte) => Buffer.of(byte));
    expect(await read(new Pieces(pieces))).toBe(`the file ${bytes.toString('latin1')}`);
  });
});

test('no piece is asked for before the reader of the file wants one', async () => {
  const form = formOf([file('x'.repeat(1000))]);
  const begin = form.indexOf('xxx');
  const pieces = [form.subarray(0, begin + 10), form.subarray(begin + 10, 600), form.subarray(600)];
  const body = new Pieces(pieces);
  const opened = await open(body);
  if (opened.kind !== 'file') throw new Error('it has one');
  expect(body.asked).toBe(1);
  const came: number[] = [];
  opened.content.read((part) => came.push(part.kind === 'bytes' ? part.bytes.length : -1));
  expect([came, body.asked]).toEqual([[10], 1]);
  opened.content.read((part) => came.push(part.kind === 'bytes' ? part.bytes.length : -1));
  expect([came.length, body.asked]).toEqual([2, 2]);
  opened.content.discard();
  expect(body.isDiscarded).toBe(true);
});

describe('no form, or none with a file', () => {
  const head = file('').head.join('\r\n');

  test.each<readonly [string, string, string]>([
    ['nothing', '', 'the form ends before its last boundary'],
    ['plain text', 'any text', 'the form ends before its last boundary'],
    ['another boundary', '--x\r\n\r\n\r\n--x--', 'the form ends before its last boundary'],
    ['no part', `--${BOUNDARY}--`, 'the form has no part upload_file'],
    [
      'line feeds alone',
      `--${BOUNDARY}\n${head}\n\nit\n--${BOUNDARY}--\n`,
      'the form has a boundary with something behind it',
    ],
    [
      'a boundary with more',
      `--${BOUNDARY}x\r\n`,
      'the form has a boundary with something behind it',
    ],
    ['a half end', `--${BOUNDARY}-\r\n`, 'the form has a boundary with something behind it'],
    [
      'endless padding',
      `--${BOUNDARY}${' '.repeat(300)}`,
      'the form has a boundary with something behind it',
    ],
    [
      'an endless head',
      `--${BOUNDARY}\r\nX: ${'x'.repeat(9000)}`,
      'the form has a part with too long a head: 8192 bytes are the most',
    ],
    [
      'a long head',
      `--${BOUNDARY}\r\nX: ${'x'.repeat(9000)}\r\n\r\n`,
      'the form has a part with too long a head: 8192 bytes are the most',
    ],
    [
      'base64',
      `--${BOUNDARY}\r\n${head}\r\nContent-Transfer-Encoding: base64\r\n\r\naXQ=\r\n--${BOUNDARY}--`,
      'the file in the form has a Content-Transfer-Encoding',
    ],
  ])('%s', async (_, form, detail) => {
    expect(await readForm(form)).toBe(detail);
  });

  test('fields alone', async () => {
    const form = formOf([field('1'), field('2', 'upload_files')]);
    expect(await readForm(form)).toBe('the form has no part upload_file');
  });

  test('more parts than any form has', async () => {
    const form = formOf(Array.from({ length: 1001 }, () => field('')));
    expect(await readForm(form)).toBe('the form has more than 1000 parts');
  });

  test('a boundary behind the file that is none', async () => {
    const form = formOf([file('it')])
      .toString()
      .replace(`${BOUNDARY}--`, `${BOUNDARY}==`);
    expect(await readForm(form)).toBe('broken: malformed');
  });
});

test('a body that breaks off breaks the file off for the same reason', async () => {
  const form = formOf([file('x'.repeat(100))]);
  for (const why of ['gone', 'slow', 'too-large', 'failed'] as const) {
    for (const cut of [10, form.indexOf('xxx') + 50, form.length - 2]) {
      const body = new Pieces([form.subarray(0, cut)], { broken: why });
      expect(await read(body)).toBe(`broken: ${why}`);
    }
  }
});
