// Both clients, on one real cluster a test file: each integration has to work with either.

import { afterAll, beforeAll } from 'vitest';
import { connect, type Velour, VelourClient } from '../../dist/client/index.js';
import { type LocalCluster, startCluster } from '../../test/helpers/cluster.ts';

// What is plugged in opens a client as its users do, who know of no `--time-scale` (test/setup.mjs).
delete process.env.VELOUR_TIME_SCALE;

export interface Clients {
  readonly cluster: LocalCluster;
  readonly http: Velour;
  readonly direct: Velour;
  /** @returns a client of its own, which is closed at the end */
  open(kind: Kind): Promise<Velour>;
}

export type Kind = 'http' | 'direct';
export const KINDS: readonly Kind[] = ['http', 'direct'];

/** @returns what is filled in before the tests run */
export function clients(): Clients {
  const filled = {} as { -readonly [Name in keyof Clients]: Clients[Name] };
  const opened: Velour[] = [];
  beforeAll(async () => {
    filled.cluster = await startCluster({ frontends: 2, storages: 3, redundancy: 2 });
    filled.open = async (kind) => {
      const { controller, frontends } = filled.cluster;
      const client =
        kind === 'http' ? new VelourClient({ frontends }) : await connect({ controller });
      opened.push(client);
      return client;
    };
    filled.http = await filled.open('http');
    filled.direct = await filled.open('direct');
  });
  afterAll(async () => {
    for (const client of opened) await client.close();
    await filled.cluster.stop();
  });
  return filled;
}

/** A client that notes what is asked of it. */
export function noting(client: Velour): {
  client: Velour;
  calls: [name: string, args: unknown[]][];
} {
  const calls: [string, unknown[]][] = [];
  const noted = new Proxy(client, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        calls.push([String(name), args]);
        return member.apply(target, args) as unknown;
      };
    },
  });
  return { client: noted, calls };
}
