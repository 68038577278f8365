// The id of a blob: the bytes of one file, as file servers keep them. It is chosen before the first byte is there, and is
// the upload's location, the blob's name on disk, and what its place is computed from (FILES.md, 1).

/** 32 hexadecimal digits: 48 bits of milliseconds since 1970, which are random in a link, and 80 random ones. */
export type BlobId = string & { readonly brand: 'BlobId' };

const MILLISECONDS_DIGITS = 12;
const DIGITS = 32;

/** @param token 32 random hexadecimal digits */
export function newBlobId(wallMs: number, token: string): BlobId {
  const milliseconds = Math.floor(wallMs).toString(16).padStart(MILLISECONDS_DIGITS, '0');
  return `${milliseconds}${token.slice(MILLISECONDS_DIGITS)}` as BlobId;
}

/**
 * Another id for the same bytes: it keeps the random part, and with it the place (FILES.md, COPY and MOVE). Where the time
 * stands in the first one, it is random, for two links may be made in one moment.
 * @param token 32 random hexadecimal digits
 */
export function linkedBlobId(id: BlobId, token: string): BlobId {
  return `${token.slice(0, MILLISECONDS_DIGITS)}${randomPartOf(id)}` as BlobId;
}

export function randomPartOf(id: BlobId): string {
  return id.slice(MILLISECONDS_DIGITS);
}

/**
 * Where file servers keep a blob below `blobs/`. The directories are the first digits of the random part: those before it are
 * the time, which would bring all blobs of a month into one directory.
 */
export function blobFolderOf(id: BlobId): string {
  const random = randomPartOf(id);
  return `${random.slice(0, 2)}/${random.slice(2, 4)}`;
}

/** @returns undefined for what is no id, upper case included: an id has one form, which is its name on disk */
export function parseBlobId(text: string): BlobId | undefined {
  return text.length === DIGITS && /^[0-9a-f]+$/.test(text) ? (text as BlobId) : undefined;
}
