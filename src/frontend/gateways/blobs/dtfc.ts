// The content-addressed blob service (FILES.md, 4): PUT of a name answers the SHA-512 of the content, by which everybody
// reads and deletes it. Content is a file of the file layer whose key is its hash; bodies are those of the original.

import { assert, InvariantBroken } from '../../../cluster/assert.ts';
import { type ByteStream, bytesStream } from '../../../cluster/http/byte-stream.ts';
import { brokenBodyReply, errorReply } from '../../../cluster/http/errors.ts';
import {
  type HttpReply,
  type HttpRequest,
  hostHeader,
  textReply,
  type WholeReply,
} from '../../../cluster/http/http.ts';
import { Measure } from '../../../cluster/http/measure.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import { conditionOf, tagHeaders } from '../../../cluster/http/preconditions.ts';
import type { Handler, ReplyCallback, Routes } from '../../../cluster/http/routes.ts';
import { etagOf, NO_CONDITION } from '../../../cluster/model/condition.ts';
import { printVersion } from '../../../cluster/model/version.ts';
import type { Clock } from '../../../cluster/ports.ts';
import { DEFAULT_CLASS } from '../../../files/file-key.ts';
import { answerFile, type FileFailure } from '../../../files/http/file-answer.ts';
import { FILE_BYTES_MAX, type FileManifest } from '../../../files/manifest.ts';
import type {
  DeleteFileOutcome,
  FileLayer,
  FileVersion,
  PutFileOutcome,
} from '../../../files/outcomes.ts';
import { FILENAME, sanitisedName, typeOfName } from './blob-name.ts';
import type { DeniableVerb, DenySwitches } from './deny-switches.ts';
import { DTFC_ROUTES } from './dtfc-routes.ts';
import {
  blobKey,
  type ContentHash,
  NAME_BYTES_MAX,
  namedBlobIn,
  storedNameIn,
} from './dtfc-usage.ts';
import { type FindBlobOutcome, findBlob } from './marked-blobs.ts';
import type { MediaMetadata } from './media-metadata.ts';
import type { PeerDeletes, ToldByPeer } from './peer-deletes.ts';
import type { PeerList } from './peer-list.ts';
import type { PeerLoads } from './peer-loads.ts';
import type { RateLimit } from './rate-limit.ts';

export const NOT_FOUND = textReply(404, '404 Not Found.');
const TOO_MANY = errorReply('too-many-requests', '429 Too Many Requests.', {
  headers: { 'retry-after': '1' },
});
const FORBIDDEN = errorReply('denied', '403 Forbidden.');
const PLAIN = { 'content-type': 'text/plain', 'cache-control': 'no-store' };
const NO_BYTES = Buffer.alloc(0);
/** As the original says it: a load takes about so long. */
const LOADING = errorReply(
  'loading',
  'this content is being loaded from a peer, or too many others are; ask again later',
  { headers: { 'retry-after': '120' } },
);

export interface DtfcParts {
  readonly files: FileLayer;
  readonly clock: Clock;
  readonly switches: DenySwitches;
  readonly peers: PeerList;
  readonly loads: PeerLoads;
  readonly deletes: PeerDeletes;
  readonly limit: RateLimit;
  readonly metadata: MediaMetadata;
}

type ParsedPath = Parameters<Handler>[2];

export class DtfcGateway {
  readonly #parts: DtfcParts;

  constructor(parts: DtfcParts) {
    this.#parts = parts;
  }

  addTo(routes: Routes, metrics: Metrics): void {
    const { clock, limit } = this.#parts;
    const verbs: readonly DeniableVerb[] = ['put', 'get', 'head', 'delete'];
    const measures = new Map(
      verbs.map((verb) => [verb, new Measure(`dtfc-${verb}`, metrics, clock)]),
    );
    /** Counts a request, and refuses it where its verb is switched off. */
    const guarded = (
      verb: DeniableVerb,
      { clientAddress }: HttpRequest,
      reply: ReplyCallback,
      go: (reply: ReplyCallback) => void,
    ) => {
      const counted = measures.get(verb)?.begin(reply) ?? reply;
      if (!limit.takes(clientAddress, clock.monotonicMs())) return counted(TOO_MANY);
      return this.#parts.switches.judge(
        verb,
        () => go(counted),
        () => counted(FORBIDDEN),
      );
    };
    routes.add(
      DTFC_ROUTES.put,
      (request, reply, path) =>
        guarded('put', request, reply, (told) => this.#put(request, path, told)),
      undefined,
      FILE_BYTES_MAX,
    );
    routes.add(DTFC_ROUTES.get, (request, reply, path) => {
      if (request.method !== 'HEAD') {
        return guarded('get', request, reply, (told) => this.#get(request, path, told));
      }
      const closing: ReplyCallback = (answer) => reply(headReply(answer));
      return guarded('head', request, closing, (told) => this.#get(request, path, told));
    });
    routes.add(DTFC_ROUTES.delete, (request, reply, path) =>
      guarded('delete', request, reply, (told) => this.#delete(path, told)),
    );
    routes.add(DTFC_ROUTES.refresh, (request, reply) =>
      guarded('put', request, reply, (told) =>
        this.#parts.peers.read((_peers, problem) =>
          told(problem === undefined ? REFRESHED : errorReply('not-ready', unreadable(problem))),
        ),
      ),
    );
    routes.add(DTFC_ROUTES.health, (_request, reply) =>
      routes.whyNotReady((problem) =>
        reply(problem === undefined ? HEALTHY : errorReply('not-ready', problem)),
      ),
    );
  }

  #put(request: HttpRequest, path: ParsedPath, reply: ReplyCallback): void {
    const named = storedNameIn(pathIn(path));
    switch (named.kind) {
      case 'nowhere':
        return reply(NOT_FOUND);
      case 'too-long':
        return reply(errorReply('bad-parameter', `a name has at most ${NAME_BYTES_MAX} bytes`));
      case 'name':
        break;
    }
    if (request.header('content-range') !== undefined) {
      const instead = `curl -T FILE 'http://${hostHeader(request)}/'`;
      const what = 'a blob is stored whole, and Content-Range is of a part';
      return reply(errorReply('bad-parameter', what, { instead }));
    }
    const { body } = request;
    switch (body.kind) {
      case 'too-large':
        return reply(brokenBodyReply('too-large', FILE_BYTES_MAX));
      case 'none':
        return this.#store(named.filename, bytesStream(NO_BYTES), reply);
      case 'bytes':
        return assert(false, 'a blob is taken piece by piece');
      case 'stream':
        return this.#store(named.filename, body.stream, reply);
    }
  }

  #store(filename: string, body: ByteStream, reply: ReplyCallback): void {
    this.#parts.files.put(
      {
        key: ({ sha512 }) => blobKey(sha512),
        body,
        bytesMax: FILE_BYTES_MAX,
        contentType: typeOfName(filename),
        attributes: { [FILENAME]: filename },
        replicationClass: DEFAULT_CLASS,
        waitsForAll: false,
        condition: NO_CONDITION,
        expected: {},
      },
      (outcome) => reply(storedReply(outcome)),
    );
  }

  #get(request: HttpRequest, path: ParsedPath, reply: ReplyCallback): void {
    const named = namedBlobIn(pathIn(path));
    if (named === undefined) return reply(NOT_FOUND);
    const parsed = conditionOf(request, () => `/${named.hash}`);
    if ('fault' in parsed)
      return reply(errorReply('bad-parameter', parsed.fault.what, parsed.fault));
    const { files, loads, metadata } = this.#parts;
    const { hash, option } = named;
    const { texts: condition } = parsed;
    const answer = (found: FindBlobOutcome): void => {
      if (found.kind !== 'found') return reply(unfoundReply(found));
      const { file } = found;
      const { contentType } = file.manifest;
      const tag = tagHeaders(etagOf(file.record));
      if (option === METADATA && request.method === 'GET') {
        return metadata.of(hash, filenameOf(file.manifest), reply);
      }
      return answerFile(files, request, { file, condition, tag, contentType }, (outcome) =>
        reply(
          outcome.kind === 'reply'
            ? withName(outcome.reply, filenameOf(file.manifest))
            : failedReply(outcome),
        ),
      );
    };
    return findBlob(files, hash, (found) => {
      const asksPeers = request.method === 'GET' && option !== NO_PEERS;
      if (found.kind !== 'absent' || !asksPeers) return answer(found);
      return loads.load(hash, (outcome) => {
        switch (outcome.kind) {
          case 'loaded':
            return findBlob(files, hash, answer);
          case 'nowhere':
            return reply(NOT_FOUND);
          case 'busy':
            return reply(LOADING);
          case 'failed':
            return reply(failedReply(outcome));
        }
      });
    });
  }

  #delete(path: ParsedPath, reply: ReplyCallback): void {
    const named = namedBlobIn(pathIn(path));
    // An option that is none must not delete: it may be a slip of one that deletes elsewhere as well.
    if (named === undefined || ![undefined, ALL_PEERS].includes(named.option)) {
      return reply(NOT_FOUND);
    }
    const { files, deletes } = this.#parts;
    const { hash, option } = named;
    return files.find(blobKey(hash), (found) => {
      if (found.kind === 'failed') return reply(failedReply(found));
      const atPeers = (file: FileVersion | undefined) =>
        deletes.deleteAt(hash, (told) => reply(deletedAtPeers(hash, file, told)));
      if (found.kind === 'absent')
        return option === ALL_PEERS ? atPeers(undefined) : reply(NOT_FOUND);
      return files.delete(blobKey(hash), NO_CONDITION, (outcome) =>
        outcome.kind === 'deleted' && option === ALL_PEERS
          ? atPeers(found.file)
          : reply(deletedReply(outcome, found.file)),
      );
    });
  }
}

/** The option of a GET that asks for what this cluster has, and of a DELETE that peers are asked for as well. */
const NO_PEERS = 'nopeerload';
const ALL_PEERS = 'allpeers';
const METADATA = 'ffmetadata';
const REFRESHED: WholeReply = { status: 200, headers: PLAIN, body: '' };

function unreadable(problem: string): string {
  return `the list of peers cannot be read, and the last one that could counts: ${problem}`;
}

const HEALTHY: WholeReply = {
  status: 200,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  body: 'All systems go.',
};

function pathIn(path: ParsedPath): Buffer {
  return path.get('name') ?? NO_BYTES;
}

function filenameOf({ attributes }: FileManifest): string {
  // Nothing else writes it, but it goes into a header.
  return sanitisedName(attributes?.[FILENAME] ?? '');
}

function withName(reply: HttpReply, filename: string): HttpReply {
  const disposition = `attachment; filename="${filename}"`;
  return { ...reply, headers: { ...reply.headers, 'content-disposition': disposition } };
}

/**
 * `curl -X HEAD`, as scripts for the original have it, waits for a body as long as Content-Length says, or until the
 * connection ends. So there is no length, and it ends.
 */
function headReply({ status, headers }: HttpReply): HttpReply {
  const body: ByteStream = {
    length: undefined,
    read: (callback) => callback({ kind: 'end' }),
    discard: () => undefined,
  };
  return { status, headers: { ...headers, connection: 'close' }, body };
}

function failedReply({ code, detail }: FileFailure): WholeReply {
  return errorReply(code, detail);
}

function unfoundReply(found: Exclude<FindBlobOutcome, { kind: 'found' }>): WholeReply {
  switch (found.kind) {
    case 'absent':
      return NOT_FOUND;
    case 'marked':
      return found.mark === '404' ? NOT_FOUND : FORBIDDEN;
    case 'failed':
      return failedReply(found);
  }
}

/** The JSON of the original's document, in its order. */
function toldOf({ sha512, size, attributes }: FileManifest, contentType: string) {
  const filename = attributes?.[FILENAME] ?? '';
  return { sha512, filename, length: size, content_type: contentType, stub: true };
}

function jsonOf(told: Readonly<Record<string, unknown>>): WholeReply {
  return { status: 200, headers: PLAIN, body: JSON.stringify(told) };
}

/** As `toldOf`, with the content type up to its semicolon, as the original has it. */
function deletedOf({ manifest }: FileVersion) {
  const [type = ''] = (manifest.contentType ?? '').split(';', 1);
  return { deleted: true, ...toldOf(manifest, type) };
}

/** @param file what was deleted here; undefined where nothing was */
function deletedAtPeers(
  hash: ContentHash,
  file: FileVersion | undefined,
  peers: readonly ToldByPeer[],
): WholeReply {
  const own = file === undefined ? { deleted: false, sha512: hash } : deletedOf(file);
  return jsonOf({ ...own, peers });
}

function storedReply(outcome: PutFileOutcome): WholeReply {
  switch (outcome.kind) {
    case 'stored': {
      const { manifest } = outcome.file;
      return jsonOf(toldOf(manifest, manifest.contentType ?? ''));
    }
    case 'broken':
      return brokenBodyReply(outcome.why, FILE_BYTES_MAX);
    case 'mismatch':
      return errorReply('bad-parameter', `${outcome.detail}; nothing was stored`);
    case 'not-stored':
      return failedReply({ ...outcome, detail: `${outcome.detail}; nothing was stored` });
    case 'unmet':
      throw new InvariantBroken('a blob is stored without a condition');
    case 'unknown': {
      const what =
        'not everybody confirmed in time: the blob may or may not be stored; send it again';
      return errorReply('outcome-unknown', what, versionOf(outcome));
    }
  }
}

function deletedReply(outcome: DeleteFileOutcome, file: FileVersion): WholeReply {
  switch (outcome.kind) {
    case 'deleted':
      return jsonOf(deletedOf(file));
    case 'not-stored':
      return failedReply({ ...outcome, detail: `${outcome.detail}; nothing was deleted` });
    case 'unmet':
      throw new InvariantBroken('a blob is deleted without a condition');
    case 'unknown': {
      const what = 'not everybody confirmed in time: the blob may or may not be deleted; ask again';
      return errorReply('outcome-unknown', what, versionOf(outcome));
    }
  }
}

function versionOf({ version }: Extract<PutFileOutcome, { kind: 'unknown' }>) {
  return version === undefined ? {} : { headers: { 'x-fog-version': printVersion(version) } };
}
