// The check sums that a client tells of the body of a PUT: `OC-Checksum` of ownCloud, `Content-MD5` (RFC 1864), `Content-Digest` and
// `Repr-Digest` (RFC 9530), which are the same here, for a body is stored as it comes. Pure.

import type { HttpRequest } from '../../cluster/http/http.ts';

const BYTES = { md5: 16, sha1: 20, sha256: 32, sha512: 64 } as const;

export type SumName = keyof typeof BYTES;
/** In lower hexadecimal, those that were told. */
export type ToldSums = { readonly [name in SumName]?: string };

/** The names of the sums by what the headers call them; a sum of another kind cannot be checked here, and says nothing wrong. */
const OF_OWNCLOUD: ReadonlyMap<string, SumName> = new Map([
  ['MD5', 'md5'],
  ['SHA1', 'sha1'],
]);
const OF_DIGESTS: ReadonlyMap<string, SumName> = new Map([
  ['md5', 'md5'],
  ['sha', 'sha1'],
  ['sha-256', 'sha256'],
  ['sha-512', 'sha512'],
]);

const OC_CHECKSUM = /^\s*(MD5|SHA1|[A-Z][A-Z0-9-]*):([^\s:]+)\s*$/i;
const HEXADECIMAL = /^(?:[0-9a-f]{2})+$/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** A member of a dictionary of structured fields whose value is bytes; parameters of it mean nothing here. */
const MEMBER = /^\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):\s*(?:;[^,"]*)?$/;

/** One of a header: `bytes` is undefined where it is no sum at all. */
interface ToldSum {
  readonly header: string;
  readonly name: SumName | undefined;
  readonly bytes: Buffer | undefined;
}

export function readToldSums(
  request: Pick<HttpRequest, 'header'>,
): { readonly sums: ToldSums } | { readonly fault: string } {
  const all = [...sumOfOwnCloud(request), ...sumOfContentMd5(request), ...sumsOfDigests(request)];
  const sums: { [name in SumName]?: string } = {};
  for (const { header, name, bytes } of all) {
    const isSum = bytes !== undefined && (name === undefined || bytes.length === BYTES[name]);
    if (!isSum) return { fault: `${header} is no check sum such as ${EXAMPLES[header]}` };
    if (name === undefined) continue;
    const sum = bytes.toString('hex');
    // A body cannot be both.
    if ((sums[name] ?? sum) !== sum)
      return { fault: `${header} is another sum than one before it` };
    sums[name] = sum;
  }
  return { sums };
}

const EXAMPLES: Readonly<Record<string, string>> = {
  'OC-Checksum': 'MD5:0123... or SHA1:0123...',
  'Content-MD5': 'Q2hlY2sgSW50ZWdyaXR5IQ==, 16 bytes in base64',
  'Content-Digest': 'sha-256=:BASE64: or sha-512=:BASE64:',
  'Repr-Digest': 'sha-256=:BASE64: or sha-512=:BASE64:',
};

function sumOfOwnCloud(request: Pick<HttpRequest, 'header'>): readonly ToldSum[] {
  const header = 'OC-Checksum';
  const given = request.header('oc-checksum');
  if (given === undefined) return [];
  const [, kind, sum = ''] = OC_CHECKSUM.exec(given) ?? [];
  const name = kind === undefined ? undefined : OF_OWNCLOUD.get(kind.toUpperCase());
  if (kind !== undefined && name === undefined) return [];
  return [{ header, name, bytes: HEXADECIMAL.test(sum) ? Buffer.from(sum, 'hex') : undefined }];
}

function sumOfContentMd5(request: Pick<HttpRequest, 'header'>): readonly ToldSum[] {
  const given = request.header('content-md5')?.trim();
  if (given === undefined) return [];
  return [{ header: 'Content-MD5', name: 'md5', bytes: bytesOf(given) }];
}

function sumsOfDigests(request: Pick<HttpRequest, 'header'>): readonly ToldSum[] {
  return ['Content-Digest', 'Repr-Digest'].flatMap((header) => {
    const members = request.header(header.toLowerCase())?.split(',') ?? [];
    return members.map((member): ToldSum => {
      const [whole, name = '', value = ''] = MEMBER.exec(member.trim()) ?? [];
      const bytes = whole === undefined ? undefined : bytesOf(value);
      return { header, name: OF_DIGESTS.get(name), bytes };
    });
  });
}

function bytesOf(base64: string): Buffer | undefined {
  return BASE64.test(base64) ? Buffer.from(base64, 'base64') : undefined;
}
