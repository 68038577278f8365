// A plain HTTP client for tests: one call, one answer, bytes as they are, nothing retried.

import { Agent, Pool, request } from 'undici';

/** A stopped process answers nothing; whoever asks it asks again. */
const KNOCK_MS = 30_000;

const agent = new Agent({ connections: 64, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

/** Where a process is reached: at its address, or through a relay that listens on a Unix socket. */
export interface Door {
  readonly address: string;
  readonly socketPath?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
}

export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD' | 'PATCH' | 'OPTIONS' | 'LOCK';
  readonly body?: Buffer | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function call(
  address: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  const response = await request(`http://${address}${path}`, {
    dispatcher: agent,
    method: options.method ?? 'GET',
    ...(options.body === undefined ? {} : { body: options.body }),
    ...(options.headers === undefined ? {} : { headers: options.headers }),
  });
  const bytes = Buffer.from(await response.body.arrayBuffer());
  return { status: response.statusCode, headers: response.headers, bytes, text: bytes.toString() };
}

/** A call on a connection of its own, for processes that are reached through a door. */
export async function knock(door: Door, path: string): Promise<Answer> {
  const once = openPool(door, 1, KNOCK_MS);
  try {
    const response = await once.request({ method: 'GET', path });
    const bytes = Buffer.from(await response.body.arrayBuffer());
    const { statusCode: status, headers } = response;
    return { status, headers, bytes, text: bytes.toString() };
  } finally {
    await once.destroy();
  }
}

/** @param timeoutMs after which a silent connection is given up; its request then has no answer */
export function openPool(door: Door, connections: number, timeoutMs: number): Pool {
  const { address, socketPath } = door;
  return new Pool(`http://${address}`, {
    connections,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: timeoutMs, ...(socketPath === undefined ? {} : { socketPath }) },
  });
}

export function set(address: string, key: string, value: Buffer | string): Promise<Answer> {
  return call(address, `/set?key=${encodeURIComponent(key)}`, { method: 'POST', body: value });
}

export function get(address: string, key: string): Promise<Answer> {
  return call(address, `/get?key=${encodeURIComponent(key)}`);
}

/** Runs the tasks with so many at once. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  task: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      const item = items[index];
      if (item !== undefined) await task(item, index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
