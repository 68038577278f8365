// What can come over a process that is not at fault, each kind as it is brought about. A kind is over when its
// `cause` ends, and one that did not come about at all throws.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostOf, NameServer } from './name-server.mjs';
import { needOwnMounts, ownDisk, seenBy } from './own-mounts.mjs';
import { isInstalled, NotInstalled, until } from './processes.mjs';
import { isAnswering, metricOf, ROLES } from './roles.mjs';
import { later } from './under-load.mjs';

const ALL = Object.keys(ROLES);
/** Of a disk, which the log does not fill by itself. */
const DISK_MEGABYTES = 64;

function signalled(signal) {
  return {
    name: signal,
    roles: ALL,
    cause: async ({ cluster, role }) => {
      role.processIn(cluster).kill(signal);
      // One that ends by it has ended by then, or the load finds it gone.
      await later(1);
    },
  };
}

/** What a supervisor starts again after it. */
async function stopped({ cluster, role }) {
  const process = role.processIn(cluster);
  process.kill('SIGQUIT');
  await process.exited;
  if (process.ending !== 0) throw new Error(`it ended with ${process.ending}, not with 0`);
}

async function untilLinesAreDropped({ cluster, role }) {
  const address = role.addressIn(cluster);
  await until('a line of the log is dropped', async () => {
    await role.logLine(cluster, address);
    return Number(await metricOf(address, 'velourfog_log_lines_dropped_total')) > 0;
  });
}

async function withoutDescriptors({ cluster, role, seconds }) {
  const { pid } = role.processIn(cluster);
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  const before = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let lowest = 0;
  while (open.has(lowest)) lowest++;
  const limit = (count) =>
    execFileSync('prlimit', ['--pid', pid, `--nofile=${count}:`].map(String));
  limit(lowest);
  try {
    await until('new connections fail', async () => !(await isAnswering(role.addressIn(cluster))));
    await later(seconds);
  } finally {
    limit(before);
  }
}

async function withFullDisk({ cluster, role, seconds, directory }) {
  const filler = seenBy(role.processIn(cluster), join(directory, role.name, 'filler'));
  fill(filler);
  const change = role.write(cluster);
  const writable = () => metricOf(role.addressIn(cluster), role.writable);
  await until('nothing can be written', async () => (await writable()) === '0');
  await later(seconds);
  rmSync(filler);
  await change;
}

function fill(path) {
  const page = Buffer.alloc(4096);
  try {
    for (;;) writeFileSync(path, page, { flag: 'a' });
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  }
}

/**
 * Its supervisor stops who says so. A start without one of the older files is refused, and gets an empty directory, as
 * its last line wants; without the newest it starts, believes nothing, and copies.
 */
async function withoutLog(where) {
  const { cluster, role, directory } = where;
  const own = join(directory, role.name);
  const log = readdirSync(own).filter((file) => file.endsWith('.log'));
  rmSync(join(own, log.sort().at(-1)));
  const ready = `http://${role.addressIn(cluster)}/readyz`;
  await until('the node notices', async () => {
    const reply = await fetch(ready);
    return reply.status === 503 && (await reply.text()).includes('not by this node');
  });
  const before = role.processIn(cluster);
  await stopped(where);
  await until('it is started again', async () => role.processIn(cluster) !== before);
  const again = role.processIn(cluster);
  // At once, so that its supervisor's next try finds it so.
  again.exited.then((code) => {
    if (code === 78) rmSync(own, { recursive: true });
  });
}

function silentNameServer(restarted) {
  return {
    name: restarted ? 'name server silent, restarted' : 'name server silent',
    roles: restarted ? ALL : ['all roles'],
    need: needOwnMounts,
    isSupervised: restarted,
    prepare: async (directory) => {
      const server = await NameServer.start(join(directory, 'resolv.conf'));
      return {
        server,
        settings: { hostOf, launch: () => ({ before: server.before }) },
        end: () => server.stop(),
      };
    },
    cause: async ({ cluster, role, seconds, server }) => {
      server.isSilent = true;
      try {
        const end = later(seconds);
        if (restarted) await stopped({ cluster, role });
        await end;
        await until('a question is not answered', async () => server.unanswered > 0);
      } finally {
        server.isSilent = false;
      }
    },
  };
}

export const TROUBLES = [
  // What the machine itself does to the clients, beside which the others are to be read.
  { name: 'none', roles: ['for comparison'], cause: ({ seconds }) => later(seconds) },
  {
    name: 'stderr without a reader',
    roles: ALL,
    cause: async (where) => {
      where.role.processIn(where.cluster).leaveStderr();
      await untilLinesAreDropped(where);
    },
  },
  {
    name: 'stderr on a full disk',
    roles: ALL,
    launch: () => ({ stderr: '/dev/full' }),
    cause: untilLinesAreDropped,
  },
  signalled('SIGHUP'),
  signalled('SIGUSR1'),
  signalled('SIGUSR2'),
  { name: 'SIGQUIT, started again', roles: ALL, isSupervised: true, cause: stopped },
  {
    name: 'no file descriptors',
    roles: ALL,
    need: () => {
      if (!isInstalled('prlimit')) throw new NotInstalled('prlimit');
    },
    cause: withoutDescriptors,
  },
  {
    name: 'disk full',
    // A frontend has none.
    roles: ['storage node', 'controller'],
    need: needOwnMounts,
    launch: (own) => {
      mkdirSync(own);
      return { before: ownDisk(own, DISK_MEGABYTES) };
    },
    cause: withFullDisk,
  },
  { name: 'log file removed', roles: ['storage node'], isSupervised: true, cause: withoutLog },
  silentNameServer(false),
  silentNameServer(true),
];
