// Opens the directory of a file server: learns whose it is, or makes a new one, and empties incoming/. Nothing is served
// before that. What cannot be used ends the start, and nothing was changed then.

import type { FileEntry, Files, FilesCallback, FilesFailure } from '../../cluster/files.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import type { NodeId, StoreId } from '../../cluster/model/identity.ts';
import type { PersistentWrite } from '../../cluster/persistent-write.ts';
import type { Random } from '../../cluster/ports.ts';
import { explained, isShortage } from '../../cluster/shortage.ts';
import { decodeStoreIdentity, encodeStoreIdentity, type StoreIdentity } from './identity-file.ts';
import { each, eachEntry, type Next } from './listing.ts';
import { FOLDERS, IDENTITY_FILE, INCOMING } from './places.ts';
import { readWhole, writeWhole } from './small-files.ts';

const IDENTITY_BYTES_MAX = 64 * 1024;
/** Files of other roles: one directory is one process's. */
const OF_OTHERS: Readonly<Record<string, string>> = {
  'storage.identity': 'a storage node',
  'controller.state': 'a controller',
};

export interface OpeningOptions {
  /** The id for a new directory; a used directory has its own. */
  readonly node: NodeId;
  /** Whether the operator named this id, so that a directory of another file server is refused. */
  readonly nodeIsGiven: boolean;
}

/** @param opened called once, with whose directory it is; every failure is a FatalError */
export function openStore(
  files: Files,
  random: Random,
  options: OpeningOptions,
  opened: (identity: StoreIdentity) => void,
): void {
  readWhole(files, IDENTITY_FILE, IDENTITY_BYTES_MAX, (read) => {
    if (read.kind === 'failed') {
      if (read.fault !== 'absent') throw unusable(`${IDENTITY_FILE} cannot be read`, read);
      return refuseForeign(files, () => found(files, random, options, opened));
    }
    const identity = decodeStoreIdentity(read.value);
    if (typeof identity === 'string') {
      throw new FatalError(
        EXIT.config,
        `${IDENTITY_FILE} cannot be used: ${identity}. Nothing was changed; put back a copy of that file, or start with an empty --data-dir`,
      );
    }
    refuseOtherNode(identity, options);
    return prepare(files, () => opened(identity));
  });
}

function refuseOtherNode({ node }: StoreIdentity, options: OpeningOptions): void {
  if (!options.nodeIsGiven || node === options.node) return;
  throw new FatalError(
    EXIT.config,
    `the data directory belongs to file server ${node}, not ${options.node}; give --name ${node}, or another --data-dir`,
  );
}

/** A directory without an identity is new, or somebody else's, or has lost it: blobs without one are nobody's. */
function refuseForeign(files: Files, done: () => void): void {
  const names: string[] = [];
  const note = ({ name }: FileEntry, next: Next) => {
    names.push(name);
    next();
  };
  eachEntry(files, '', note, (failure) => {
    if (failure !== undefined) throw unusable('the data directory cannot be listed', failure);
    const other = names.find((name) => Object.hasOwn(OF_OTHERS, name));
    if (other !== undefined) {
      throw new FatalError(
        EXIT.config,
        `the data directory has ${other}: it is that of ${OF_OTHERS[other]}; give this file server another --data-dir`,
      );
    }
    const left = FOLDERS.find((name) => names.includes(name));
    if (left !== undefined) {
      throw new FatalError(
        EXIT.config,
        `the data directory has ${left}/ and no ${IDENTITY_FILE}, so nobody knows which cluster its blobs are of. Nothing was changed; put back that file, or start with an empty --data-dir`,
      );
    }
    done();
  });
}

/** The identity comes first: directories without one are refused. */
function found(
  files: Files,
  random: Random,
  { node }: OpeningOptions,
  opened: (identity: StoreIdentity) => void,
): void {
  const identity = { node, store: random.token() as StoreId, cluster: undefined };
  writeIdentity(files, identity, (result) => {
    if (result.kind === 'failed') throw unusable(`${IDENTITY_FILE} cannot be written`, result);
    prepare(files, () => opened(identity));
  });
}

/** Nothing in incoming/ was acknowledged: its uploads ended with the process that took them. */
function prepare(files: Files, done: () => void): void {
  const make = (folder: string, next: Next) =>
    files.makeDirectory(folder, (made) => {
      if (made.kind === 'failed') throw unusable(`${folder}/ cannot be made`, made);
      next();
    });
  const remove = ({ name }: FileEntry, next: Next) =>
    files.unlink(`${INCOMING}/${name}`, (unlinked) => {
      if (unlinked.kind === 'failed') throw unusable(`${INCOMING}/ cannot be emptied`, unlinked);
      next();
    });
  each(FOLDERS, make, () =>
    eachEntry(files, INCOMING, remove, (failure) => {
      if (failure !== undefined) throw unusable(`${INCOMING}/ cannot be listed`, failure);
      done();
    }),
  );
}

/** Notes of which cluster the blobs of the directory are, from now on and for all time. */
export function claimFor(files: Files, identity: StoreIdentity): PersistentWrite {
  return {
    write: (written) =>
      writeIdentity(files, identity, (result) =>
        written(result.kind === 'done' ? undefined : result.detail),
      ),
    isWaitedFor: isShortage,
    failed: `${IDENTITY_FILE} cannot be written: the file server waits until it can be`,
    succeeded: `${IDENTITY_FILE} can be written again`,
  };
}

function writeIdentity(
  files: Files,
  identity: StoreIdentity,
  callback: FilesCallback<undefined>,
): void {
  const temporary = `${IDENTITY_FILE}.new`;
  writeWhole(files, temporary, encodeStoreIdentity(identity), (written) => {
    if (written.kind === 'failed') return callback(written);
    return files.rename([{ from: temporary, to: IDENTITY_FILE }], callback);
  });
}

function unusable(what: string, { detail }: FilesFailure): FatalError {
  return new FatalError(EXIT.config, `${what}: ${explained(detail)}`);
}
