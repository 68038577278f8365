// Reads answers off a raw connection, in the order of their requests. What is no HTTP is a problem of the server.

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

const HEAD_END = '\r\n\r\n';

/**
 * @param bytes all that came until the connection ended
 * @param methods of the requests, in their order
 * @returns the answers that came whole; the last one may have been cut off
 * @throws Error for bytes that are no answer
 */
export function answersIn(bytes: Buffer, methods: readonly string[]): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const headEnd = rest.indexOf(HEAD_END);
    if (headEnd < 0) break;
    const [first = '', ...lines] = rest.toString('latin1', 0, headEnd).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
    if (!(status >= 100)) throw new Error(`no answer: ${JSON.stringify(first.slice(0, 80))}`);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    rest = rest.subarray(headEnd + HEAD_END.length);
    if (status < 200) continue;
    const isLast = headers.get('connection') === 'close';
    // An answer to bytes that were no request has a body, whatever method they named.
    const isHead = methods[answers.length] === 'HEAD' && !(isLast && rest.length > 0);
    const taken = isHead || status === 204 || status === 304 ? [EMPTY, 0] : bodyIn(rest, headers);
    if (taken === undefined) break;
    const [body, length] = taken as readonly [Buffer, number];
    answers.push({ status, headers, body });
    rest = rest.subarray(length);
    if (isLast && rest.length > 0) throw new Error(`${rest.length} bytes behind the last answer`);
  }
  return answers;
}

const EMPTY = Buffer.alloc(0);

/** @returns the body, and how many bytes it takes; undefined where it was cut off */
function bodyIn(
  bytes: Buffer,
  headers: ReadonlyMap<string, string>,
): readonly [Buffer, number] | undefined {
  if (headers.get('transfer-encoding') === 'chunked') return chunksIn(bytes);
  const length = headers.get('content-length');
  // Without a length it ends with the connection.
  const end = length === undefined ? bytes.length : Number(length);
  return end <= bytes.length ? [bytes.subarray(0, end), end] : undefined;
}

function chunksIn(bytes: Buffer): readonly [Buffer, number] | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const length = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const from = lineEnd + 2;
    const to = from + length;
    if (to + 2 > bytes.length) return undefined;
    if (bytes.toString('latin1', to, to + 2) !== '\r\n') throw new Error('a chunk without its end');
    if (length === 0) return [Buffer.concat(chunks), to + 2];
    chunks.push(bytes.subarray(from, to));
    at = to + 2;
  }
}
