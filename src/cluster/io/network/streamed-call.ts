// One HTTP call whose body and answer may be of any length: both are streams that wait for their slower end. The
// calls of keys, which are short and many, go over http-pool.ts.

import type { Readable } from 'node:stream';
import { Client } from './undici.ts';

const CONNECT_MS = 5000;

export interface StreamedRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable | undefined;
  /** How long nothing may come while more is waited for, in ms; 0 for any time. */
  readonly silenceMs: number;
}

export interface StreamedAnswer {
  readonly status: number;
  /** By names in lower case; undefined where the answer has none of that name. */
  header(name: string): string | undefined;
  /** Read once. It throws where the connection breaks. */
  readonly body: AsyncIterable<Buffer>;
  /** Closes the connection, whatever of the answer was not read. */
  close(): void;
}

/** @throws whatever undici throws where no answer begins */
export async function callStreamed(
  origin: string,
  { method, path, headers, body, silenceMs }: StreamedRequest,
): Promise<StreamedAnswer> {
  const client = new Client(origin, {
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    connect: { timeout: CONNECT_MS },
  });
  const close = () => {
    client.destroy().catch(() => undefined);
  };
  try {
    const answer = await client.request({ method, path, headers, body: body ?? null });
    return {
      status: answer.statusCode,
      header(name) {
        const value = answer.headers[name];
        return typeof value === 'object' ? value.join(', ') : value;
      },
      body: answer.body as AsyncIterable<Buffer>,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
