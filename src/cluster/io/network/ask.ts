// Asks a node one question by plain HTTP, and accepts any text as the answer: for tools that inspect a cluster
// without being a part of it.

import { get } from 'node:http';
import { ROLE_HEADER } from '../../http/http.ts';
import { type Address, parseAddress } from '../../model/identity.ts';
import { CONTROL_BYTES_MAX } from '../../model/limits.ts';
import type { Names } from './names.ts';

export type AskOutcome =
  | {
      readonly kind: 'told';
      readonly status: number;
      readonly text: string;
      /** Whose port it is, where others must not take it for that of another role. */
      readonly role: string | undefined;
    }
  | Silence;

export interface Silence {
  readonly kind: 'silent';
  /**
   * `closed`: nothing listens there; `mute`: it accepts connections, and gives no whole answer; `unreachable`: the
   * rest.
   */
  readonly how: 'closed' | 'mute' | 'unreachable';
  readonly why: string;
}

export interface Question {
  readonly address: Address;
  readonly path: string;
  readonly timeoutMs: number;
}

/** @returns within `timeoutMs` the answer, or why there is none; the promise never rejects */
export function ask({ address, path, timeoutMs }: Question, names: Names): Promise<AskOutcome> {
  const { host = '', port = 0 } = parseAddress(address) ?? {};
  return new Promise((resolve) => {
    const end = (told: AskOutcome) => {
      clearTimeout(timer);
      resolve(told);
      request.destroy();
    };
    let isConnected = false;
    const silent = (why: string) => {
      const how = isConnected ? 'mute' : why === 'ECONNREFUSED' ? 'closed' : 'unreachable';
      end({ kind: 'silent', how, why });
    };
    // Uses a connection of its own, which ends with the answer.
    const request = get({ host, port, path, agent: false, lookup: names.lookup }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > CONTROL_BYTES_MAX) silent(`an answer of over ${CONTROL_BYTES_MAX} bytes`);
      });
      response.on('error', (error) => silent(codeOf(error)));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const role = response.headers[ROLE_HEADER]?.toString();
        end({ kind: 'told', status: response.statusCode ?? 0, text, role });
      });
    });
    const timer = setTimeout(() => silent(`no answer within ${timeoutMs} ms`), timeoutMs);
    request.on('socket', (socket) => {
      socket.once('connect', () => {
        isConnected = true;
      });
    });
    request.on('error', (error) => silent(codeOf(error)));
  });
}

function codeOf(error: NodeJS.ErrnoException): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return error.code ?? (first as NodeJS.ErrnoException | undefined)?.code ?? error.message;
}
