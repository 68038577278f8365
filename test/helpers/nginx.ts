// A real nginx for a test, where one is installed: its files are in a folder of its own, and it ends with the test.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './cluster.ts';

const HOST = '127.0.0.1';

export interface Nginx {
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** @param version the beginning of the one that is wanted; any by default */
export function isNginxHere(version = ''): boolean {
  const told = spawnSync('nginx', ['-v']).stderr as Buffer | undefined;
  return told?.toString().includes(`nginx/${version}`) ?? false;
}

/** @param server what stands in the block of its one server, beside `listen` */
export async function startNginx(server: string): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'velour-nginx-'));
  const [port = 0] = await freePorts(1);
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = paths.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
     http { access_log off; ${temporary} server { listen ${HOST}:${port}; ${server} } }`,
  );
  const child: ChildProcess = spawn('nginx', ['-p', folder, '-c', file], { stdio: 'ignore' });
  while (!existsSync(join(folder, 'pid'))) {
    if (child.exitCode !== null) throw new Error(readFileSync(join(folder, 'error.log'), 'utf8'));
    await new Promise((next) => setTimeout(next, 10));
  }
  return {
    address: `${HOST}:${port}`,
    port,
    async stop() {
      child.kill();
      await once(child, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}
