// A service whose bodies stream, in and out, for the tests of whatever carries them: io/server on sockets, and the
// simulator. It keeps what it saw, for the test to look at.

import { createHash } from 'node:crypto';
import type { BytePart, ByteStream } from '../../src/cluster/http/byte-stream.ts';
import { brokenBodyReply } from '../../src/cluster/http/errors.ts';
import {
  type HttpReply,
  type HttpRequest,
  queryOf,
  textReply,
} from '../../src/cluster/http/http.ts';
import type { Service } from '../../src/cluster/ports.ts';

export const PIECE_BYTES = 64 * 1024;

export class StreamingService implements Service {
  /** How each body that was read ended, in their order. */
  readonly ended: string[] = [];
  /** Of the last reply: how many pieces its producer was asked for, and whether it was told that no more are wanted. */
  asked = 0;
  discarded = false;
  /** How many pieces of all replies were released. */
  released = 0;
  /**
   * What `PUT /hold`, `PUT /refuse-later` and `/undo` wait for: to read their body, to refuse it, and to answer one that
   * broke off. `PUT /hold-midst` reads on, `GET /wait` is answered by it, whatever follows the path, and `/out?held` produces
   * its next part.
   */
  goOn: () => void = () => undefined;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  start(): void {}

  traits({ method }: Pick<HttpRequest, 'method'>) {
    const isIn = method === 'PUT';
    return {
      changes: isIn,
      body: { kind: isIn ? 'streamed' : 'whole', bytesMax: this.#bytesMax },
    } as const;
  }

  handle(request: HttpRequest, reply: (reply: HttpReply) => void): void {
    const { body, target } = request;
    if (body.kind === 'too-large') {
      if (target !== '/undo') return reply(brokenBodyReply('too-large', body.bytesMax));
      this.goOn = () => reply(brokenBodyReply('too-large', body.bytesMax));
      return undefined;
    }
    if (body.kind === 'stream') {
      if (target === '/refuse') return reply(textReply(403, 'not this one'));
      if (target === '/refuse-later') {
        this.goOn = () => reply(textReply(403, 'not this one'));
        return undefined;
      }
      if (target === '/hold-midst') {
        return body.stream.read(() => {
          this.goOn = () => this.#digest(body.stream, reply);
        });
      }
      if (target === '/hold') {
        this.goOn = () => this.#digest(body.stream, reply);
        return undefined;
      }
      if (target === '/refuse-asked') {
        body.stream.read((part) => this.ended.push(part.kind));
        return reply(textReply(403, 'not this one'));
      }
      if (target.startsWith('/out')) return this.#produce(target, reply);
      if (target === '/echo') return this.#echo(body.stream, Number.POSITIVE_INFINITY, reply);
      if (target === '/echo-first') return this.#echo(body.stream, 1, reply);
      if (target === '/undo') {
        return this.#digest(body.stream, (answer) => {
          this.goOn = () => reply(answer);
        });
      }
      return this.#digest(body.stream, reply);
    }
    if (target === '/wait') {
      this.goOn = () => reply(textReply(200, target));
      return undefined;
    }
    if (target === '/wait/out') {
      this.goOn = () => this.#produce('/out?bytes=5', reply);
      return undefined;
    }
    if (!target.startsWith('/out')) return reply(textReply(200, target));
    try {
      return this.#produce(target, reply);
    } catch {
      // As routes.ts does it.
      return reply(textReply(500, 'internal error'));
    }
  }

  accept() {
    return { refused: 'no streams here' };
  }

  drain(_options: unknown, done: () => void): void {
    done();
  }

  #produce(target: string, reply: (reply: HttpReply) => void): void {
    const query = new URLSearchParams(queryOf(target));
    const bytes = Number(query.get('bytes'));
    return reply({
      status: Number(query.get('status') ?? 200),
      headers: { 'content-type': 'application/octet-stream', 'set-cookie': ['a=1', 'b=2'] },
      body: this.#produced(bytes, {
        pieceBytes: Number(query.get('piece') ?? PIECE_BYTES),
        length: query.has('chunked') ? undefined : Number(query.get('length') ?? bytes),
        breaks: query.has('breaks'),
        held: query.has('held'),
        fails: query.has('fails'),
      }),
    });
  }

  #digest(stream: ByteStream, reply: (reply: HttpReply) => void): void {
    const hash = createHash('sha1');
    let bytes = 0;
    const take = (part: BytePart) => {
      switch (part.kind) {
        case 'bytes':
          bytes += part.bytes.length;
          hash.update(part.bytes);
          return stream.read(take);
        case 'end':
          this.ended.push(`${bytes} bytes`);
          return reply(textReply(200, `${bytes} ${hash.digest('hex')}`));
        case 'broken':
          this.ended.push(part.why);
          return reply(brokenBodyReply(part.why));
      }
    };
    stream.read(take);
  }

  /** Sends back what comes, while more of it is to come. @param piecesMax after which it ends, whatever is to come */
  #echo(stream: ByteStream, piecesMax: number, reply: (reply: HttpReply) => void): void {
    let pieces = 0;
    const read = (callback: (part: BytePart) => void) => {
      if (pieces === piecesMax) return callback({ kind: 'end' });
      return stream.read((part) => {
        if (part.kind === 'bytes') pieces++;
        else this.ended.push(part.kind === 'end' ? 'echoed' : part.why);
        callback(part);
      });
    };
    const discard = () => {
      this.discarded = true;
      stream.discard();
    };
    reply({
      status: 200,
      headers: {},
      body: { length: undefined, read, discard },
      readsRequest: true,
    });
  }

  #produced(
    bytes: number,
    {
      pieceBytes,
      length,
      breaks,
      held,
      fails,
    }: {
      readonly pieceBytes: number;
      readonly length: number | undefined;
      readonly breaks: boolean;
      readonly held: boolean;
      readonly fails: boolean;
    },
  ): ByteStream {
    let left = bytes;
    this.asked = 0;
    this.discarded = false;
    const next = (): BytePart => {
      if (left === 0) return breaks ? { kind: 'broken', why: 'failed' } : { kind: 'end' };
      const piece = Buffer.alloc(Math.min(left, pieceBytes), 'x');
      left -= piece.length;
      // Whoever reads of a piece that was released gets what nobody has produced.
      const release = () => {
        this.released++;
        piece.fill('!');
      };
      return { kind: 'bytes', bytes: piece, release };
    };
    return {
      length,
      read: (callback) => {
        this.asked++;
        if (fails && this.asked > 1) throw new Error('a bug of the producer');
        if (held) this.goOn = () => callback(next());
        else callback(next());
      },
      discard: () => {
        this.discarded = true;
      },
    };
  }
}

export function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}
