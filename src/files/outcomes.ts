// What uploads and downloads of files ask for, and how they end: the boundary between gateways and the file layer.

import type { BreakReason, ByteStream } from '../cluster/http/byte-stream.ts';
import type { ErrorCode } from '../cluster/http/errors.ts';
import type { Condition } from '../cluster/model/condition.ts';
import type { StoredRecord } from '../cluster/model/record.ts';
import type { Version } from '../cluster/model/version.ts';
import type { ContentSums } from './content-digests.ts';
import type { FileKey, ReplicationClass } from './file-key.ts';
import type { FileManifest } from './manifest.ts';

export interface PutFile {
  /** A function makes it of the content, where that is what a file is called by: it is known when the body has come. */
  readonly key: FileKey | ((content: Pick<ContentSums, 'size' | 'sha512' | 'md5'>) => FileKey);
  /** The content of the file; its length is known where the client has announced it. */
  readonly body: ByteStream;
  /** A longer body is refused, from its announced length or while it comes. */
  readonly bytesMax: number;
  readonly contentType: string | undefined;
  /** What the gateway keeps beside the content, by names of its own. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  readonly replicationClass: ReplicationClass;
  /** Whether all copies must be there before the file is acknowledged; otherwise two are enough, and the rest follows. */
  readonly waitsForAll: boolean;
  /** What the record of the file must be (H39); `NO_CONDITION` overwrites whatever there is. */
  readonly condition: Condition;
  /** What the client says of its body, in hexadecimal; the file is refused where it differs. */
  readonly expected: { readonly sha512?: string | undefined; readonly md5?: string | undefined };
}

export type PutFileOutcome =
  | { readonly kind: 'stored'; readonly file: FileVersion; readonly created: boolean }
  /** The condition does not hold; `file` is what is there, if anything. */
  | { readonly kind: 'unmet'; readonly file: FileVersion | undefined }
  /** The body broke off, or is longer than `bytesMax`; nothing was stored. */
  | { readonly kind: 'broken'; readonly why: BreakReason }
  /** The body is not what the client says; nothing was stored. */
  | { readonly kind: 'mismatch'; readonly detail: string }
  | { readonly kind: 'not-stored'; readonly code: ErrorCode; readonly detail: string }
  /** May or may not be stored. */
  | { readonly kind: 'unknown'; readonly version: Version | undefined };

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
  | { readonly kind: 'unmet'; readonly file: FileVersion | undefined }
  | { readonly kind: 'not-stored'; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'unknown'; readonly version: Version | undefined };

/** Bytes of a file, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** The files of a cluster, as gateways use them. */
export interface FileLayer {
  /** @param callback called exactly once; the body has been read to its end by then, or discarded */
  put(request: PutFile, callback: (outcome: PutFileOutcome) => void): void;
  /** @param callback called exactly once, with the file or the proof that there is none */
  find(key: FileKey, callback: (outcome: FindFileOutcome) => void): void;
  /**
   * Opens the content of a file that was found, or a part of it. It goes on at another copy where one fails; the stream
   * breaks (`failed`) where no copy can go on, and never has a wrong byte (F6).
   * @param callback called exactly once: with the content when its first bytes are there, so that a reply with a status of
   *   success can begin, or with why there is none. Whoever wants it no more discards it
   */
  open(
    file: FileVersion,
    range: ByteRange | undefined,
    callback: (outcome: OpenFileOutcome) => void,
  ): void;
  delete(key: FileKey, condition: Condition, callback: (outcome: DeleteFileOutcome) => void): void;
  /** Whether any file server is in the map: without one only small files can be stored. */
  readonly hasFileServers: boolean;
}
