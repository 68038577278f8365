// The digests of a file in the headers of an answer: `Repr-Digest` (RFC 9530), and the older `Digest` (RFC 3230), which
// davix and others read. Pure.

import type { FileFields } from '../manifest.ts';

export function digestHeaders({
  sha512,
  md5,
}: Pick<FileFields, 'sha512' | 'md5'>): Readonly<Record<'repr-digest' | 'digest', string>> {
  const [sha, other] = [sha512, md5].map((hex) => Buffer.from(hex, 'hex').toString('base64'));
  return {
    'repr-digest': `sha-512=:${sha}:, md5=:${other}:`,
    digest: `SHA-512=${sha},MD5=${other}`,
  };
}
