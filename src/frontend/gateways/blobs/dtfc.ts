// The content-addressed blob service (FILES.md, 4): PUT of a name answers the SHA-512 of the content, by which everybody
// reads and deletes it. Content is a file of the file layer whose key is its hash; bodies are those of the original.

import { assert } from '../../../cluster/assert.ts';
import { type ByteStream, bytesStream } from '../../../cluster/http/byte-stream.ts';
import { brokenBodyReply, errorReply } from '../../../cluster/http/errors.ts';
import { type HttpRequest, hostHeader } from '../../../cluster/http/http.ts';
import { Measure } from '../../../cluster/http/measure.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import { conditionOf, dateIn, type TextCondition } from '../../../cluster/http/preconditions.ts';
import type { Handler, ReplyCallback, Routes } from '../../../cluster/http/routes.ts';
import type { Clock } from '../../../cluster/ports.ts';
import { DEFAULT_CLASS } from '../../../files/file-key.ts';
import { answerFile } from '../../../files/http/file-answer.ts';
import { FILE_BYTES_MAX } from '../../../files/manifest.ts';
import type { FileLayer } from '../../../files/outcomes.ts';
import { deleteBlob } from './blob-delete.ts';
import { FILENAME, typeOfName } from './blob-name.ts';
import type { DeniableVerb, DenySwitches } from './deny-switches.ts';
import {
  FORBIDDEN,
  failedReply,
  faultReply,
  filenameOf,
  HEALTHY,
  headReply,
  LOADING,
  NOT_FOUND,
  REFRESHED,
  storedReply,
  TOO_MANY,
  tagHeadersOf,
  UNHEARD,
  unfoundReply,
  unreadableList,
  withName,
} from './dtfc-replies.ts';
import { DTFC_ROUTES } from './dtfc-routes.ts';
import {
  blobKey,
  conditionOnContent,
  NAME_BYTES_MAX,
  namedBlobIn,
  storedNameIn,
} from './dtfc-usage.ts';
import { type FindBlobOutcome, findBlob } from './marked-blobs.ts';
import type { MediaMetadata } from './media-metadata.ts';
import type { PeerDeletes } from './peer-deletes.ts';
import type { PeerList } from './peer-list.ts';
import type { PeerLoads } from './peer-loads.ts';
import type { RateLimit } from './rate-limit.ts';

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
      guarded('delete', request, reply, (told) => this.#delete(request, path, told)),
    );
    routes.add(DTFC_ROUTES.refresh, (request, reply) =>
      guarded('put', request, reply, (told) =>
        this.#parts.peers.read((_peers, problem) =>
          told(problem === undefined ? REFRESHED : unreadableList(problem)),
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
    const parsed = conditionOf(request, () => `/${named.filename}`);
    if ('fault' in parsed) return reply(faultReply(parsed.fault));
    const { filename } = named;
    const { texts: condition } = parsed;
    const { body } = request;
    switch (body.kind) {
      case 'too-large':
        return reply(brokenBodyReply('too-large', FILE_BYTES_MAX));
      case 'none':
        return this.#store({ filename, condition }, bytesStream(NO_BYTES), reply);
      case 'bytes':
        return assert(false, 'a blob is taken piece by piece');
      case 'stream':
        return this.#store({ filename, condition }, body.stream, reply);
    }
  }

  #store({ filename, condition }: StoredBlob, body: ByteStream, reply: ReplyCallback): void {
    this.#parts.files.put(
      {
        key: ({ sha512 }) => blobKey(sha512),
        body,
        bytesMax: FILE_BYTES_MAX,
        contentType: typeOfName(filename),
        attributes: { [FILENAME]: filename },
        replicationClass: DEFAULT_CLASS,
        waitsForAll: false,
        condition: ({ sha512 }) => conditionOnContent(condition, sha512),
        expected: {},
      },
      (outcome) => reply(storedReply(outcome)),
    );
  }

  #get(request: HttpRequest, path: ParsedPath, reply: ReplyCallback): void {
    const named = namedBlobIn(pathIn(path));
    if (named === undefined) return reply(NOT_FOUND);
    const parsed = conditionOf(request, () => `/${named.hash}`);
    if ('fault' in parsed) return reply(faultReply(parsed.fault));
    const { files, loads, metadata } = this.#parts;
    const { hash, option } = named;
    const { texts: condition } = parsed;
    const answer = (found: FindBlobOutcome): void => {
      if (found.kind !== 'found') return reply(unfoundReply(found));
      const { file } = found;
      const { contentType } = file.manifest;
      const tag = tagHeadersOf(file);
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
      return loads.load(hash, request, (outcome) => {
        switch (outcome.kind) {
          case 'loaded':
            return findBlob(files, hash, answer);
          case 'nowhere':
            return reply(NOT_FOUND);
          case 'unheard':
            return reply(UNHEARD);
          case 'busy':
            return reply(LOADING);
          case 'failed':
            return reply(failedReply(outcome));
        }
      });
    });
  }

  #delete(request: HttpRequest, path: ParsedPath, reply: ReplyCallback): void {
    const named = namedBlobIn(pathIn(path));
    // An option that is none must not delete: it may be a slip of one that deletes elsewhere as well.
    if (named === undefined || ![undefined, ALL_PEERS].includes(named.option)) {
      return reply(NOT_FOUND);
    }
    const { hash, option } = named;
    const parsed = conditionOf(request, () => `/${named.hash}`);
    if ('fault' in parsed) return reply(faultReply(parsed.fault));
    const conditions = { tags: parsed.texts, sinceMs: dateIn(request, 'if-unmodified-since') };
    return deleteBlob(this.#parts, { hash, withPeers: option === ALL_PEERS, conditions }, reply);
  }
}

interface StoredBlob {
  readonly filename: string;
  readonly condition: TextCondition;
}

/** The option of a GET that asks for what this cluster has, and of a DELETE that peers are asked for as well. */
const NO_PEERS = 'nopeerload';
const ALL_PEERS = 'allpeers';
const METADATA = 'ffmetadata';
const NO_BYTES = Buffer.alloc(0);

function pathIn(path: ParsedPath): Buffer {
  return path.get('name') ?? NO_BYTES;
}
