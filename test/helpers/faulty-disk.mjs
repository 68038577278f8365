// Makes the disk of one real process fail: preloaded into it, this wraps what src/cluster/io/disk/ asks of
// node:fs/promises. Which calls fail says a file that the test writes (faulty-disk.ts); without it none does.

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';
import { basename } from 'node:path';

const ORDER = process.env.DISK_FAULT ?? '';

/** Of each file, up to where it was synced. */
const synced = new Map();
let order;
let met = 0;

/** @returns what is to go wrong with this call, if anything */
function faultOf(call, path) {
  const now = textOf(ORDER);
  if (now !== order) met = 0;
  order = now;
  if (now === undefined) return undefined;
  const { calls, file, skip, times, how } = JSON.parse(now);
  // What is read by URL is the program itself.
  if (typeof path !== 'string' || !calls.includes(call)) return undefined;
  if (!basename(path).startsWith(file)) return undefined;
  met++;
  return met > skip && met <= skip + times ? how : undefined;
}

function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function failure(code, syscall) {
  const errno = -constants.errno[code];
  return Object.assign(new Error(`${code}: of a test, ${syscall}`), { code, errno, syscall });
}

function check(call, path, syscall) {
  const how = faultOf(call, path);
  if (how !== undefined) throw failure(how, syscall);
}

/** As on Linux: what could not be written is gone from the disk, and nobody is told of it a second time. */
function lose(path, length) {
  const from = synced.get(path);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(length - from), 0, length - from, from);
  closeSync(file);
}

function wrap(handle, path) {
  const { read, write, writev, truncate } = handle;
  handle.read = (...words) => {
    check('read', path, 'read');
    return read.apply(handle, words);
  };
  handle.write = async (bytes, from, length, position) => {
    const how = faultOf('write', path);
    if (how === undefined) return write.call(handle, bytes, from, length, position);
    if (how !== 'short' && how !== 'ENOSPC') throw failure(how, 'write');
    const half = await write.call(handle, bytes, from, length >> 1, position);
    if (how === 'short') return half;
    throw failure(how, 'write');
  };
  handle.writev = async (pieces, position) => {
    const how = faultOf('write', path);
    if (how === undefined) return writev.call(handle, pieces, position);
    if (how !== 'short' && how !== 'ENOSPC') throw failure(how, 'writev');
    const bytes = Buffer.concat(pieces);
    const half = await write.call(handle, bytes, 0, bytes.length >> 1, position);
    if (how === 'short') return half;
    throw failure(how, 'writev');
  };
  handle.truncate = (...words) => {
    check('truncate', path, 'ftruncate');
    return truncate.apply(handle, words);
  };
  for (const name of ['sync', 'datasync']) {
    const sync = handle[name];
    handle[name] = async () => {
      const stat = await handle.stat();
      const how = faultOf('sync', path);
      if (how !== undefined) {
        if (stat.isFile()) lose(path, stat.size);
        throw failure(how, name === 'sync' ? 'fsync' : 'fdatasync');
      }
      await sync.call(handle);
      synced.set(path, stat.size);
    };
  }
  return handle;
}

const { open, readFile, readdir, rename, unlink } = promises;
Object.assign(promises, {
  async open(path, flags, ...words) {
    check(flags === 'r' ? 'open' : 'open-to-write', path, 'open');
    const handle = await open(path, flags, ...words);
    // What an earlier life left is there.
    if (!synced.has(path)) synced.set(path, (await handle.stat()).size);
    return wrap(handle, path);
  },
  async readFile(path, ...words) {
    check('read', path, 'read');
    return readFile(path, ...words);
  },
  async readdir(path, ...words) {
    check('read', path, 'scandir');
    return readdir(path, ...words);
  },
  async rename(from, to) {
    check('rename', to, 'rename');
    return rename(from, to);
  },
  async unlink(path) {
    check('unlink', path, 'unlink');
    return unlink(path);
  },
});
syncBuiltinESMExports();
