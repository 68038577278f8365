// How the body of a request becomes the content of a file, and how the client is told: the interface of upload protocols. A file
// server asks each of its protocols whether a request is one of its own, and takes the first that says so; what is done with the
// content, and that it is done once, is the same for all of them (files/tickets/ticketed-put.ts).

import type { ByteStream } from '../../../cluster/http/byte-stream.ts';
import type { HttpReply, RequestHead, WholeReply } from '../../../cluster/http/http.ts';
import type { UploadHeaders } from '../../../files/http/upload-headers.ts';
import type { FileVersion } from '../../../files/outcomes.ts';

/** A file that was stored. */
export interface StoredUpload {
  readonly file: FileVersion;
  /** Whether nothing was there before. */
  readonly created: boolean;
  readonly told: UploadHeaders;
}

export type OpenedUpload =
  /** `content` may say of what breaks as `malformed` what is wrong with it. */
  | {
      readonly kind: 'content';
      readonly content: ByteStream & { readonly fault?: string | undefined };
    }
  /** The body has no content that could be stored, and is no longer wanted. */
  | { readonly kind: 'refused'; readonly reply: WholeReply };

export interface UploadProtocol {
  /** As metrics and documents call it. */
  readonly name: string;
  /** Whether the request is one of this protocol. */
  takes(request: RequestHead): boolean;
  /** @returns the refusal of a head that is wrong, before the body is sent, or what it says of the file */
  read(request: RequestHead): { readonly told: UploadHeaders } | { readonly refusal: WholeReply };
  /** @param callback called exactly once; the content is read from its beginning to its end, or discarded */
  open(request: RequestHead, body: ByteStream, callback: (opened: OpenedUpload) => void): void;
  /** @returns the reply to a client whose file is stored; the headers of it are added */
  stored(request: RequestHead, stored: StoredUpload): HttpReply;
}
