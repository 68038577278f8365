// What uploads and downloads of files ask for, and how they end: the boundary between gateways and the file layer.

import type { BreakReason, ByteStream } from '../cluster/http/byte-stream.ts';
import type { ErrorCode } from '../cluster/http/errors.ts';
import type { Condition } from '../cluster/model/condition.ts';
import type { FileServerState } from '../cluster/model/file-server.ts';
import type { Address, NodeId } from '../cluster/model/identity.ts';
import type { RecordHead, StoredRecord } from '../cluster/model/record.ts';
import type { Version } from '../cluster/model/version.ts';
import type { Cursor } from '../cluster/wire/transfer-parts.ts';
import type { BlobId } from './blob-id.ts';
import type { ContentSums } from './content-digests.ts';
import type { BlobCopies } from './copies.ts';
import type { FileKey, ReplicationClass } from './file-key.ts';
import type { FileAttributes, FileFields, FileManifest } from './manifest.ts';
import type { Tickets } from './tickets/tickets.ts';

/** What is known of a content when it has come. */
export type ContentName = Pick<ContentSums, 'size' | 'sha512' | 'md5'>;

/**
 * Looks at what a change depends on beside its own record: the directories around it, and their locks.
 * @param callback to be called exactly once: `barred` where the change must not be, `unclear` where nobody can tell
 */
export type SecondLook = (callback: (seen: 'clear' | 'barred' | 'unclear') => void) => void;

/** What must hold of the record of a file when it is set or deleted (H39), and of others when that is done. */
export interface FileCondition extends Condition {
  /**
   * Asked when the record is set, and before anybody is told. A lock around it that the look does not see is acknowledged later
   * than the change was made, so no lock is passed. A change that is barred is undone, on the condition that it is still there,
   * and ends as `unmet` with the file that is there again; one that cannot be undone ends as `unknown`.
   */
  readonly lookAgain?: SecondLook | undefined;
}

export interface PutFile {
  /**
   * A function makes it of the content, where that is what a file is called by: it is known when the body has come. Of a
   * content that is there already no second blob is made then.
   */
  readonly key: FileKey | ((content: ContentName) => FileKey);
  /** The content of the file; its length is known where the client has announced it. */
  readonly body: ByteStream;
  /** A longer body is refused, from its announced length or while it comes. */
  readonly bytesMax: number;
  readonly contentType: string | undefined;
  /** What the gateway keeps beside the content, at most `FILE_ATTRIBUTES_BYTES_MAX` together; none by default. */
  readonly attributes?: FileAttributes | undefined;
  /** When the content was last changed, as the client says, in ms since 1970; by default that is now. */
  readonly modifiedMs?: number | undefined;
  readonly replicationClass: ReplicationClass;
  /**
   * Longer files have a blob, the others are in their record: INLINE_BYTES_MAX by default, and at most. An empty file never has
   * a blob.
   */
  readonly inlineMax?: number | undefined;
  /** The blob gets another id with the random part of this one, and so its place; by default any. */
  readonly placedAs?: BlobId | undefined;
  /** Whether all copies must be there before the file is acknowledged; otherwise two are enough, and the rest follows. */
  readonly waitsForAll: boolean;
  /** What the record of the file must be (H39), by the content too; `NO_CONDITION` overwrites whatever there is. */
  readonly condition: FileCondition | ((content: ContentName) => FileCondition);
  /**
   * Asked when the content is there, immediately before the record is set, and again where somebody was faster: what the
   * record is to be set on. The content may have taken hours, and others may have changed what is beside it, or other records
   * that it depends on. The answer takes the place of what the request says of these; undefined ends the upload as `unmet`,
   * without a file.
   * @param callback to be called exactly once
   * @param manifest what is to be set, but for its attributes
   */
  readonly confirm?:
    | ((callback: (set: ConfirmedSet | undefined) => void, manifest: FileManifest) => void)
    | undefined;
  /** What the client says of its body, in hexadecimal; the file is refused where it differs. */
  readonly expected: { readonly sha512?: string | undefined; readonly md5?: string | undefined };
}

/** What a gateway has judged in the last moment before a record is set. */
export interface ConfirmedSet {
  /** That the record is the one that was judged. */
  readonly condition: FileCondition;
  /** What is kept beside the content. */
  readonly attributes: FileAttributes | undefined;
  /** That of the request by default: what is there may have got another number of copies while the content came. */
  readonly replicationClass?: ReplicationClass;
}

/** The condition does not hold. */
export interface ConditionUnmet {
  readonly kind: 'unmet';
  /** What is there, if anything. */
  readonly file: FileVersion | undefined;
  /** Whether the change was made, and its second look has undone it: `file` is what was there before, in a new record. */
  readonly isUndone?: true;
}

/** How the set of a file's record ends. */
export type SetFileOutcome =
  /** `created` says whether nothing was there before. */
  | { readonly kind: 'stored'; readonly file: FileVersion; readonly created: boolean }
  | ConditionUnmet
  | { readonly kind: 'not-stored'; readonly code: ErrorCode; readonly detail: string }
  /** May or may not be stored. */
  | { readonly kind: 'unknown'; readonly version: Version | undefined };

export type PutFileOutcome =
  | SetFileOutcome
  /** The body broke off, or is longer than `bytesMax`; nothing was stored. */
  | { readonly kind: 'broken'; readonly why: BreakReason }
  /** The body is not what the client says; nothing was stored. */
  | { readonly kind: 'mismatch'; readonly detail: string };

export interface MakeDirectory {
  readonly key: FileKey;
  readonly attributes: FileAttributes | undefined;
  /** What the record must be: `ifNoneMatch: 'any'` makes a directory only where nothing is. */
  readonly condition: FileCondition;
}

export interface AmendFile {
  readonly key: FileKey;
  /** As `find` or a set has told it. */
  readonly file: FileVersion;
  readonly lookAgain?: SecondLook | undefined;
  /** What is left out stays; `attributes` takes the place of all that there were. */
  readonly change: {
    readonly attributes?: FileAttributes;
    readonly contentType?: string;
    readonly modifiedMs?: number;
    readonly replicationClass?: ReplicationClass;
  };
}

export interface CopyFile {
  /** As `find` has told it; a directory is copied without its entries. */
  readonly from: FileVersion;
  readonly to: FileKey;
  /** Of the copy: those of `from` are not taken over by themselves. */
  readonly attributes: FileAttributes | undefined;
  /** Of the copy; that of `from` by default. */
  readonly replicationClass?: ReplicationClass;
  /** What the record of the destination must be. */
  readonly condition: FileCondition;
}

export interface RestoreFile {
  readonly key: FileKey;
  readonly file: FileVersion;
  readonly condition: FileCondition;
}

export interface ListDirectory {
  readonly domain: string;
  /** Without slashes at its ends; empty for the top. */
  readonly directory: Buffer;
  /** Where the page before has ended; undefined for the first one. */
  readonly after?: Cursor | undefined;
  /** How many entries to list, at least one. */
  readonly limit: number;
}

/** An entry of a directory, without the content of a small file: `find` tells that too. */
export interface DirectoryEntry {
  readonly name: Buffer;
  readonly kind: FileManifest['kind'];
  readonly fields: FileFields;
  /** `etagOf(head)` identifies the record. */
  readonly head: RecordHead;
}

export type ListDirectoryOutcome =
  | {
      readonly kind: 'page';
      /** In no order that means anything. There may be none though others follow. */
      readonly entries: readonly DirectoryEntry[];
      /** Where the next page begins; undefined after the last entry. */
      readonly next: Cursor | undefined;
    }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

/** A file as one record has it: of one version, whatever happens to the name meanwhile (F3). */
export interface FileVersion {
  readonly manifest: FileManifest;
  readonly record: StoredRecord;
}

export type FindFileOutcome =
  | { readonly kind: 'found'; readonly file: FileVersion }
  /** Proven: a member in sync says so (R3). */
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

export type OpenFileOutcome =
  | { readonly kind: 'open'; readonly body: ByteStream }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

export type DeleteFileOutcome =
  /** `existed` as far as a member in sync knew. */
  | { readonly kind: 'deleted'; readonly existed: boolean }
  | ConditionUnmet
  | { readonly kind: 'not-stored'; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'unknown'; readonly version: Version | undefined };

/** Bytes of a file, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export type FilePlacesOutcome =
  /** How many copies the class of the file asks for, and who says that he has one. */
  | { readonly kind: 'places'; readonly copies: number; readonly found: BlobCopies }
  /** A directory, or a file whose bytes are in its record: as many nodes have it as have any record. */
  | { readonly kind: 'no-blob' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string };

/** A file server, as this process sees it. */
export interface FileServerView {
  readonly id: NodeId;
  readonly address: Address;
  /** Where clients reach it. */
  readonly publicAddress: Address;
  readonly host: string;
  readonly state: FileServerState;
  /** Whether it answered lately. */
  readonly isUp: boolean;
  /** What it has said of itself last; undefined before that. */
  readonly told: { readonly freeBytes: number; readonly busy: number } | undefined;
}

/** A file server, and where clients reach it. */
export interface FileLocation {
  readonly id: NodeId;
  readonly publicAddress: Address;
}

/** The files of a cluster, as gateways use them. */
export interface FileLayer {
  /** @param callback called exactly once; the body has been read to its end by then, or discarded */
  put(request: PutFile, callback: (outcome: PutFileOutcome) => void): void;
  /** @param callback called exactly once, with the file or the proof that there is none */
  find(key: FileKey, callback: (outcome: FindFileOutcome) => void): void;
  /**
   * As `find`, by an answer of every member of the partition: what it tells is true until the file is changed again. What `find`
   * tells may be of a change that nobody acknowledged, and the file from before may come back (H21).
   */
  findSettled(key: FileKey, callback: (outcome: FindFileOutcome) => void): void;
  /**
   * Opens the content of a file that was found, or a part of it. It goes on at another copy where one fails; the stream
   * breaks (`failed`) where no copy can go on, and never has a wrong byte (F6).
   * @param callback called exactly once: with the content when its first bytes are there, so that a reply with a status of
   *   success can begin, or with why there is none. Whoever wants it no more discards it
   */
  open(
    file: Pick<FileVersion, 'manifest'>,
    range: ByteRange | undefined,
    callback: (outcome: OpenFileOutcome) => void,
  ): void;
  /** Deletes one file or one directory, whatever is in it. */
  delete(
    key: FileKey,
    condition: FileCondition,
    callback: (outcome: DeleteFileOutcome) => void,
  ): void;
  /** Sets the record of a directory, whether or not the one above it exists. @param callback called exactly once */
  makeDirectory(request: MakeDirectory, callback: (outcome: SetFileOutcome) => void): void;
  /**
   * Sets the record of a file as it was in a version that was there a moment ago: its blob is kept for longer than that.
   * @param callback called exactly once
   */
  restore(request: RestoreFile, callback: (outcome: SetFileOutcome) => void): void;
  /**
   * Sets the record of a file or directory anew, with the same content, on the condition that it is still the very record
   * that was found (H39): `unmet` otherwise, and nothing is lost that others wrote meanwhile.
   * @param callback called exactly once
   */
  amend(request: AmendFile, callback: (outcome: SetFileOutcome) => void): void;
  /**
   * Makes a second file of the same content, and moves no bytes: a blob gets a second id at its holders (FILES.md, COPY). Type,
   * class and date stay. A MOVE is a copy, and then a `delete` of the very record that was copied: whoever is cut off between
   * them leaves both names. Nothing is stored with the code `file-unreadable` where no holder of the blob answers.
   * @param callback called exactly once
   */
  copy(request: CopyFile, callback: (outcome: SetFileOutcome) => void): void;
  /**
   * Lists a page of the entries of one directory, those in the directories below it not among them. An entry that is there
   * throughout is listed exactly once, and what was acknowledged before is listed (R1).
   * @param callback called exactly once
   */
  list(request: ListDirectory, callback: (outcome: ListDirectoryOutcome) => void): void;
  /**
   * Where clients are sent for the blob of a file: to the file servers that should have a copy and are up, the less busy of two
   * first. Where none of these is up, to any other one that is: it may have a copy, and fetches what it does not have. None for
   * a file without a blob.
   */
  locate(file: FileVersion): readonly FileLocation[];
  /**
   * The first file server in the placement of a blob that is up and has room for it, or the second one where that is far less
   * busy: who uploads there sends the bytes where one of the copies belongs.
   * @param bytes how long it will be; undefined where nobody has told
   * @returns undefined where no file server can take it
   */
  targetFor(id: BlobId, bytes: number | undefined): FileLocation | undefined;
  /** Asks all file servers who has the blob of a file. @param callback called exactly once */
  places(file: FileVersion, callback: (outcome: FilePlacesOutcome) => void): void;
  /** All file servers of the cluster, those that are down or drain among them. */
  readonly fileServers: readonly FileServerView[];
  /** What lets clients read and store at file servers themselves. */
  readonly tickets: Tickets;
  /** Whether any file server is in the map: without one only small files can be stored. */
  readonly hasFileServers: boolean;
}
