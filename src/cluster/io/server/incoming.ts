// One request on a connection, as a service sees it, and with what its answer needs.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Body, HttpRequest } from '../../http/http.ts';
import type { Service } from '../../ports.ts';
import type { Connection, Turn } from './connections.ts';
import { originForm } from './request-forms.ts';

const NO_BODY: Body = { kind: 'none' };

export class Incoming implements HttpRequest, Turn {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  readonly method: string;
  readonly target: string;
  body: Body = NO_BODY;
  isAnswered = false;
  /** Takes nothing more of its body. */
  giveUp: (() => void) | undefined;
  readonly #service: Service;
  readonly run: () => void;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
    service: Service,
    run: () => void,
  ) {
    this.request = request;
    this.response = response;
    this.connection = connection;
    this.method = request.method ?? '';
    this.target = originForm(request.url ?? '');
    this.#service = service;
    this.run = run;
  }

  get isComing(): boolean {
    return this.giveUp !== undefined && !this.request.complete;
  }

  mayOverlap(): boolean {
    return !this.#service.changes(this);
  }

  get fromLoopback(): boolean {
    return isLoopback(this.request.socket.remoteAddress ?? '');
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }
}

/** IPv4's 127.0.0.0/8, also as IPv6 writes it, and ::1. */
function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
