// Whose turn it is at a file server: clients at its door, and the cluster's own reads, do not wait for each other. And who takes no
// upload yet.

import { expect, test } from 'vitest';
import { type HttpReply, isWhole, replyHeader } from '../../../src/cluster/http/http.ts';
import { Metrics } from '../../../src/cluster/http/metrics.ts';
import { Routes } from '../../../src/cluster/http/routes.ts';
import type { ClusterClock } from '../../../src/cluster/model/cluster-clock.ts';
import type { Runtime } from '../../../src/cluster/ports.ts';
import type { ClusterFiles } from '../../../src/files/cluster-files.ts';
import { BlobServer, type OpenedStore } from '../../../src/fileserver/blob-server.ts';
import { Door } from '../../../src/fileserver/door/door.ts';
import type { BlobSource } from '../../../src/fileserver/downloads/blob-source.ts';
import { ReadHandlers } from '../../../src/fileserver/downloads/read-handlers.ts';
import { requestOf } from '../../../src/simulation/requests.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const BLOB = '0198c0de000000112233445566778899';
/** More than there are slots of any kind. */
const MANY = 1000;

function serving(opened?: OpenedStore) {
  const time = new VirtualTime();
  const server = new BlobServer({
    timers: time,
    scale: 1,
    opened: () => opened,
    whyNot: () => 'its turn has come',
    map: () => undefined,
    check: () => undefined,
  });
  const ticket = { purpose: 'read' };
  const tickets = {
    records: undefined,
    open: (_token: string, callback: (opened: unknown) => void) =>
      callback({ kind: 'valid', ticket }),
  };
  const files = { tickets } as unknown as ClusterFiles;
  const source = undefined as unknown as BlobSource;
  const clock = { isKnown: true } as ClusterClock;
  const host = {
    usage: () => ({ uptimeSeconds: 0, userCpuSeconds: 0, systemCpuSeconds: 0 }),
  };
  const routes = new Routes(
    'fileserver',
    { host, clock: time } as unknown as Runtime,
    new Metrics(),
  );
  const inMap = { is: true };
  const measured = <T>(_name: string, handler: T) => handler;
  const isInMap = () => inMap.is;
  new Door(server, files, source, { clock, timers: time, isInMap }).addTo(routes, measured);
  new ReadHandlers(server, { list: () => undefined } as never, source).addTo(routes, measured);
  const answered = (method: string, path: string) => {
    const replies: HttpReply[] = [];
    routes.handle(requestOf(method, path, { kind: 'none' }, { host: 'h:1' }), (reply) =>
      replies.push(reply),
    );
    const [reply] = replies;
    return reply && isWhole(reply) ? reply : undefined;
  };
  return {
    server,
    inMap,
    answered,
    /** @returns what is answered at once, in a turn that has come; undefined for one who waits */
    ask: (path: string): string | undefined => {
      const reply = answered('GET', path);
      return reply && replyHeader(reply, 'x-fog-error');
    },
  };
}

test.each([
  ['clients with tickets', 'gateways and copies', 'ticketDownloads', `/blobs/${BLOB}`, '/t/a/b'],
  ['gateways and copies', 'clients with tickets', 'downloads', '/t/a/b', `/blobs/${BLOB}`],
] as const)('%s that read nothing keep no slot from %s', (_who, _others, slots, path, own) => {
  const { server, ask } = serving();
  expect([ask(path), ask(own)]).toEqual(['not-ready', 'not-ready']);
  while (server[slots].taken < MANY && server[slots].waiting === 0) {
    server[slots].take(() => undefined);
  }
  expect([ask(path), ask(own)]).toEqual(['not-ready', undefined]);
});

test('F1: one that its own map does not have takes no upload', () => {
  const { inMap, answered } = serving({ store: {}, cluster: 'c' } as OpenedStore);
  const refusal = () => String(answered('PUT', '/t/a/b')?.body);
  inMap.is = false;
  expect(refusal()).toMatch(/the map that has this file server has not come to it yet/);
  inMap.is = true;
  expect(refusal()).toMatch(/ticket/);
});
