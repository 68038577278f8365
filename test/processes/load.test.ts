// `velour load` as people run it: on a real cluster, on one that dies under it, and on frontends that lie.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Context, LoadResult } from '../../src/load/result.ts';
import { get } from '../helpers/client.ts';
import {
  CLI,
  freePorts,
  type LocalCluster,
  ROOT,
  Started,
  startCluster,
  velour,
} from '../helpers/cluster.ts';
import { Fleet } from '../helpers/fleet.ts';
import { temporaryFolder } from '../helpers/folder.ts';

/** Without a word of progress: on a slow machine the fill takes long enough for one. */
const SHORT = '--quiet --records 500 --warm-up 0 --duration 1 --connections 4'.split(' ');

type Printed = LoadResult & Context;

async function load(words: readonly string[]) {
  const process = velour(['load', ...words]);
  onTestFinished(() => process.stop('SIGKILL').then(() => undefined));
  const code = await process.exit();
  return { code, stdout: process.stdout, stderr: process.stderr };
}

async function loadJson(words: readonly string[]) {
  const ended = await load([...words, '--json']);
  return { ...ended, result: JSON.parse(ended.stdout) as Printed };
}

/** With a limit of descriptors, and some of them taken before it begins. */
async function loadWithin(descriptors: number, taken: number, words: readonly string[]) {
  const take = Array.from({ length: taken }, (_, index) => `exec ${index + 20}</dev/null;`);
  const script = `${take.join(' ')} ulimit -n ${descriptors}; exec "$0" "$@"`;
  const started = new Started('bash', ['-c', script, process.execPath, CLI, 'load', ...words]);
  onTestFinished(() => started.stop('SIGKILL').then(() => undefined));
  return { code: await started.exit(), stdout: started.stdout, stderr: started.stderr };
}

test('more connections than it may have descriptors are refused before anything is sent', async () => {
  // Node opens the modules of the command all at once: with much less it does not even start.
  const { code, stderr } = await loadWithin(128, 0, ['127.0.0.1:1', '--connections', '128']);
  expect(stderr).toMatch(/connections is 128, and this process may have 128 .* ulimit -n/);
  expect(code).toBe(2);
});

test('descriptors that run out all the same are an error of its own, not of the frontend', async () => {
  const server = createServer((_, response) => response.writeHead(200).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const words = [address, ...SHORT.slice(0, -2), '--connections', '360', '--json', '--skip-fill'];
  const { code, stdout } = await loadWithin(400, 200, words);
  const { all } = JSON.parse(stdout) as Printed;
  expect(Object.keys(all.errors)).toContain('exhausted');
  expect(Object.keys(all.errors)).not.toContain('unreachable');
  expect(code).toBe(1);
});

describe('on a cluster', () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await startCluster({ storages: 2, redundancy: 2 });
  });
  afterAll(() => cluster.stop());

  test.each(['a', 'b', 'c', 'd', 'f'])(
    'workload %s runs, nothing fails, nothing is broken',
    async (name) => {
      const words = [...cluster.frontends, '--workload', name, '--value-size', 'zipfian:1-2000'];
      const { code, result, stderr } = await loadJson([...words, ...SHORT]);
      expect(result.all.errors).toEqual({});
      expect(result.violationExamples).toEqual([]);
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(result.fill).toMatchObject({ stored: 500, problem: null });
      expect(result.all.count).toBeGreaterThan(10);
      expect(result.verifiedReads).toBeGreaterThan(5);
      expect(result.parameters).toMatchObject({ workload: name, frontends: cluster.frontends });
    },
  );

  test('what it stored is there, as it says, and a later run may read it without a fill', async () => {
    const words = [cluster.frontends[0] ?? '', ...SHORT, '--key-prefix', 'kept:'];
    expect((await load([...words, '--value-size', '60'])).code).toBe(0);
    const value = await get(cluster.frontends[1] ?? '', 'kept:7');
    expect(value.text).toMatch(/^kept:7 \d+ 60\n[a-z2-7]+$/);
    const later = await loadJson([...words, '--skip-fill', '--workload', 'c']);
    expect(later.code).toBe(0);
    expect(later.result).toMatchObject({ fill: null, all: { misses: 0 } });
    expect(later.result.verifiedReads).toBeGreaterThan(5);
  });

  test('an open loop, the table, and the page', async () => {
    const { path } = temporaryFolder();
    const report = join(path, 'out.html');
    const words = [...cluster.frontends, ...SHORT, '--rate', '50', '--arrivals', 'poisson'];
    const { code, stdout } = await load([...words, '--report', report]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^loop +open: 50 requests\/s, poisson arrivals$/m);
    expect(stdout).toMatch(/^read +[\d,]+ +\d+ +[\d.]+ m?s/m);
    expect(stdout).toMatch(/^ {2}service/m);
    expect(stdout).toMatch(/^verified: \d+ gets, none corrupt, stale or lost$/m);
    const page = readFileSync(report, 'utf8');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page.match(/<svg /g)).toHaveLength(3);
    expect(page).not.toMatch(/https?:|<script|<link/);
    expect(page).toContain(cluster.frontends[0]);
  });

  test('the lines of docs/load.md run, and it names all that --json prints', async () => {
    const text = readFileSync(join(ROOT, 'docs/load.md'), 'utf8');
    const lines = [...text.matchAll(/^velour load (.*?)(?: +#.*)?$/gm)].map(
      ([, words = '']) => words,
    );
    expect(lines).toHaveLength(6);
    const { path } = temporaryFolder();
    for (const line of lines) {
      const words = line
        .replace('out.html', join(path, 'out.html'))
        .replace('127.0.0.1:12080', cluster.frontends[0] ?? '')
        .replace('127.0.0.1:12081', cluster.frontends[1] ?? '')
        .split(' ');
      const short = ['--duration', '1', '--warm-up', '0', '--records', '300'];
      if (!words.includes('--quiet')) short.push('--quiet');
      const { code, stdout, stderr } = await load([...words, ...short]);
      expect(stderr).toBe('');
      expect(code, line).toBe(0);
      if (!line.includes('--json')) continue;
      for (const name of Object.keys(JSON.parse(stdout))) expect(text).toContain(`\`${name}\``);
    }
    expect(existsSync(join(path, 'out.html'))).toBe(true);
  });

  test('--quiet leaves the progress out', async () => {
    const words = [...cluster.frontends, '--records', '50', '--warm-up', '0', '--duration', '6'];
    expect((await load([...words, '--quiet'])).stderr).toBe('');
  });

  test('a signal ends it, of which stderr told how far it is: with what was measured so far, the page, and 130', async () => {
    const { path } = temporaryFolder();
    const report = join(path, 'out.html');
    const words = [...cluster.frontends, '--records', '50', '--warm-up', '0', '--duration', '600'];
    const process = velour(['load', ...words, '--json', '--report', report]);
    onTestFinished(() => process.stop('SIGKILL').then(() => undefined));
    await process.printed('stderr', ' of 600 s: ');
    expect(await process.stop('SIGINT')).toBe(130);
    expect(process.stderr).toMatch(/^\d of 600 s: [\d,]+\/s, p50 .*, p99 .*, 0 errors\/s$/m);
    expect(process.stderr, 'no terminal, no colours').not.toContain('\x1b');
    const result = JSON.parse(process.stdout) as Printed;
    expect(result.interrupted).toBe(true);
    expect(result.all.count).toBeGreaterThan(10);
    expect(result.seconds).toBeLessThan(600);
    expect(readFileSync(report, 'utf8')).toContain('Interrupted: ');
  });
});

describe('on a cluster that dies under it', () => {
  test('errors are counted by kind to the end, the page is written, and the exit code is 1', async () => {
    const fleet = await Fleet.start({ storages: 2, redundancy: 2, frontends: 2 });
    onTestFinished(() => fleet.stop());
    const { path } = temporaryFolder();
    const report = join(path, 'out.html');
    const frontends = fleet.frontends.map(({ address }) => address);
    const words = ['--records', '100', '--warm-up', '0', '--duration', '9', '--connections', '6'];
    const process = velour(['load', ...frontends, ...words, '--json', '--report', report]);
    onTestFinished(() => process.stop('SIGKILL').then(() => undefined));
    await process.printed('stderr', ' of 9 s: ');
    await Promise.all(fleet.nodes.map((node) => node.kill()));
    expect(await process.exit()).toBe(1);
    const result = JSON.parse(process.stdout) as Printed;
    expect(result.seconds).toBe(9);
    expect(result.interrupted).toBe(false);
    expect(result.all.count).toBeGreaterThan(10);
    expect(result.all.errors.refused).toBeGreaterThan(6);
    // Six connections that try once a second, after a few quicker tries.
    expect(result.all.errors.refused).toBeLessThan(6 * 25);
    expect(result.timeline).toHaveLength(9);
    expect(result.violationExamples).toEqual([]);
    expect(readFileSync(report, 'utf8')).toContain('refused');
  });

  test('one frontend of two: the other goes on', async () => {
    const fleet = await Fleet.start({ storages: 1, redundancy: 1, frontends: 2 });
    onTestFinished(() => fleet.stop());
    const frontends = fleet.frontends.map(({ address }) => address);
    const words = ['--records', '100', '--warm-up', '0', '--duration', '9', '--connections', '4'];
    const process = velour(['load', ...frontends, ...words, '--json']);
    onTestFinished(() => process.stop('SIGKILL').then(() => undefined));
    await process.printed('stderr', ' of 9 s: ');
    await fleet.frontend(1).kill();
    expect(await process.exit()).toBe(1);
    const result = JSON.parse(process.stdout) as Printed;
    expect(result.all.errors.refused).toBeGreaterThan(1);
    expect(result.timeline.at(-1)?.count).toBeGreaterThan(0);
    expect(result.violationExamples).toEqual([]);
  });
});

describe('on a frontend that lies', () => {
  type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

  async function server(handler: Handler): Promise<string> {
    const http = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => handler(request, response, Buffer.concat(chunks)));
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      http.closeAllConnections();
      http.close();
    });
    return `127.0.0.1:${(http.address() as AddressInfo).port}`;
  }

  /** Keeps what is set; `lie` may answer a get first, @returns whether it did. */
  function keeper(
    lie: (response: ServerResponse, of: { first: Stored; last: Stored }) => boolean,
  ): Handler {
    const first = new Map<string, Stored>();
    const last = new Map<string, Stored>();
    let version = 0x100;
    return (request, response, body) => {
      const key = request.url ?? '';
      const name = key.slice(key.indexOf('=') + 1);
      if (request.method === 'POST') {
        const stored = { body, version: (++version).toString(16).padStart(16, '0') };
        if (!first.has(name)) first.set(name, stored);
        last.set(name, stored);
        response.writeHead(200, { 'X-Fog-Version': stored.version }).end('Ok\n');
        return;
      }
      const [oldest, newest] = [first.get(name), last.get(name)];
      if (oldest === undefined || newest === undefined)
        response.writeHead(404).end('no such key\n');
      else if (!lie(response, { first: oldest, last: newest })) {
        response.writeHead(200, { 'X-Fog-Version': newest.version }).end(newest.body);
      }
    };
  }

  interface Stored {
    readonly body: Buffer;
    readonly version: string;
  }

  const RUN = ['--workload', 'a', '--records', '20', '--warm-up', '0', '--duration', '1'];

  test('none of that is seen of an honest one', async () => {
    const { code, result } = await loadJson([await server(keeper(() => false)), ...RUN]);
    expect(result.violations).toEqual({ corrupt: 0, stale: 0, lost: 0, unversioned: 0 });
    expect(code).toBe(0);
  });

  test.each([
    [
      'stale',
      (response: ServerResponse, { first }: { first: Stored }) => {
        response.writeHead(200, { 'X-Fog-Version': first.version }).end(first.body);
        return true;
      },
    ],
    [
      'corrupt',
      (response: ServerResponse, { last }: { last: Stored }) => {
        const body = Buffer.from(last.body);
        body[50] = (body[50] ?? 0) ^ 1;
        response.writeHead(200, { 'X-Fog-Version': last.version }).end(body);
        return true;
      },
    ],
    [
      'lost',
      (response: ServerResponse) => {
        response.writeHead(404).end('no such key\n');
        return true;
      },
    ],
    [
      'unversioned',
      (response: ServerResponse, { last }: { last: Stored }) => {
        response.writeHead(200).end(last.body);
        return true;
      },
    ],
  ] as const)('%s is found, named, and the exit code is 1', async (kind, lie) => {
    const { code, result } = await loadJson([await server(keeper(lie)), ...RUN]);
    expect(code).toBe(1);
    expect(result.violations[kind]).toBeGreaterThan(0);
    const others = Object.entries(result.violations).filter(([name]) => name !== kind);
    expect(others.map(([, times]) => times)).toEqual([0, 0, 0]);
    expect(result.violationExamples[0]).toMatch(new RegExp(`^${kind}: get of load-\\d+ through `));
    expect(result.all.errors).toEqual({});
  });

  test('errors are counted by status and code', async () => {
    const refusing: Handler = (request, response) => {
      const code = request.method === 'POST' ? 'overloaded' : 'unanswered';
      response.writeHead(503, { 'X-Fog-Error': code }).end('later\n');
    };
    const words = [await server(refusing), ...RUN, '--skip-fill'];
    const { code, stdout } = await load(words);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}read: [\d,]+ 503 unanswered$/m);
    expect(stdout).toMatch(/^ {2}update: [\d,]+ 503 overloaded$/m);
  });
});

describe('what it refuses', () => {
  test('frontends that are not there: 69 and one line, and no empty page is left behind', async () => {
    const [one, two] = await freePorts(2);
    const { path } = temporaryFolder();
    const report = join(path, 'out.html');
    const words = [`127.0.0.1:${one}`, `127.0.0.1:${two}`, ...SHORT, '--report', report];
    const { code, stdout, stderr } = await load(words);
    expect(code).toBe(69);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      `velour: no frontend could be reached: 127.0.0.1:${one} refuses connections; 127.0.0.1:${two} refuses connections\n`,
    );
    expect(existsSync(report)).toBe(false);
  });

  test('a page that cannot be written: before anything is sent, and what is there stays', async () => {
    const { path } = temporaryFolder();
    for (const report of [join(path, 'nowhere', 'out.html'), path]) {
      const { code, stderr } = await load(['127.0.0.1:1', '--report', report]);
      expect(code).toBe(78);
      expect(stderr).toMatch(/the report cannot be written to .*: (ENOENT|EISDIR)\n$/);
    }
    const earlier = join(path, 'earlier.html');
    writeFileSync(earlier, 'an earlier one');
    expect((await load(['127.0.0.1:1', '--report', earlier, '--timeout', '1'])).code).toBe(69);
    expect(readFileSync(earlier, 'utf8')).toBe('an earlier one');
    rmSync(earlier);
  });

  test.each([
    ['', /<frontends..> is missing; it is velour load <frontends..>/],
    ['localhost', /frontends has localhost, and each must be HOST:PORT/],
    ['127.0.0.1:1 --workload e', /workload is e, and must be one of/],
    ['127.0.0.1:1 --chooser random', /chooser is random, and must be one of/],
    ['127.0.0.1:1 --records 0', /records is 0/],
    ['127.0.0.1:1 --value-size 10-20', /value-size has "10-20", which is no BYTES/],
    ['127.0.0.1:1 --value-size 1:50%,2:40%', /value-size has shares of 90 %/],
    ['127.0.0.1:1 --rate 0', /rate is 0, and must be a number from 0.001/],
    ['127.0.0.1:1 --rate fast', /rate is fast, and must be a number/],
    ['127.0.0.1:1 --duration 0', /duration is 0/],
    ['127.0.0.1:1 --warm-up -1', /warm-up is -1/],
    ['127.0.0.1:1 --timeout 0', /timeout is 0/],
    ['127.0.0.1:1 --connections 20000', /connections is 20000/],
    ['127.0.0.1:1 127.0.0.1:2 --connections 1', /2 frontends need at least as many connections/],
    ['127.0.0.1:1 --key-prefix a&b', /key-prefix must be/],
    ['127.0.0.1:1 --worklaod a', /unknown option --worklaod; did you mean --workload\?/],
  ])('velour load %s exits 2', async (words, message) => {
    const { code, stdout, stderr } = await load(words.split(' ').filter(Boolean));
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });
});
