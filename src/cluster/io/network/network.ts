// Implements the port Network, calls and links to other nodes, with undici. The deadline of a call is kept here:
// undici's own timeouts are coarse backstops.

import type { Socket } from 'node:net';

import {
  CHUNK_RECORD_BYTES,
  CONTROL_BYTES_MAX,
  STORED_KEY_BYTES_MAX,
  VALUE_BYTES_MAX_CEILING,
} from '../../model/limits.ts';
import { RECORD_OVERHEAD_BYTES_MAX } from '../../model/record.ts';
import type { CallOutcome, ControlCall, LinkHello, Network } from '../../ports.ts';
import { encodeMessage } from '../../wire/map-json.ts';
import {
  CHANGES_STREAM,
  CONTROL_STREAM,
  OPERATION_STREAM,
  type StreamProtocol,
} from '../../wire/streams.ts';
import { dispatch } from './http-pool.ts';
import { SocketLink } from './link.ts';
import { Names } from './names.ts';
import { Agent, Client } from './undici.ts';

/** How many requests with streamed bodies may be under way to one node; more of them wait. */
const STREAMED_REQUESTS_MAX = 256;
/** Node's timers count whole milliseconds of their own, so one may fire this much too early. */
const TIMER_EARLY_MS = 1;
/** Below the time after which any server closes an idle connection (H19). */
const KEEP_ALIVE_MS = 4000;
export const LINK_HEADERS = {
  cluster: 'x-fog-cluster',
  node: 'x-fog-node',
  incarnation: 'x-fog-incarnation',
  timeScale: 'x-fog-time-scale',
} as const;
/** Bounds the fields of an operation or answer other than its records, a key included. */
const OPERATION_HEAD_BYTES_MAX = 64 + STORED_KEY_BYTES_MAX;

export function linkMessageBytesMax(valueBytesMax: number): number {
  // A copy is answered with records until its size is reached, so the last of them may exceed it.
  const recordBytesMax = valueBytesMax + RECORD_OVERHEAD_BYTES_MAX;
  return recordBytesMax + CHUNK_RECORD_BYTES + OPERATION_HEAD_BYTES_MAX;
}

export function openNetwork({ lookup } = new Names()): Network {
  const agent = new Agent({
    connections: 4,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Overrides a longer time in a server's Keep-Alive header (H19).
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: { timeout: 5000, lookup },
  });

  // Apart from the agent of the calls: what is small must not wait for connections on which files stream.
  const streams = new Agent({
    connections: STREAMED_REQUESTS_MAX,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: 5000, lookup },
  });

  async function exchange(call: ControlCall, signal: AbortSignal): Promise<CallOutcome> {
    const response = await agent.request({
      origin: `http://${call.address}`,
      path: call.path,
      method: call.method,
      signal,
      ...(call.message === undefined
        ? {}
        : {
            headers: { 'content-type': 'application/json' },
            body: encodeMessage(call.message),
          }),
    });
    const length = Number(response.headers['content-length'] ?? 0);
    if (length > CONTROL_BYTES_MAX) {
      await response.body.dump();
      return { kind: 'failed', detail: `an answer of ${length} bytes` };
    }
    const text = await response.body.text();
    return { kind: 'answered', status: response.statusCode, message: parseJson(text) };
  }

  return {
    call(call, callback) {
      const deadline = new AbortController();
      // A process that was not scheduled for a while has answers in its sockets. They are read, in the next phase of
      // the event loop, before the call fails.
      const giveUp = () => {
        const detail = `no answer within ${call.timeoutMs} ms`;
        deadline.abort(new Error(detail));
        // While a name is looked up the request has no connection, and undici does not abort it yet.
        done({ kind: 'failed', detail });
      };
      const timer = setTimeout(() => setImmediate(giveUp), call.timeoutMs + TIMER_EARLY_MS);
      timer.unref();
      let isDone = false;
      const done = (outcome: CallOutcome) => {
        if (isDone) return;
        isDone = true;
        clearTimeout(timer);
        callback(outcome);
      };
      exchange(call, deadline.signal).then(done, (error: unknown) =>
        done({ kind: 'failed', detail: describe(error) }),
      );
    },
    open(address, hello, events) {
      const protocol = STREAMS[hello.purpose];
      const link = new SocketLink('asks', messageBytesMax(hello));
      // A Client of its own, because its connection carries this one stream, and ends with it.
      const client = new Client(`http://${address}`, { connect: { timeout: 5000, lookup } });
      link.listen({
        ...events,
        received: (id, message) => events.received(id, message),
        closed: (reason, opened) => {
          // Needed without an upgrade too: a stopped process still accepts connections, one more for each attempt.
          client.destroy().catch(() => undefined);
          events.closed(reason, opened);
        },
      });
      client
        .upgrade({ path: protocol.path, protocol: protocol.name, headers: headersOf(hello) })
        .then(
          ({ socket }) => link.attach(socket as Socket, Buffer.alloc(0)),
          (error: unknown) => link.close(whyNoStream(error, protocol)),
        );
      return link;
    },
    request(address, request, events) {
      return dispatch(streams, `http://${address}`, request, events);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The protocol of each purpose that a stream has. */
export const STREAMS: Readonly<Record<LinkHello['purpose'], StreamProtocol>> = {
  operations: OPERATION_STREAM,
  changes: CHANGES_STREAM,
  control: CONTROL_STREAM,
};

function messageBytesMax({ purpose }: LinkHello): number {
  return purpose === 'control' ? CONTROL_BYTES_MAX : linkMessageBytesMax(VALUE_BYTES_MAX_CEILING);
}

function headersOf(hello: LinkHello): Record<string, string> {
  if (hello.purpose === 'control') return {};
  return {
    [LINK_HEADERS.cluster]: hello.cluster,
    [LINK_HEADERS.node]: hello.node,
    [LINK_HEADERS.incarnation]: String(hello.incarnation),
    [LINK_HEADERS.timeScale]: String(hello.timeScale),
  };
}

/** For every answer but 101 undici reports only this message, without the text of the refusal. */
function whyNoStream(error: unknown, { name }: StreamProtocol): string {
  return error instanceof Error && error.message === 'bad upgrade'
    ? `no stream ${name} there: it is another node or incarnation, or no process of this version of velour-fog`
    : describe(error);
}

/** undici wraps errors in AggregateErrors and causes; the code is added because people search for it. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  const inner = error instanceof AggregateError ? error.errors.map(describe).join('; ') : '';
  const message = error.message || inner || error.name;
  return code === undefined || message.includes(code) ? message : `${message} ${code}`;
}
