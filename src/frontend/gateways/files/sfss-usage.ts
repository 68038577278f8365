// Parses a request of the small file storage service: what it asks for, or what is wrong with it and which curl line would
// be right. Pure, and looks at everything but the body, so that a request can be refused before its body is sent. What is
// legal in a path is what was legal in the original (FILES.md, 4): users have such files.

import type { ErrorCode } from '../../../cluster/http/errors.ts';
import { type HttpRequest, hostHeader, queryOf } from '../../../cluster/http/http.ts';
import { conditionOf, type TextCondition } from '../../../cluster/http/preconditions.ts';
import type { Condition } from '../../../cluster/model/condition.ts';
import { parsePairs } from '../../../cluster/wire/query.ts';
import { type FileKey, flatFileKey } from '../../../files/file-key.ts';
import { boundaryOf } from '../../../files/form-headers.ts';
import { PATH_BYTES_MAX, type SfssVerb } from './sfss-routes.ts';

/** The name of the part of a form that is the file, as the original's document has it. */
export const FILE_FIELD = 'upload_file';

/** What a form may have besides its file: heads, fields, what stands before and behind. */
export const FORM_BYTES_BESIDES = 64 * 1024;

export interface SfssUsage {
  readonly key: FileKey;
  /** The path as text, for its content type. */
  readonly path: string;
  readonly condition: Condition;
  /** The same of a GET. */
  readonly texts: TextCondition;
  /** Of the form that is the body; undefined where the body is the file. */
  readonly boundary: string | undefined;
}

export interface SfssFault {
  readonly code: ErrorCode;
  /** One sentence without a full stop. */
  readonly what: string;
  readonly instead?: string;
}

export type ReadSfssUsage = { readonly usage: SfssUsage } | { readonly fault: SfssFault };

type RequestOfFile = Pick<HttpRequest, 'target' | 'header'>;

/** @param bytesMax how long a file may be */
export function readSfssUsage(
  verb: SfssVerb,
  request: RequestOfFile,
  bytesMax: number,
): ReadSfssUsage {
  const named = pathIn(request);
  if (typeof named === 'string') return { fault: wrong(verb, request, named) };
  const { key, path } = named;
  const conditional = conditionOf(request, () => `${ENDPOINTS[verb]}?path=${EXAMPLE_PATH}`);
  if ('fault' in conditional) return { fault: { code: 'bad-parameter', ...conditional.fault } };
  const { condition, texts } = conditional;
  if (verb === 'get') return { usage: { key, path, condition, texts, boundary: undefined } };
  if (request.header('content-range') !== undefined) {
    const what = 'a file is stored whole, and Content-Range is of a part';
    return { fault: wrong(verb, request, what) };
  }
  const form = boundaryOf(request.header('content-type'));
  if (form.kind === 'wrong') {
    const what =
      'the Content-Type says that the body is a form, and has no boundary that may be one';
    return { fault: { ...wrong(verb, request, what), code: 'bad-form' } };
  }
  // A form is longer than its file: then the file is judged while it comes.
  const announced = Number(request.header('content-length') ?? 0);
  if (form.kind === 'none' && announced > bytesMax) return { fault: tooLarge(bytesMax) };
  const boundary = form.kind === 'none' ? undefined : form.boundary;
  return { usage: { key, path, condition, texts, boundary } };
}

export function tooLarge(bytesMax: number): SfssFault {
  const what = `the file is longer than this frontend takes: ${bytesMax} bytes are the most; its --sfss-max says so`;
  return { code: 'value-too-large', what };
}

/** @returns a text that says what is wrong with the path */
function pathIn({ target }: RequestOfFile): Pick<SfssUsage, 'key' | 'path'> | string {
  const pairs = parsePairs(queryOf(target));
  if (pairs === undefined) return 'a % in the query is not followed by two hex digits';
  // As in the original: the first one that is not empty counts, and other parameters mean nothing.
  const given = pairs.find(([name, value]) => name === 'path' && value !== '');
  if (given === undefined) return 'the request has no path';
  const bytes = Buffer.from(given[1], 'latin1');
  const text = bytes.toString();
  if (text.startsWith('/')) return 'the path begins with a slash';
  if (text.includes('//')) return 'the path has two slashes in a row';
  if (text.includes('\\')) return 'the path has a backslash';
  if (bytes.includes(0)) return 'the path has a NUL';
  if (bytes.length > PATH_BYTES_MAX) {
    return `the path has ${bytes.length} bytes, and ${PATH_BYTES_MAX} are the most`;
  }
  const key = flatFileKey('s', bytes);
  return key === undefined ? 'the path is no name for a file' : { key, path: text };
}

const EXAMPLE_PATH = 'folder/file.txt';
const ENDPOINTS: Readonly<Record<SfssVerb, string>> = {
  get: '/file',
  put: '/file',
  post: '/files',
};
const COMMANDS: Readonly<Record<SfssVerb, string>> = {
  get: 'curl',
  put: 'curl -T FILE',
  post: `curl -F ${FILE_FIELD}=@FILE`,
};

function wrong(verb: SfssVerb, request: RequestOfFile, what: string): SfssFault {
  return { code: 'bad-parameter', what, instead: exampleOf(verb, request) };
}

export function exampleOf(verb: SfssVerb, request: RequestOfFile): string {
  const url = `http://${hostHeader(request)}${ENDPOINTS[verb]}?path=${EXAMPLE_PATH}`;
  return `${COMMANDS[verb]} '${url}'`;
}
