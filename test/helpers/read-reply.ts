// Asks a simulated frontend, and reads the reply whether it is whole or comes piece by piece.

import type { ByteStream } from '../../src/cluster/http/byte-stream.ts';
import {
  type HttpReply,
  type HttpRequest,
  isWhole,
  replyHeader,
} from '../../src/cluster/http/http.ts';
import type { SimulatedNode } from '../../src/simulation/node.ts';

export class ReadReply {
  status: number | undefined;
  error: string | undefined;
  contentType: string | undefined;
  /** What has come of the body. */
  text = '';
  /** How the body ended; undefined while more is to come. */
  end: 'end' | 'broken' | undefined;
  parts = 0;
  #stream: ByteStream | undefined;

  /** @param between called before each further part is asked for; the part is asked for when it calls back */
  constructor(
    node: SimulatedNode,
    request: HttpRequest,
    between: (goOn: () => void) => void = (goOn) => goOn(),
  ) {
    node.request(request, (reply) => this.#replied(reply, between));
  }

  get isOver(): boolean {
    return this.end !== undefined;
  }

  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1);
  }

  /** The lines as JSON; undefined for one that is not. */
  get json(): readonly Readonly<Record<string, unknown>>[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  discard(): void {
    this.#stream?.discard();
  }

  #replied(reply: HttpReply, between: (goOn: () => void) => void): void {
    this.status = reply.status;
    this.error = replyHeader(reply, 'x-fog-error');
    this.contentType = replyHeader(reply, 'content-type');
    if (isWhole(reply)) {
      this.text = Buffer.from(reply.body).toString();
      this.end = 'end';
      return;
    }
    const { body } = reply;
    this.#stream = body;
    const read = () =>
      body.read((part) => {
        if (part.kind !== 'bytes') {
          this.end = part.kind;
          return;
        }
        this.parts++;
        this.text += part.bytes.toString();
        between(read);
      });
    read();
  }
}
