// Calls of an operator's command: to the controller that it names, and to nodes that the controller knows.

import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { Names } from '../cluster/io/network/names.ts';
import { openNetwork } from '../cluster/io/network/network.ts';
import type { Address } from '../cluster/model/identity.ts';
import { readReply } from '../cluster/peers/calls.ts';
import type { ControlCall, Network } from '../cluster/ports.ts';
import type { CheckedReply } from '../cluster/wire/control-frames.ts';
import type { ControlKind } from '../cluster/wire/control-table.ts';
import type { ControlMessage } from '../cluster/wire/map-json.ts';
import { object, type Shape } from '../cluster/wire/shapes.ts';
import { wrongController } from './named-controller.ts';
import type { Arguments } from './options.ts';

const CALL_TIMEOUT_MS = 10_000;

let network: Network | undefined;

/** @throws FatalError with the controller's reason when it refuses, or when it does not answer */
export function ask<Request extends ControlMessage, Reply>(
  words: Arguments,
  { http, reply }: ControlKind<Request, Reply>,
  message: Request,
): Promise<Reply> {
  if (http.method === 'POST') return call(words, { ...http, message }, reply);
  const parameters = Object.entries(message).filter(([, value]) => value !== undefined);
  return look(words, `${http.path}?${new URLSearchParams(parameters.map(textsOf))}`, reply);
}

/** @throws FatalError when the controller does not answer */
export function look<T>(words: Arguments, path: string, shape: Shape<T>): Promise<T> {
  return call(words, { method: 'GET', path }, shape);
}

/** Asks a file server; the promise never rejects. */
export function lookAtFileServer<T>(
  address: Address,
  path: string,
  shape: Shape<T>,
): Promise<CheckedReply<T>> {
  return checked({ address, method: 'GET', path }, shape, 'the file server');
}

/** Tells a file server to do something; the promise never rejects. */
export function tellFileServer(
  address: Address,
  path: string,
  message: ControlMessage = {},
): Promise<CheckedReply<unknown>> {
  return checked({ address, method: 'POST', path, message }, object({}), 'the file server');
}

function textsOf([name, value]: readonly [string, unknown]): [string, string] {
  return [name, String(value)];
}

async function call<T>(
  words: Arguments,
  request: Pick<ControlCall, 'method' | 'path' | 'message'>,
  shape: Shape<T>,
): Promise<T> {
  const address: Address = words.address('controller');
  const reply = await checked({ address, ...request }, shape, 'the controller');
  switch (reply.kind) {
    case 'message':
      return reply.message;
    case 'refused':
      throw new FatalError(EXIT.broken, reply.detail);
    case 'failed':
      throw (
        (await wrongController(address, new Names())) ??
        new FatalError(EXIT.unavailable, `controller ${address}: ${reply.detail}`)
      );
  }
}

function checked<T>(
  request: Omit<ControlCall, 'timeoutMs'>,
  shape: Shape<T>,
  who: string,
): Promise<CheckedReply<T>> {
  network ??= openNetwork();
  const port = network;
  return new Promise((resolve) =>
    port.call({ ...request, timeoutMs: CALL_TIMEOUT_MS }, (outcome) =>
      resolve(readReply(shape, outcome, who)),
    ),
  );
}
