// The port Files: one directory tree of plain files of any size, locked by the process that opened it; a file server
// keeps its blobs there. A path is names with slashes between, below that directory: `blobs/ab/cd/NAME`.
//
// What survives is said of two crashes: that of the process, and that of the machine, which loses all that is only in
// memory. Bytes survive the second one once they are synced, and names once `rename` or `makeDirectory` is done: a file
// that was created or linked may be gone after it, and one that was unlinked may be back.

/** Why something failed, as far as it decides what happens next. */
export type FilesFault =
  /** There is no file or directory of that name. */
  | 'absent'
  /** The name is taken. */
  | 'exists'
  /** The file system, or the quota, is full: what needs no room can go on. */
  | 'full'
  /** The disk cannot be read or written, or takes no writes any more: nothing that it has not synced can be relied on. */
  | 'broken'
  /** The system is short of something else, such as open files: it may work a moment later. */
  | 'shortage'
  | 'other';

export interface FilesFailure {
  readonly kind: 'failed';
  readonly fault: FilesFault;
  /** The error code of the system, such as EIO. */
  readonly detail: string;
}

/** Also a `DiskResult` (ports.ts). */
export type FilesResult<T> = { readonly kind: 'done'; readonly value: T } | FilesFailure;

export type FilesCallback<T> = (result: FilesResult<T>) => void;

export interface Files {
  /**
   * Makes a directory, and those above it that are missing; one that is there is no failure. Done when it survives a
   * crash of the machine, and the names with it that it had at the call: a process may have died between a change of
   * them and its end.
   */
  makeDirectory(path: string, callback: FilesCallback<undefined>): void;
  /**
   * Makes an empty file and opens it; `exists` where the name is taken. The name survives a crash of the process. After
   * one of the machine it may be there or not, with any of its bytes that were not synced.
   */
  create(path: string, callback: FilesCallback<NewFile>): void;
  /** Opens a file for reading. It can be read to its end also when it is renamed or unlinked meanwhile. */
  open(path: string, callback: FilesCallback<OpenFile>): void;
  /** @returns through the callback when the file got its bytes or a name last, in ms since 1970 by the wall clock */
  changedMs(path: string, callback: FilesCallback<number>): void;
  /** @returns through the callback the length of a file in bytes */
  bytesOf(path: string, callback: FilesCallback<number>): void;
  /**
   * Moves files one after the other, each in one step, in place of what has the new name. Done when all new names
   * survive a crash of the machine, and no old one comes back.
   *
   * After a crash of the process, the first of them are moved. After a crash of the machine before this is done, any of
   * them are, whatever their order. After a failure the first of them are moved, and whether that survives is not
   * known.
   */
  rename(moves: readonly FileMove[], callback: FilesCallback<undefined>): void;
  /** Gives a file a second name, as `create` does; `exists` where that is taken. Each name can go without the other. */
  link(move: FileMove, callback: FilesCallback<undefined>): void;
  /** Done when nobody finds the name any more; a missing file is no failure. A crash of the machine may bring it back. */
  unlink(path: string, callback: FilesCallback<undefined>): void;
  /** Opens the list of what is in a directory, which may be millions of names; the empty path is the top. */
  list(path: string, callback: FilesCallback<FileList>): void;
  /** Looks at the directory and its file system as they are now; cheap enough for each second. */
  look(callback: FilesCallback<FilesState>): void;
}

export interface FileMove {
  readonly from: string;
  readonly to: string;
}

export interface FilesState {
  /** Why the directory no longer belongs to this process, such as that somebody moved it; undefined while it does. */
  readonly problem: string | undefined;
  /** What this process may still write to the file system. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** A file that is being written. One call at a time, but that a `sync` may be under way during one `append`. */
export interface NewFile {
  /**
   * Writes the pieces back to back behind what is there. Done when the operating system has all of them: they survive
   * a crash of the process, not one of the machine. After a failure some of them may be there, and the file is of no
   * use any more: it can only be closed and unlinked.
   * @param pieces must not change before the callback
   */
  append(pieces: readonly Buffer[], callback: FilesCallback<undefined>): void;
  /**
   * Done when all bytes that were appended before the call survive a crash of the machine, under whichever name the
   * file has then. After a failure the file is of no use any more, also where another sync succeeds.
   */
  sync(callback: FilesCallback<undefined>): void;
  /** No other method is called afterwards. Syncs nothing. */
  close(): void;
}

/** A file that is read, at any places, and by several calls at once. */
export interface OpenFile {
  /**
   * @param into must not be touched before the callback
   * @returns through the callback how many bytes of `into` were filled: fewer than all only at the end of the file
   */
  read(position: number, into: Buffer, callback: FilesCallback<number>): void;
  /** No other method is called afterwards; calls under way come to their end. */
  close(): void;
}

export interface FileEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

/** What is in a directory, in no order. What comes or goes while it is listed may be in it or not. */
export interface FileList {
  /** @returns through the callback at most `count` further entries; none at the end of the list */
  next(count: number, callback: FilesCallback<readonly FileEntry[]>): void;
  /** No other method is called afterwards. */
  close(): void;
}
