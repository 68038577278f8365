// A controller, storage nodes with data directories, and a frontend, each started by hand.

import { join } from 'node:path';
import { call } from './client.ts';
import { freePorts, type Started, velour } from './cluster.ts';

export interface Trio {
  readonly controller: string;
  readonly storages: readonly string[];
  readonly frontend: string;
  startStorage(index: number, words?: readonly string[]): Started;
}

export interface TrioSettings {
  /** Storage node `i` has its data in the directory `i` of this one. */
  readonly directory: string;
  readonly storages: number;
  /** Of storage nodes. */
  readonly words?: readonly string[];
  /** Of all protocol times: for what must be over before a silent node is removed. */
  readonly timeScale?: number;
  readonly cleanUps: (() => unknown)[];
}

export async function startTrio(settings: TrioSettings): Promise<Trio> {
  const { directory, storages, words = [], timeScale = 1, cleanUps } = settings;
  const [controllerPort = 0, frontendPort = 0, ...storagePorts] = await freePorts(2 + storages);
  const controller = `127.0.0.1:${controllerPort}`;
  const start = (line: readonly string[]) => {
    const started = velour([...line, '--time-scale', String(timeScale)]);
    cleanUps.push(() => started.stop('SIGKILL'));
    return started;
  };
  start([
    'controller',
    String(controllerPort),
    String(storages),
    String(storages),
    '--host',
    '127.0.0.1',
  ]);
  const frontend = `127.0.0.1:${frontendPort}`;
  start(['frontend', controller, frontend]);
  return {
    controller,
    frontend,
    storages: storagePorts.map((port) => `127.0.0.1:${port}`),
    startStorage: (index, more = words) =>
      start([
        'storage',
        controller,
        `127.0.0.1:${storagePorts[index]}`,
        '--data-dir',
        join(directory, String(index)),
        ...more,
      ]),
  };
}

export async function ready(address: string): Promise<boolean> {
  return (await call(address, '/readyz').catch(() => undefined))?.status === 200;
}
