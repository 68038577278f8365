// Where the commands of keys send their requests: the frontends of --endpoint, and what is said when one does not answer
// as a frontend does.

import { type ConditionFailedError, VelourError } from '../../client/errors.ts';
import type { VelourClient } from '../../client/http-client.ts';
import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { type Address, parseAddress } from '../../cluster/model/identity.ts';
import { type Arguments, type OptionTable, usage } from '../options.ts';

const TIMEOUT_SECONDS_MAX = 600;
const ENDPOINTS_MAX = 256;
const ASK_MS = 2000;
/** A command has a few requests under way; a pool would open a connection for each. */
const CONNECTIONS = 4;

export const ENDPOINT_OPTION: OptionTable = {
  endpoint: {
    type: 'string',
    default: 'http://127.0.0.1:12080',
    describe: 'URL of a frontend, or several with commas: the next one is asked when one is silent',
  },
};

export const CALL_OPTIONS: OptionTable = {
  ...ENDPOINT_OPTION,
  timeout: { type: 'number', default: 10, describe: 'Seconds that a call may take' },
};

export const BASE64_OPTION: OptionTable = {
  base64: {
    type: 'boolean',
    default: false,
    describe: 'The keys on the command line are base64, for bytes that are no text',
  },
};

/** @returns the URLs without a slash at their ends */
export function endpointsOf(words: Arguments): readonly string[] {
  const texts = words
    .text('endpoint')
    .split(',')
    .map((text) => text.trim());
  const urls = texts.filter((text) => text !== '').map(urlOf);
  const distinct = [...new Set(urls)];
  if (distinct.length >= 1 && distinct.length <= ENDPOINTS_MAX) return distinct;
  throw usage(`endpoint is ${words.text('endpoint')}, and must be 1 to ${ENDPOINTS_MAX} URLs`);
}

function urlOf(text: string): string {
  const url = text.includes('://') ? text : `http://${text}`;
  // A URL takes a number alone for an IPv4 address.
  if (!/^\d+$/.test(text) && /^https?:\/\/[^/]/i.test(url) && URL.canParse(url)) {
    const { origin, pathname, search, hash } = new URL(url);
    if (search === '' && hash === '') return `${origin}${pathname.replace(/\/+$/, '')}`;
  }
  throw usage(
    `endpoint has ${text}, and must be the URL of a frontend, such as http://127.0.0.1:12080, or HOST:PORT`,
  );
}

/** How long a call may take, in ms. */
export function timeoutMsOf(words: Arguments): number {
  return 1000 * words.number('timeout', { min: 0.001, max: TIMEOUT_SECONDS_MAX });
}

/**
 * Opens a client, works with it, and closes it.
 * @throws FatalError for what the client refuses, with what to do
 */
export async function withClient<T>(
  words: Arguments,
  work: (client: VelourClient) => Promise<T>,
): Promise<T> {
  const frontends = endpointsOf(words);
  const timeoutMs = timeoutMsOf(words);
  const { VelourClient: Client } = await import('../../client/http-client.ts');
  const client = new Client({ frontends, timeoutMs, connections: CONNECTIONS });
  try {
    return await work(client);
  } catch (error) {
    if (error instanceof VelourError) throw await fatalOf(error, frontends);
    throw error;
  } finally {
    await client.close();
  }
}

/** Refusals of arguments, which the client mostly finds before anything is sent. */
const USAGE: readonly string[] = [
  'empty-key',
  'key-too-long',
  'bad-ttl',
  'bad-parameter',
  'bad-query',
  'bad-cursor',
];

/** @returns the exit code for an error of a call */
export function exitCodeOf({ code, status }: VelourError): number {
  if (USAGE.includes(code)) return EXIT.usage;
  return status === 0 || status >= 500 ? EXIT.unavailable : EXIT.broken;
}

export async function fatalOf(
  error: VelourError,
  endpoints: readonly string[],
): Promise<FatalError> {
  const { code, message } = error;
  // What answers at no path of a frontend is a node of another role, or something else.
  if (code === 'not-a-frontend' || code === 'unknown-path') {
    const what = (await Promise.all(endpoints.map(strangerAt))).find((text) => text !== undefined);
    return new FatalError(EXIT.unavailable, `${what ?? message}; ${NAME_ONE}`);
  }
  const plain = speaksNoTls(error) ? endpoints.filter((each) => each.startsWith('https:')) : [];
  if (plain.length > 0) {
    const what = `what answers at ${plain.join(', ')} speaks no TLS: a frontend is named by http://`;
    return new FatalError(EXIT.unavailable, what);
  }
  if (code === 'condition-failed') {
    const { etag } = error as ConditionFailedError;
    const present = etag === undefined ? '' : `; its ETag is ${etag}`;
    return new FatalError(exitCodeOf(error), `${message}${present}`);
  }
  if (code === 'unreachable') {
    return new FatalError(
      EXIT.unavailable,
      `${message}; see whether a frontend runs there (scripts/runlocal.sh starts some), or ${NAME_ONE}`,
    );
  }
  return new FatalError(exitCodeOf(error), message);
}

/** Whether TLS was begun with something that answered in plain text. */
function speaksNoTls({ cause }: VelourError): boolean {
  return isNoTls((cause ?? {}) as NodeJS.ErrnoException);
}

export function isNoTls({ code = '' }: Partial<NodeJS.ErrnoException>): boolean {
  return ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'].includes(code);
}

const NAME_ONE = 'name a frontend with --endpoint or VELOUR_ENDPOINT';

/** @returns what answers there in words; undefined for a frontend, and for what does not answer */
export async function strangerAt(endpoint: string): Promise<string | undefined> {
  const at = addressOf(endpoint);
  if (parseAddress(at) === undefined) return undefined;
  const { answererAt, describeAnswerer } = await import('../../cluster/io/network/answerer.ts');
  const { Names } = await import('../../cluster/io/network/names.ts');
  const answerer = await answererAt(at, ASK_MS, new Names());
  if (answerer.kind === 'silent') return undefined;
  if (answerer.kind === 'node' && answerer.role === 'frontend') return undefined;
  return `what answers at ${endpoint} is ${describeAnswerer(answerer)}, and no frontend`;
}

/** @param endpoint a URL that `endpointsOf` returned */
export function addressOf(endpoint: string): Address {
  const { host, port, protocol } = new URL(endpoint);
  return (port === '' ? `${host}:${protocol === 'https:' ? 443 : 80}` : host) as Address;
}
