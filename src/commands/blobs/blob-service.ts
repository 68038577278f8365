// Where `velour blobs put`, `get` and `rm` send their requests, and what they say when it does not answer as a blob service.

import type { Readable } from 'node:stream';
import { ERROR_HEADER, EXIT, FatalError } from '../../cluster/http/errors.ts';
import { ROLE_HEADER } from '../../cluster/http/http.ts';
import { answererAt, describeAnswerer } from '../../cluster/io/network/answerer.ts';
import { Names } from '../../cluster/io/network/names.ts';
import {
  callStreamed,
  type StreamedAnswer,
  type StreamedRequest,
} from '../../cluster/io/network/streamed-call.ts';
import { addressOf, isNoTls } from '../keys/endpoint.ts';
import { unreachable, wholeText } from '../keys/streamed.ts';
import { type Arguments, type OptionTable, usage } from '../options.ts';
import { onOneLine } from '../printing.ts';

/** A content may have to come from a peer first. */
const SILENCE_MS = 120_000;
/** How long what is no blob service may take to say what it is. */
const ASK_MS = 2000;

export const BLOBS_OPTION: OptionTable = {
  blobs: {
    type: 'string',
    default: 'http://127.0.0.1:12180',
    describe: 'URL of a blob service, or HOST:PORT',
  },
};

export interface BlobCall {
  readonly method: StreamedRequest['method'];
  /** Behind the URL of the service, with its slash. */
  readonly path: string;
  readonly body?: Readable;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @throws FatalError for every answer but 200: 1 where that is for good, 69 where it may be otherwise later */
export async function callBlobs(words: Arguments, call: BlobCall): Promise<StreamedAnswer> {
  const { origin, pathname } = urlOf(words.text('blobs'));
  const { method, body, headers = {} } = call;
  const path = `${pathname.replace(/\/+$/, '')}${call.path}`;
  const silenceMs = method === 'PUT' ? 0 : SILENCE_MS;
  const request = { method, path, headers, body, silenceMs };
  const answer = await callStreamed(origin, request).catch((error: Error) => {
    throw failureOf(origin, error);
  });
  const stranger = await strangerIn(answer, origin);
  if (stranger !== undefined) {
    answer.close();
    throw new FatalError(
      EXIT.unavailable,
      `what answers at ${origin} is ${stranger}, and no blob service; name one with --blobs or VELOUR_BLOBS`,
    );
  }
  if (answer.status === 200) return answer;
  const text = onOneLine((await wholeText(answer).catch(() => '')).trim());
  answer.close();
  const code = answer.status >= 500 || answer.status === 429 ? EXIT.unavailable : EXIT.broken;
  throw new FatalError(code, text === '' ? `${origin} answered ${answer.status}` : text);
}

function failureOf(origin: string, error: NodeJS.ErrnoException): FatalError {
  if (error.code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return new FatalError(
      EXIT.broken,
      'the file has changed while it was read: nothing was stored',
    );
  }
  if (origin.startsWith('https:') && isNoTls(error)) {
    return new FatalError(
      EXIT.unavailable,
      `what answers at ${origin} speaks no TLS: a blob service is named by http://`,
    );
  }
  return new FatalError(EXIT.unavailable, unreachable(origin, error).message);
}

/**
 * What another port of a cluster answers is not to be shown: that of a broker has a ticket, which is as good as a password.
 * @returns whose answer it is, in words; undefined where nothing speaks against a blob service
 */
async function strangerIn(answer: StreamedAnswer, origin: string): Promise<string | undefined> {
  const role = answer.header(ROLE_HEADER);
  if (role !== undefined) return `a ${onOneLine(role)}`;
  if (answer.header(ERROR_HEADER) !== 'unknown-path') return undefined;
  const answerer = await answererAt(addressOf(origin), ASK_MS, new Names());
  return answerer.kind === 'silent' ? 'another node of velour-fog' : describeAnswerer(answerer);
}

function urlOf(text: string): URL {
  const url = text.includes('://') ? text : `http://${text}`;
  if (/^https?:\/\/[^/]/i.test(url) && URL.canParse(url)) return new URL(url);
  throw usage(`blobs is ${text}, and must be a URL such as http://127.0.0.1:12180, or HOST:PORT`);
}
