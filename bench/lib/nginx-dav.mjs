// nginx with its DAV module over a directory, as its documentation has it: what keeps files by HTTP without any copies. Its workers
// are processes of their own, whose CPU time counts.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, isInstalled, NotInstalled, Process, until, versionOf } from './processes.mjs';

const HOST = '127.0.0.1';
const TICKS_PER_SECOND = 100;

export class NginxDav {
  #process;
  #directory;

  /** @param parent the directory below which it has its own, on the disk that is measured */
  static async start(parent) {
    if (!isInstalled('nginx')) throw new NotInstalled('nginx');
    const nginx = new NginxDav();
    nginx.#directory = mkdtempSync(join(parent, 'nginx-'));
    nginx.port = await freePort();
    nginx.version = versionOf('nginx', '-v');
    mkdirSync(join(nginx.#directory, 'files'));
    const conf = join(nginx.#directory, 'nginx.conf');
    writeFileSync(conf, configuration(nginx.#directory, nginx.port));
    nginx.#process = new Process('nginx', ['-c', conf, '-p', nginx.#directory]);
    await until('nginx listens', () => listens(nginx.port));
    return nginx;
  }

  pathOf(name) {
    return `/${name}`;
  }

  /** What nginx does not do before it answers: the file is on disk, and its name. */
  async sync(name) {
    const file = join(this.#directory, 'files', name);
    for (const path of [file, join(file, '..')]) {
      const handle = await open(path);
      await handle.sync();
      await handle.close();
    }
  }

  cpuSeconds() {
    const own = this.#process.pid;
    const workers = readdirSync('/proc').flatMap((pid) => {
      const fields = /^\d+$/.test(pid) ? statOf(pid) : undefined;
      return fields?.parent === own ? [fields.cpuSeconds] : [];
    });
    return workers.reduce((sum, one) => sum + one, this.#process.cpuSeconds());
  }

  async stop() {
    // Its workers go with their master, unless that is killed.
    this.#process.kill('SIGTERM');
    await this.#process.exited;
    rmSync(this.#directory, { recursive: true });
  }
}

/** A process may end while its fields are read. */
function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [, parent] = fields;
    const [utime, stime] = fields.slice(11, 13);
    const cpuSeconds = (Number(utime) + Number(stime)) / TICKS_PER_SECOND;
    return { parent: Number(parent), cpuSeconds };
  } catch {
    return undefined;
  }
}

async function listens(port) {
  return await new Promise((resolve, reject) => {
    const socket = connect(port, HOST, () => {
      socket.destroy();
      resolve(true);
    }).once('error', reject);
  });
}

function configuration(directory, port) {
  return `
user root;
daemon off;
worker_processes auto;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_max_body_size 0;
  client_body_temp_path ${directory}/incoming;
  keepalive_requests 1000000;
  server {
    listen ${HOST}:${port};
    root ${directory}/files;
    dav_methods PUT DELETE;
    create_full_put_path on;
  }
}
`;
}
