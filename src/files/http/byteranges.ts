// Several ranges of a file as one body (multipart/byteranges, RFC 9110, 14.6): each is opened when those before it have been
// read, so that memory holds one piece whatever is asked for.

import { type BytePart, type ByteStream, bytesStream } from '../../cluster/http/byte-stream.ts';
import type { HttpReply } from '../../cluster/http/http.ts';
import type { ByteRange, FileLayer, FileVersion } from '../outcomes.ts';

export type OpensFiles = Pick<FileLayer, 'open'>;
/** What a file has, of whatever record. */
export type AnsweredFile = Pick<FileVersion, 'manifest'>;
export type ReplyHead = Pick<HttpReply, 'status' | 'headers'>;

/** 128 bits of the SHA-512. */
const BOUNDARY_DIGITS = 32;

/** As Content-Range has it. @param size of the whole file */
export function rangeText({ first, last }: ByteRange, size: number): string {
  return `bytes ${first}-${last}/${size}`;
}

/**
 * The digest of the content is in the boundary, and no content has its own digest.
 * @param opened the first range, whose bytes are there; the others are opened when it is their turn
 */
export function partsReply(
  files: OpensFiles,
  file: AnsweredFile,
  { status, headers }: ReplyHead,
  opened: {
    readonly body: ByteStream;
    readonly range: ByteRange;
    readonly others: readonly ByteRange[];
  },
): HttpReply {
  const { 'content-type': contentType = '', ...otherHeaders } = headers;
  const boundary = `velour-${file.manifest.sha512.slice(0, BOUNDARY_DIGITS)}`;
  const section = (range: ByteRange, content: Section): readonly Section[] => {
    const head = [
      `--${boundary}`,
      `Content-Type: ${contentType}`,
      `Content-Range: ${rangeText(range, file.manifest.size)}`,
    ];
    return [textSection(`${head.join('\r\n')}\r\n\r\n`), content, textSection('\r\n')];
  };
  const lengthOf = ({ first, last }: ByteRange) => last - first + 1;
  const { body, range, others } = opened;
  const sections = [
    ...section(range, { length: lengthOf(range), open: (callback) => callback(body) }),
    ...others.flatMap((other) =>
      section(other, {
        length: lengthOf(other),
        open: (callback) =>
          files.open(file, other, (outcome) =>
            callback(outcome.kind === 'open' ? outcome.body : undefined),
          ),
      }),
    ),
    textSection(`--${boundary}--\r\n`),
  ];
  return {
    status,
    headers: { ...otherHeaders, 'content-type': `multipart/byteranges; boundary=${boundary}` },
    body: new Sections(sections, body),
  };
}

interface Section {
  readonly length: number;
  /** @param callback called exactly once; with undefined where nobody can give the content */
  open(callback: (body: ByteStream | undefined) => void): void;
}

function textSection(text: string): Section {
  const bytes = Buffer.from(text, 'latin1');
  return { length: bytes.length, open: (callback) => callback(bytesStream(bytes)) };
}

/** Several bodies one behind the other; each is opened when those before it have been read. */
class Sections implements ByteStream {
  readonly length: number;
  /** Those that were not opened yet. */
  readonly #sections: Section[];
  readonly #opened: ByteStream;
  #current: ByteStream | undefined;
  #isOver = false;

  /** @param opened one of them that was opened beforehand */
  constructor(sections: readonly Section[], opened: ByteStream) {
    this.#opened = opened;
    this.length = sections.reduce((sum, { length }) => sum + length, 0);
    this.#sections = [...sections];
  }

  read(callback: (part: BytePart) => void): void {
    if (this.#current === undefined) return this.#open(callback);
    return this.#current.read((part) => {
      if (part.kind !== 'end') return callback(part);
      this.#current = undefined;
      return this.#open(callback);
    });
  }

  discard(): void {
    this.#isOver = true;
    this.#sections.length = 0;
    this.#opened.discard();
    this.#current?.discard();
  }

  #open(callback: (part: BytePart) => void): void {
    const section = this.#sections.shift();
    if (section === undefined) return callback({ kind: 'end' });
    return section.open((body) => {
      if (this.#isOver) return body?.discard();
      if (body === undefined) return callback({ kind: 'broken', why: 'failed' });
      this.#current = body;
      return this.read(callback);
    });
  }
}
