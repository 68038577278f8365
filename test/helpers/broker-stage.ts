// A broker over files in memory, which a test asks by its routes, and uploads that tests do in place of file servers.

import { expect } from 'vitest';
import { bytesStream } from '../../src/cluster/http/byte-stream.ts';
import { type HttpReply, isWhole, replyHeader } from '../../src/cluster/http/http.ts';
import { Metrics } from '../../src/cluster/http/metrics.ts';
import { Routes } from '../../src/cluster/http/routes.ts';
import { etagOf, printETag } from '../../src/cluster/model/condition.ts';
import type { Address, NodeId } from '../../src/cluster/model/identity.ts';
import type { Runtime } from '../../src/cluster/ports.ts';
import { directoryFileKey, type FileKey } from '../../src/files/file-key.ts';
import type { Ticket, WriteTicket } from '../../src/files/tickets/ticket.ts';
import { BrokerInterface } from '../../src/frontend/gateways/broker/broker-interface.ts';
import { DEFAULT_CONFIG } from '../../src/frontend/gateways/broker/config/broker-config.ts';
import { readBrokerConfig } from '../../src/frontend/gateways/broker/config/read-config.ts';
import { DavGateway } from '../../src/frontend/gateways/dav/dav.ts';
import type { GatewayContext } from '../../src/frontend/gateways/gateway.ts';
import { bytesOf, requestOf } from '../../src/simulation/requests.ts';
import { MemoryFileLayer } from './memory-file-layer.ts';
import { readAll } from './pieces.ts';

type Headers = Readonly<Record<string, string>>;

export function configOf(text: string) {
  const read = readBrokerConfig(text);
  if (read.kind === 'wrong') throw new Error(read.problems[0]?.message);
  return read.config;
}

export class BrokerStage {
  readonly files = new MemoryFileLayer();
  readonly broker: BrokerInterface;
  nowMs = Date.UTC(2024, 1, 29, 12);
  #tokens = 0;

  constructor(config = DEFAULT_CONFIG) {
    this.files.locations = ['a', 'b'].map((name) => ({
      id: name as NodeId,
      publicAddress: `${name}.example:80` as Address,
    }));
    const clock = { wallMs: () => this.nowMs, monotonicMs: () => this.nowMs };
    const random = { token: () => (++this.#tokens).toString(16).padStart(32, '0') };
    const after = (_ms: number, run: () => void) => {
      run();
      return () => undefined;
    };
    const timers = { after };
    const metrics = new Metrics();
    const usage = () => ({ uptimeSeconds: 0, userCpuSeconds: 0, systemCpuSeconds: 0 });
    const runtime = { host: { usage }, clock } as unknown as Runtime;
    const { files } = this;
    const dav = new DavGateway({ files, clock, random, timers } as unknown as GatewayContext);
    const routes = new Routes('frontend', runtime, new Metrics());
    const davParts = { files, clock, random, timers };
    this.broker = new BrokerInterface(
      runtime,
      {
        rules: { current: config, problem: undefined, fileProblem: undefined },
        dav,
        davParts,
        routes,
        metrics,
        workerGroup: undefined,
      },
      { address: '127.0.0.1:12280' as Address, configFile: undefined },
    );
  }

  ask(method: string, target: string, headers: Headers = {}, content = ''): HttpReply {
    const replies: HttpReply[] = [];
    const bytes = Buffer.from(content);
    const isStreamed = this.broker.traits({ method, target }).body.kind === 'streamed';
    const body = isStreamed
      ? ({ kind: 'stream', stream: bytesStream(bytes) } as const)
      : ({ kind: 'bytes', bytes } as const);
    const request = requestOf(method, target, body, { host: 'h:1', ...headers });
    this.broker.handle(request, (reply) => replies.push(reply));
    const [reply, ...others] = replies;
    if (reply === undefined || others.length > 0) throw new Error('it is answered once');
    return reply;
  }

  did(method: string, target: string, headers: Headers = {}, content = ''): string {
    const reply = this.ask(method, target, headers, content);
    const code = replyHeader(reply, 'x-fog-error');
    return code === undefined ? `${reply.status}` : `${reply.status} ${code}`;
  }

  /** What an upload does at a file server. */
  upload(ticket: WriteTicket, content: string): void {
    const file = this.files.keep(ticket.key, Buffer.from(content), { inlineMax: 0 });
    const { manifest } = file;
    const { size, md5, sha512 } = manifest;
    const blob = manifest.kind === 'blob' ? manifest.blob : undefined;
    const use = {
      key: ticket.key,
      blob,
      size,
      md5,
      sha512,
      record: printETag(etagOf(file.record)),
    };
    this.files.tickets.states.set(ticket.id, { kind: 'stored', use });
  }

  /** @returns the ticket that a redirect has */
  issued(target: string, headers: Headers = {}, method = 'PUT') {
    const reply = this.ask(method, target, headers);
    expect(reply.status).toBe(307);
    const told = JSON.parse(textOf(reply));
    const ticket = this.opened(told.ticket);
    if (ticket.purpose !== 'write') throw new Error('it is for reading');
    return { told, token: told.ticket as string, ticket };
  }

  opened(token: string): Ticket {
    const tickets: Ticket[] = [];
    this.files.tickets.open(token, (outcome) => {
      if (outcome.kind !== 'forged') tickets.push(outcome.ticket);
    });
    const [ticket] = tickets;
    if (ticket === undefined) throw new Error('it is forged');
    return ticket;
  }
}

export function textOf(reply: HttpReply): string {
  if (!isWhole(reply)) throw new Error('it is a stream');
  return bytesOf(reply).toString();
}

export async function contentOf(reply: HttpReply): Promise<string> {
  return isWhole(reply) ? textOf(reply) : (await readAll(reply.body)).bytes.toString();
}

export function keyOf(path: string, domain = 'default'): FileKey {
  const end = path.lastIndexOf('/');
  const directory = Buffer.from(path.slice(0, Math.max(0, end)));
  const key = directoryFileKey(domain, directory, Buffer.from(path.slice(end + 1)));
  if (key === undefined) throw new Error('it is no path');
  return key;
}
