// The small file storage service (FILES.md, 4): /file and /files. Parses (sfss-usage.ts), hands the file to the file layer or
// out of it, and says how that ended in the statuses of the original's document: 201 and 200 with empty bodies, and 504 for
// all that nobody can do now.

import { assert } from '../../../cluster/assert.ts';
import { type ByteStream, bytesStream } from '../../../cluster/http/byte-stream.ts';
import { isContentType } from '../../../cluster/http/content-types.ts';
import { brokenBodyReply, ERRORS, errorReply } from '../../../cluster/http/errors.ts';
import {
  type HttpRequest,
  type RequestHead,
  textReply,
  type WholeReply,
} from '../../../cluster/http/http.ts';
import { Measure } from '../../../cluster/http/measure.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import { tagHeaders } from '../../../cluster/http/preconditions.ts';
import type { Handler, HeadJudge, ReplyCallback, Routes } from '../../../cluster/http/routes.ts';
import { etagOf } from '../../../cluster/model/condition.ts';
import { printVersion } from '../../../cluster/model/version.ts';
import { contentTypeOf } from '../../../files/content-type.ts';
import { DEFAULT_CLASS } from '../../../files/file-key.ts';
import { openFormFile } from '../../../files/form-file.ts';
import { answerFile, type FileFailure, unmetReply } from '../../../files/http/file-answer.ts';
import type { PutFileOutcome } from '../../../files/outcomes.ts';
import type { Gateway, GatewayContext } from '../gateway.ts';
import { SFSS_ROUTES, type SfssVerb } from './sfss-routes.ts';
import {
  exampleOf,
  FILE_FIELD,
  FORM_BYTES_BESIDES,
  readSfssUsage,
  type SfssUsage,
  tooLarge,
} from './sfss-usage.ts';

type UploadVerb = Exclude<SfssVerb, 'get'>;

const STORED: Readonly<Record<UploadVerb, number>> = { put: 200, post: 201 };
const NO_BYTES = Buffer.alloc(0);
const AGAIN = { headers: { 'retry-after': '1' } };

export class SfssGateway implements Gateway {
  readonly #context: GatewayContext;

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  addTo(routes: Routes, metrics: Metrics): void {
    const { sfssBytesMax } = this.#context;
    const bodyBytesMax = sfssBytesMax + FORM_BYTES_BESIDES;
    const answering = (verb: SfssVerb): readonly [Handler, HeadJudge] => {
      const measure = new Measure(`sfss-${verb}`, metrics, this.#context.clock);
      const judge: HeadJudge = (request) => {
        const read = this.#read(verb, request);
        if ('usage' in read) return undefined;
        measure.begin(() => undefined)(read.refusal);
        return read.refusal;
      };
      const handler: Handler = (request, reply) => {
        const counted = measure.begin(reply);
        const read = this.#read(verb, request);
        if ('refusal' in read) return counted(read.refusal);
        if (verb === 'get') return this.#get(request, read.usage, counted);
        return this.#store(verb, request, read.usage, counted);
      };
      return [handler, judge];
    };
    routes.add(SFSS_ROUTES.put, ...answering('put'), bodyBytesMax);
    routes.add(SFSS_ROUTES.post, ...answering('post'), bodyBytesMax);
    routes.add(SFSS_ROUTES.get, ...answering('get'));
  }

  #read(
    verb: SfssVerb,
    request: RequestHead,
  ): { readonly usage: SfssUsage } | { readonly refusal: WholeReply } {
    const read = readSfssUsage(verb, request, this.#context.sfssBytesMax);
    if ('usage' in read) return read;
    const { code, what, instead } = read.fault;
    return { refusal: errorReply(code, what, instead === undefined ? {} : { instead }) };
  }

  #get(request: HttpRequest, { key, path, texts }: SfssUsage, reply: ReplyCallback): void {
    const { files } = this.#context;
    files.find(key, (found) => {
      switch (found.kind) {
        case 'found': {
          const { file } = found;
          const tag = tagHeaders(etagOf(file.record));
          const answer = { file, condition: texts, tag, contentType: contentTypeOf(path) };
          return answerFile(files, request, answer, (outcome) =>
            reply(outcome.kind === 'reply' ? outcome.reply : unavailableReply(outcome)),
          );
        }
        case 'absent':
          return reply(textReply(404, 'no such file'));
        case 'failed':
          return reply(unavailableReply(found));
      }
    });
  }

  #store(verb: UploadVerb, request: HttpRequest, usage: SfssUsage, reply: ReplyCallback): void {
    const { sfssBytesMax } = this.#context;
    const { body } = request;
    switch (body.kind) {
      case 'too-large': {
        const { code, what } = tooLarge(sfssBytesMax);
        return reply(errorReply(code, what));
      }
      case 'none':
        return this.#put(verb, usage, bytesStream(NO_BYTES), reply);
      case 'bytes':
        return assert(false, 'a file is taken piece by piece');
      case 'stream':
        break;
    }
    const { stream } = body;
    const { boundary } = usage;
    if (boundary === undefined) return this.#put(verb, usage, stream, reply);
    return openFormFile(stream, { boundary, field: FILE_FIELD }, (opened) => {
      switch (opened.kind) {
        case 'file':
          return this.#put(verb, usage, opened.content, reply);
        case 'wrong': {
          const instead = exampleOf('post', request);
          return reply(errorReply('bad-form', `${opened.detail}; nothing was stored`, { instead }));
        }
        case 'broken':
          return reply(brokenBodyReply(opened.why, sfssBytesMax));
      }
    });
  }

  #put(
    verb: UploadVerb,
    { key, path, condition }: SfssUsage,
    body: ByteStream,
    reply: ReplyCallback,
  ): void {
    const { files, sfssBytesMax: bytesMax } = this.#context;
    const type = contentTypeOf(path);
    files.put(
      {
        key,
        body,
        bytesMax,
        contentType: type !== undefined && isContentType(type) ? type : undefined,
        replicationClass: DEFAULT_CLASS,
        waitsForAll: false,
        condition,
        expected: {},
      },
      (outcome) => reply(storedReply(verb, outcome, bytesMax)),
    );
  }
}

function storedReply(verb: UploadVerb, outcome: PutFileOutcome, bytesMax: number): WholeReply {
  switch (outcome.kind) {
    case 'stored': {
      const headers = tagHeaders(etagOf(outcome.file.record));
      return { status: STORED[verb], headers, body: '' };
    }
    case 'unmet':
      return unmetReply(outcome.file && tagHeaders(etagOf(outcome.file.record)));
    case 'broken':
      return brokenBodyReply(outcome.why, bytesMax);
    case 'mismatch':
      return errorReply('bad-parameter', `${outcome.detail}; nothing was stored`);
    case 'not-stored':
      return unavailableReply({ ...outcome, detail: `${outcome.detail}; nothing was stored` });
    case 'unknown': {
      const what =
        'not everybody confirmed in time: the file may or may not be stored; send it again';
      const { version } = outcome;
      const headers = version === undefined ? {} : { 'x-fog-version': printVersion(version) };
      return errorReply('outcome-unknown', what, { headers });
    }
  }
}

/** The document knows one status for whatever cannot be had now: 504. */
function unavailableReply({ code, detail }: FileFailure): WholeReply {
  if (ERRORS[code].status !== 503) return errorReply(code, detail);
  return errorReply('no-storage', `${detail} (${code})`, AGAIN);
}
