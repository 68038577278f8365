// `velour sfss-post`: the simple client of the small file storage service, which posts one file, and its benchmark, which
// posts it many times.

import { readFileSync, statSync } from 'node:fs';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { openExchanges } from '../cluster/io/network/exchanges.ts';
import { systemClock, systemTimers } from '../cluster/io/process/system.ts';
import { type Address, formatAddress, parseAddress } from '../cluster/model/identity.ts';
import { encodeBytes } from '../cluster/wire/query.ts';
import type { PostResult } from '../load/post-run.ts';
import { total } from '../load/result.ts';
import { addressOf, endpointsOf, strangerAt } from './keys/endpoint.ts';
import { type Arguments, type Command, usage } from './options.ts';
import { onOneLine, printData } from './printing.ts';

const PORT = 12080;
const REQUESTS_MAX = 10_000_000;
const CONNECTIONS = 8;
const CONNECTIONS_MAX = 1000;
const TIMEOUT_SECONDS_MAX = 3600;
/** It is read into memory, as by the original's client; what is longer `curl -T` streams. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

export const sfssPostCommand: Command = {
  usage: 'sfss-post',
  describe: 'Post a file to /files; with --requests many times, to measure that',
  options: {
    endpoint: {
      type: 'string',
      describe: 'URL of a frontend, or HOST:PORT; of several with commas the first one',
    },
    host: {
      type: 'string',
      describe: 'In its place the host of a frontend, or HOST:PORT; by default 127.0.0.1',
    },
    port: { type: 'number', describe: 'Its port; by default 12080' },
    path: { type: 'string', describe: 'Where the file is to be stored' },
    filepath: { type: 'string', describe: 'The local file' },
    requests: {
      type: 'number',
      describe: 'Post it so many times, to the path with -0, -1 and so on before its ending',
    },
    connections: {
      type: 'number',
      default: CONNECTIONS,
      describe: 'With --requests: so many at once',
    },
    timeout: { type: 'number', default: 60, describe: 'Seconds that a request may take' },
    json: { type: 'boolean', default: false, describe: 'Print the figures as JSON' },
  },
  positionals: {},
  examples: [
    [
      'velour sfss-post --path folder/subfolder/filename.ext --filepath /path/to/local/file',
      'one file',
    ],
    [
      'velour sfss-post --path bench/a.jpg --filepath a.jpg --requests 10000 --connections 32',
      'files a second, and how long they take',
    ],
  ],
  async run(words) {
    const frontend = frontendOf(words);
    const path = words.text('path');
    const body = contentOf(words.text('filepath'));
    const isBenchmark = words.optionalText('requests') !== undefined;
    const requests = isBenchmark ? words.integer('requests', { min: 1, max: REQUESTS_MAX }) : 1;
    const connections = words.integer('connections', { min: 1, max: CONNECTIONS_MAX });
    if (!isBenchmark && connections !== CONNECTIONS) throw usage('--connections is of --requests');
    const timeoutMs = 1000 * words.number('timeout', { min: 0.1, max: TIMEOUT_SECONDS_MAX });
    const { PostRun } = await import('../load/post-run.ts');
    const ports = { clock: systemClock, timers: systemTimers, open: openExchanges };
    const result = await new Promise<PostResult>((resolve) =>
      new PostRun(
        ports,
        {
          frontend,
          requests,
          connections,
          timeoutMs,
          requestOf: (number) => ({
            method: 'POST',
            path: targetOf(isBenchmark ? numbered(path, number) : path),
            body,
          }),
        },
        resolve,
      ).start(),
    );
    if (!isBenchmark) await refuseFailure(result, frontend);
    if (isBenchmark || words.flag('json')) {
      await printData(
        `${words.flag('json') ? jsonOf(result, body) : await textOf(result, body, frontend)}\n`,
      );
    }
    process.exit(total(result.errors) === 0 ? 0 : EXIT.broken);
  },
};

function frontendOf(words: Arguments): Address {
  const hasHost = words.optionalText('host') !== undefined;
  const hasPort = words.optionalText('port') !== undefined;
  if (words.optionalText('endpoint') === undefined) return hostOf(words);
  if (!words.isTyped('endpoint')) return hasHost || hasPort ? hostOf(words) : endpointOf(words);
  if (!words.isTyped('host') && !words.isTyped('port')) return endpointOf(words);
  throw usage('--endpoint is in the place of --host and --port: give one of them');
}

function endpointOf(words: Arguments): Address {
  const [endpoint = ''] = endpointsOf(words);
  const address = endpoint.replace(/^http:\/\//, '');
  if (parseAddress(addressOf(endpoint)) !== undefined && !address.includes('/')) {
    return addressOf(endpoint);
  }
  throw usage(`endpoint is ${endpoint}, and must be http://HOST:PORT here, without a path`);
}

/** As in the original, the host may have the port in it. */
function hostOf(words: Arguments): Address {
  const host = words.optionalText('host') ?? '127.0.0.1';
  if (parseAddress(host) !== undefined) {
    if (words.isTyped('port')) throw usage(`host is ${host}, with a port: leave --port away`);
    return host as Address;
  }
  const port = words.optionalText('port') === undefined ? PORT : words.port('port');
  const address = formatAddress(host.replace(/^\[(.*)\]$/, '$1'), port);
  if (parseAddress(address) !== undefined) return address as Address;
  throw usage(`host is ${host}, and must be a host, or HOST:PORT`);
}

function contentOf(path: string): Buffer {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw usage(`filepath is ${path}, which is no file`);
    if (stat.size > FILE_BYTES_MAX) {
      throw usage(
        `filepath is ${path}, of ${stat.size} bytes; ${FILE_BYTES_MAX} are the most here: curl -T streams it`,
      );
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof FatalError) throw error;
    throw usage(
      `filepath is ${path}, which cannot be read: ${(error as NodeJS.ErrnoException).code}`,
    );
  }
}

function targetOf(path: string): string {
  return `/files?path=${encodeBytes(Buffer.from(path))}`;
}

/** Many posts to one path would be sets of one key, of which only the newest is stored. */
function numbered(path: string, number: number): string {
  return path.replace(/(?=(?:\.[^./]*)?$)/, `-${number}`);
}

/** @throws FatalError where the one file was not stored */
async function refuseFailure({ errors, refusal }: PostResult, frontend: Address): Promise<void> {
  const [error] = Object.keys(errors);
  if (error === undefined) return;
  if (refusal === undefined) {
    throw new FatalError(EXIT.unavailable, `${frontend} did not answer: ${error}`);
  }
  const stranger = refusal.status === 404 ? await strangerAt(`http://${frontend}`) : undefined;
  if (stranger !== undefined) throw new FatalError(EXIT.unavailable, stranger);
  const text = onOneLine(refusal.body.toString().trim()) || 'it gave no reason';
  const code = refusal.status >= 500 ? EXIT.unavailable : EXIT.broken;
  throw new FatalError(code, `the file was not stored: ${error}: ${text}`);
}

function jsonOf({ refusal: _, ...figures }: PostResult, body: Buffer): string {
  return JSON.stringify({ bytes: body.length, ...figures });
}

async function textOf(
  { stored, seconds, perSecond, latencyMs, errors }: PostResult,
  body: Buffer,
  frontend: Address,
): Promise<string> {
  const { printCount, printMs, printSeconds } = await import('../load/words.ts');
  const files = `${printCount(stored)} files of ${printCount(body.length)} bytes`;
  const latency = `p50 ${printMs(latencyMs?.p50)}, p99 ${printMs(latencyMs?.p99)}, max ${printMs(latencyMs?.max)}`;
  const lines = [
    `${files} in ${printSeconds(seconds)}: ${printCount(perSecond)} files/s, ${latency}`,
    ...Object.entries(errors).map(
      ([error, times]) => `errors: ${printCount(times)} ${error}, of ${frontend}`,
    ),
  ];
  return lines.join('\n');
}
