// What requests for blobs have in common: the id in the path, a message of JSON in the body, and the replies for what the
// store cannot do. Pure.

import type { FilesFailure } from '../cluster/files.ts';
import type { PathParameters } from '../cluster/http/client-route.ts';
import { errorReply } from '../cluster/http/errors.ts';
import { type HttpRequest, jsonReply, textReply, type WholeReply } from '../cluster/http/http.ts';
import { explained } from '../cluster/shortage.ts';
import { Malformed, type Shape } from '../cluster/wire/shapes.ts';
import { type BlobId, parseBlobId } from '../files/blob-id.ts';

export function idIn(parameters: PathParameters): BlobId | WholeReply {
  const id = parseBlobId(parameters.get('id')?.toString('latin1') ?? '');
  return (
    id ?? errorReply('bad-parameter', 'the id of a blob is 32 hexadecimal digits in lower case')
  );
}

export type Message<T> =
  | { readonly kind: 'message'; readonly message: T }
  | { readonly kind: 'refused'; readonly reply: WholeReply };

export function messageIn<T>({ body }: HttpRequest, shape: Shape<T>): Message<T> {
  switch (body.kind) {
    case 'too-large':
      return refused('value-too-large', `the message has more than ${body.bytesMax} bytes`);
    case 'none':
    case 'stream':
      return refused('malformed-message', 'the message is missing: JSON, as the body');
    case 'bytes':
      try {
        return { kind: 'message', message: shape(JSON.parse(body.bytes.toString())) };
      } catch (error) {
        if (error instanceof SyntaxError) {
          return refused('malformed-message', 'the message is no JSON');
        }
        if (error instanceof Malformed) return refused('malformed-message', error.message);
        throw error;
      }
  }
}

function refused(
  code: 'value-too-large' | 'malformed-message',
  what: string,
): { readonly kind: 'refused'; readonly reply: WholeReply } {
  return { kind: 'refused', reply: errorReply(code, what) };
}

export const DONE = jsonReply(200, {});
export const NOT_HERE = textReply(404, 'there is no such blob here');
export const TAKEN = errorReply(
  'blob-taken',
  'the id is taken, by a blob or by another upload: each blob has one of its own',
);
export const NO_ROOM = errorReply(
  'storage-full',
  'there is no room for it on this file server beside what it keeps free',
);

/** @param doing as in `the blob cannot be read` */
export function failureReply({ fault, detail }: FilesFailure, doing: string): WholeReply {
  const what = `${doing}: ${explained(detail)}`;
  switch (fault) {
    case 'full':
      return errorReply('storage-full', what);
    case 'shortage':
      return errorReply('overloaded', what);
    case 'broken':
    case 'absent':
    case 'exists':
    case 'other':
      return errorReply('disk-failed', what);
  }
}
