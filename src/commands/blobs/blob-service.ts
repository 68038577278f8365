// Where `velour blobs put`, `get` and `rm` send their requests, and what they say when it does not answer as a blob service.

import type { Readable } from 'node:stream';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import {
  callStreamed,
  type StreamedAnswer,
  type StreamedRequest,
} from '../../cluster/io/network/streamed-call.ts';
import { unreachable, wholeText } from '../keys/streamed.ts';
import { type Arguments, type OptionTable, usage } from '../options.ts';
import { onOneLine } from '../printing.ts';

/** A content may have to come from a peer first. */
const SILENCE_MS = 120_000;

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
    throw new FatalError(EXIT.unavailable, unreachable(origin, error).message);
  });
  if (answer.status === 200) return answer;
  const text = onOneLine((await wholeText(answer).catch(() => '')).trim());
  answer.close();
  const code = answer.status >= 500 || answer.status === 429 ? EXIT.unavailable : EXIT.broken;
  throw new FatalError(code, text === '' ? `${origin} answered ${answer.status}` : text);
}

function urlOf(text: string): URL {
  const url = text.includes('://') ? text : `http://${text}`;
  if (/^https?:\/\/[^/]/i.test(url) && URL.canParse(url)) return new URL(url);
  throw usage(`blobs is ${text}, and must be a URL such as http://127.0.0.1:12180, or HOST:PORT`);
}
