// The commands of keys on a real cluster: through pipes, where every byte counts, and on a terminal, which is never given
// what it would obey.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  CLI,
  childrenOf,
  freePorts,
  type LocalCluster,
  startCluster,
  velour,
} from '../helpers/cluster.ts';
import { Terminal } from '../helpers/terminal.ts';

const MANY = 20_000;
let cluster: LocalCluster;
let directory: string;
let endpoint: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
  cluster = await startCluster();
  endpoint = `http://${cluster.frontends[0]}`;
});
afterAll(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly bytes: Buffer;
  readonly stderr: string;
}

function run(
  words: readonly string[],
  { input = '', env = {} }: { input?: string | Buffer; env?: Record<string, string> } = {},
): Ran {
  const ran = spawnSync(process.execPath, [CLI, ...words], {
    input,
    env: { ...process.env, VELOUR_ENDPOINT: endpoint, ...env },
    maxBuffer: 2 ** 28,
  });
  const bytes = ran.stdout;
  return { code: ran.status, stdout: bytes.toString(), bytes, stderr: ran.stderr.toString() };
}

/** A line of a shell, in which `velour` is the command. */
function shell(line: string) {
  const script = `set -o pipefail; velour() { "${process.execPath}" "${CLI}" "$@"; }; ${line}`;
  const env = { ...process.env, VELOUR_ENDPOINT: endpoint };
  const ran = spawnSync('bash', ['-c', script], { env, maxBuffer: 2 ** 28 });
  return { code: ran.status, stdout: ran.stdout.toString(), stderr: ran.stderr.toString() };
}

const ok = (stdout = '') => expect.objectContaining({ code: 0, stdout, stderr: '' });

describe('one key', () => {
  test('words that look like numbers, options or JSON stay words', () => {
    for (const [key, value] of [
      ['007', '1e3'],
      ['1_000', '0x10'],
      ['true', 'null'],
      ['a.b', '"quoted"'],
      ['{"a":1}', ' spaces '],
      ['-5', '-.5'],
    ] as const) {
      expect(run(['set', key, value])).toEqual(ok());
      expect(run(['get', key])).toEqual(ok(value));
    }
    expect(run(['set', '--', '-x', '--json'])).toEqual(ok());
    expect(run(['get', '--', '-x'])).toEqual(ok('--json'));
    expect(run(['get', '7']).code).toBe(1);
  });

  test('a directory is no empty value, and neither is standard input that is closed', () => {
    for (const line of [
      'velour set hollow',
      'velour set hollow -',
      'velour import',
      'velour import -',
    ]) {
      expect(shell(`${line} < .`)).toEqual({
        code: 78,
        stdout: '',
        stderr: 'velour: standard input is a directory\n',
      });
    }
    expect(shell('velour mget - < .').code).toBe(78);
    expect(shell('velour delete - < .').code).toBe(78);
    for (const from of ['<&-', '< /dev/null']) {
      const ran = shell(`velour set hollow ${from}`);
      expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining("'' for an empty one")]);
    }
    expect(run(['get', 'hollow']).code).toBe(1);
    expect(shell('velour set hollow - < /dev/null')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(run(['get', 'hollow'])).toEqual(ok());
  });

  test('values are their bytes, from a word, from standard input, and empty', () => {
    const bytes = Buffer.from([...Array(256).keys(), 0x0a, 0xff, 0x0d, 0x0a]);
    for (const words of [
      ['set', 'bytes'],
      ['set', 'bytes', '-'],
    ]) {
      expect(run(words, { input: bytes })).toEqual(ok());
      expect(run(['get', 'bytes']).bytes).toEqual(bytes);
      expect(run(['delete', 'bytes'])).toEqual(ok());
    }
    expect(run(['set', 'empty', ''])).toEqual(ok());
    expect(run(['get', 'empty'])).toEqual(ok());
    const long = Buffer.alloc(3_000_000, 'long ');
    expect(run(['set', 'long', '-'], { input: long }).code).toBe(0);
    expect(run(['get', 'long']).bytes.equals(long)).toBe(true);
  });

  test('an absent key exits 1, with one line', () => {
    const { code, stdout, stderr } = run(['get', 'no\x1bsuch']);
    expect([code, stdout, stderr]).toEqual([1, '', 'velour: no such key: "no\\u001bsuch"\n']);
    expect(run(['get', 'nothing', '--json'])).toMatchObject({ code: 1, stdout: '' });
  });

  test('conditions, content type and ttl are those of the API', () => {
    const created = JSON.parse(run(['set', 'c', '1', '--if-none-match', '*', '--json']).stdout);
    expect(created).toMatchObject({ key: 'c', created: true });
    expect(run(['set', 'c', '2', '--if-none-match', '*'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(`; its ETag is ${created.etag}\n`),
    });
    expect(run(['set', 'c', '3', '--if-match', created.etag])).toEqual(ok());
    // Without the quotes, which a shell takes away.
    const { etag } = JSON.parse(run(['get', 'c', '--json']).stdout);
    const bare = etag.replaceAll('"', '');
    const words = ['--if-match', bare, '--ttl', '600', '--content-type', 'text/x'];
    expect(run(['set', 'c', '4', ...words])).toEqual(ok());
    expect(run(['delete', 'c', '--if-match', bare]).code).toBe(1);
    const entry = JSON.parse(run(['get', 'c', '--json', '--linearizable']).stdout);
    expect(entry).toMatchObject({ key: 'c', value: '4', contentType: 'text/x' });
    expect(entry.expiresAt).toBeGreaterThan(Date.now());
  });

  test('incr prints the sum, and takes from a number too', () => {
    expect(run(['incr', 'n'])).toEqual(ok('1\n'));
    expect(run(['incr', 'n', '-5'])).toEqual(ok('-4\n'));
    expect(run(['incr', 'n', '9', '--json'])).toEqual(ok('{"key":"n","value":5}\n'));
    run(['set', 'word', 'x']);
    expect(run(['incr', 'word'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/whole decimal number/),
    });
    expect(run(['incr', 'n', '1.5']).code).toBe(2);
  });

  test('keys that are no text are base64', () => {
    expect(run(['set', '--base64', '/w==', 'v'])).toEqual(ok());
    expect(run(['get', '--base64', '/w=='])).toEqual(ok('v'));
    expect(run(['get', '--base64', 'ab'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is no base64/),
    });
    expect(run(['delete', '--base64', '/w=='])).toEqual(ok());
    for (const words of ["get $'k\\xff'", "set $'k\\xff' v", "set k $'v\\xff'", "scan $'\\xff'"]) {
      const { code, stderr } = shell(`velour ${words}`);
      expect([code, stderr]).toEqual([
        2,
        expect.stringContaining('is no UTF-8, or has U+FFFD: gi'),
      ]);
    }
    expect(run(['set', '--base64', '77+9', 'v'])).toEqual(ok());
    expect(run(['delete', '--base64', '77+9'])).toEqual(ok());
  });

  test('usage is 2, with the near match', () => {
    for (const [words, message] of [
      [['get', 'k', '--endpiont', 'x'], /unknown option --endpiont; did you mean --endpoint\?/],
      [['gett', 'k'], /there is no command gett; did you mean get\?/],
      [['get'], /<key> is missing; it is velour get <key>/],
      [['get', ''], /velour: a key is empty/],
      [['set', '', 'x'], /velour: a key is empty/],
      [['set', 'k', 'x', '--ttl', '10m'], /ttl is 10m, and must be a number of seconds/],
      [['get', 'k', '--endpoint', '24080'], /endpoint has 24080, and must be the URL/],
      [['get', 'k'.repeat(1025)], /the key has 1025 bytes/],
      [['set', 'k', 'v', '--ttl', '0'], /ttl is 0/],
      [['set', 'k', 'v', '--if-match', 'a b'], /if-match is a b, and must be one ETag/],
      [['get', 'k', '--endpoint', 'ftp://x'], /endpoint has ftp:\/\/x/],
      [['scan', '--limit', '0'], /limit is 0/],
      [['delete'], /name a key, or -/],
      [['delete', 'a', '--prefix', 'b'], /not both/],
      [['export', '--resume'], /name it with --output/],
    ] as const) {
      expect(run(words)).toMatchObject({ code: 2, stdout: '', stderr: message });
    }
    const warned = run(['get', 'n'], { env: { VELOUR_ENDPIONT: 'x' } });
    expect(warned).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/did you mean VELOUR_ENDPOINT\?/),
    });
  });
});

describe('who answers', () => {
  test('the next endpoint where one is not there', async () => {
    const [gone] = await freePorts(1);
    const env = { VELOUR_ENDPOINT: `127.0.0.1:${gone},${endpoint}` };
    expect(run(['set', 'k', 'v'], { env })).toEqual(ok());
    expect(run(['get', 'k'], { env })).toEqual(ok('v'));
    expect(run(['scan', 'k'], { env })).toEqual(ok('k\n'));
    expect(run(['import'], { env, input: '{"cursor":null}\n' }).code).toBe(0);
  });

  test('nobody is 69, and says what to do', async () => {
    const [gone] = await freePorts(1);
    const env = { VELOUR_ENDPOINT: `127.0.0.1:${gone}` };
    for (const words of [['get', 'k'], ['set', 'k', 'v'], ['scan'], ['export'], ['import']]) {
      const { code, stdout, stderr } = run(words, { env });
      expect([code, stdout]).toEqual([69, '']);
      expect(stderr).toMatch(/^velour: http.*see whether a frontend runs there.*--endpoint or/);
    }
  });

  test('who does not answer, and who answers without TLS, is named', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const asked = velour(['get', 'k', '--timeout', '0.5', '--endpoint', url]);
    expect(await asked.exit()).toBe(69);
    expect(asked.stderr).toBe(`velour: there is no answer of ${url} after 500 ms\n`);
    silent.closeAllConnections();
    silent.close();
    const secret = endpoint.replace(/^(http:\/\/)?/, 'https://');
    for (const words of [['get', 'k'], ['scan']]) {
      expect(run(words, { env: { VELOUR_ENDPOINT: secret } })).toMatchObject({
        code: 69,
        stderr: `velour: what answers at ${secret} speaks no TLS: a frontend is named by http://\n`,
      });
    }
  });

  test('what is no frontend is named', async () => {
    const words = [['get', 'k'], ['set', 'k', 'v'], ['incr', 'k'], ['mget', 'k'], ['scan']];
    for (const each of [...words, ['export'], ['import'], ['delete', '--all', '--yes']]) {
      const controller = run(each, { env: { VELOUR_ENDPOINT: cluster.controller } });
      expect(controller).toMatchObject({
        code: 69,
        stdout: '',
        stderr: expect.stringMatching(/is a controller, and no/),
      });
    }
    const [broker = ''] = cluster.brokers;
    for (const each of [['get', 'k'], ['scan']]) {
      const asked = run(each, { env: { VELOUR_ENDPOINT: broker } });
      expect(asked).toMatchObject({
        code: 69,
        stdout: '',
        stderr: expect.stringMatching(/is a broker, and no frontend/),
      });
    }
    const other = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    for (const each of words) {
      const asked = velour([...each, '--endpoint', address]);
      expect(await asked.exit()).toBe(69);
      expect(asked.stderr).toMatch(/is no node of velour-fog, and no frontend/);
    }
    other.close();
  });
});

describe('watch', () => {
  /** @returns what it printed, once it has ended; `meanwhile` is called when it has begun */
  async function watched(words: readonly string[], meanwhile: () => void): Promise<string> {
    const env = { ...process.env, VELOUR_ENDPOINT: endpoint };
    const child = spawn(process.execPath, [CLI, 'watch', '--json', ...words], { env });
    let printed = '';
    let hasBegun = false;
    for await (const piece of child.stdout) {
      printed += piece;
      if (!hasBegun && printed.includes('\n')) {
        hasBegun = true;
        meanwhile();
      }
    }
    return printed;
  }

  test('prints what changes, ends after so many events, and goes on where it was', async () => {
    const printed = await watched(['w:', '--values', '--count', '2'], () => {
      expect(run(['set', 'w:1', 'one', '--ttl', '1000'])).toEqual(ok());
      expect(run(['set', 'elsewhere', 'x'])).toEqual(ok());
      expect(run(['delete', 'w:1'])).toEqual(ok());
    });
    const lines = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { event: 'begun' },
      { event: 'set', key: 'w:1', value: 'one', expiresAt: expect.any(Number) },
      { event: 'delete', key: 'w:1', version: expect.any(String) },
    ]);
    const since = ['--since', lines[2].place, '--count', '1'];
    expect(run(['watch', 'w:', ...since])).toEqual(ok('delete\tw:1\n'));
  });

  test('says on a terminal that it has begun, and ends by Ctrl-C', async () => {
    const terminal = new Terminal('velour watch w:', { VELOUR_ENDPOINT: endpoint });
    await terminal.shows(/watching; Ctrl-C ends/);
    expect(run(['set', 'w:1', 'x'])).toEqual(ok());
    await terminal.shows(/set\tw:1|set +w:1/);
    terminal.interrupt();
    expect(await terminal.exit()).toBe(130);
  });

  test('ends after so many seconds, without an error, and needs a place that is one', () => {
    expect(run(['watch', 'nothing:', '--for', '0.1'])).toEqual(ok());
    const nobody = ['--endpoint', '127.0.0.1:1', '--timeout', '0.2'];
    expect(run(['watch', '--for', '0.1', ...nobody])).toMatchObject({ code: 69, stdout: '' });
    expect(run(['watch', '--since', 'nonsense'])).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('why', () => {
  test('says what each member has, and which answer counts', () => {
    expect(run(['set', 'asked', 'value'])).toEqual(ok());
    const { code, stdout } = run(['why', 'asked']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^asked: a value, version [0-9a-f]{16}, as .* have it\n/);
    expect(stdout).toMatch(/^partition \d+, epoch \d+, map \d+\.\d+; 1 round, /m);
    const rows = stdout.trim().split('\n').slice(-3);
    for (const row of rows) expect(row).toMatch(/ serving +value +[0-9a-f]{16} +5 +.* decides$/);
    const told = JSON.parse(run(['why', 'asked', '--json']).stdout);
    expect(told).toMatchObject({ key: 'asked', answer: 'value' });
  });

  test('exits 1 where the key is absent, and tells who says so', () => {
    const { code, stdout, stderr } = run(['why', 'nobody']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^nobody: absent, /);
    expect(stderr).toContain('no such key: nobody');
  });
});

describe('many keys', () => {
  beforeEach(() => {
    expect(run(['delete', '--all', '--yes', '--json']).code).toBe(0);
    const odd = ['a', 'b', '007', 'line\nfeed', '"q"'];
    const lines = odd.map((key) => JSON.stringify({ key, value: `value of ${key}` }));
    const bytes = '{"key":{"base64":"/w=="},"value":{"base64":"/go="}}';
    const input = [...lines, bytes].map((line) => `${line}\n`).join('');
    expect(run(['import', '--as-new'], { input })).toEqual(ok('6 stored, 0 skipped\n'));
  });

  test('a scan lists each, and other commands take what it lists', () => {
    const { stdout } = run(['scan']);
    expect(stdout.split('\n').sort()).toEqual(
      ['', '"\\"q\\""', '"line\\nfeed"', '007', 'a', 'b', '{"base64":"/w=="}'].sort(),
    );
    expect(shell('velour scan | velour mget -')).toMatchObject({ code: 0, stderr: '' });
    const values = shell('velour scan | velour mget - | sort').stdout.split('\n');
    expect(values).toContain('007\tvalue of 007');
    expect(values).toContain('{"base64":"/w=="}\t{"base64":"/go="}');
    expect(shell('velour scan --values | sort').stdout.split('\n')).toEqual(values);
    expect(shell('velour scan --json | velour delete --json -').stdout).toBe('{"deleted":6}\n');
    expect(run(['scan'])).toEqual(ok());
  });

  test('mget says which are absent', () => {
    expect(run(['mget', 'a', 'nope', 'b'])).toMatchObject({
      code: 1,
      stdout: 'a\tvalue of a\nb\tvalue of b\n',
      stderr: 'velour: 1 of 3 keys are absent\n',
    });
    const json = run(['mget', '--json', 'a', 'nope']).stdout.trim().split('\n');
    expect(json.map((line) => JSON.parse(line))).toEqual([
      { key: 'a', status: 200, value: 'value of a' },
      { key: 'nope', status: 404 },
    ]);
    expect(run(['mget', '-'], { input: 'a\r\n' })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/line 1 of standard input has a control character/),
    });
  });

  test('a prefix is deleted only where somebody says so', () => {
    expect(run(['delete', '--prefix', 'a'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/say --yes/),
    });
    expect(run(['get', 'a']).code).toBe(0);
    expect(run(['delete', '--prefix', 'a', '--yes', '--if-match', '"x"'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--if-match is of one key'),
    });
    expect(run(['get', 'a']).code).toBe(0);
    expect(run(['delete', '--prefix', 'a', '--yes'])).toEqual(ok('1 deleted\n'));
    expect(run(['scan']).stdout.split('\n')).toHaveLength(6);
  });

  test('a limit ends a scan', () => {
    expect(run(['scan', '--limit', '2']).stdout.trimEnd().split('\n')).toHaveLength(2);
    expect(run(['scan', '--limit', '100']).stdout.trimEnd().split('\n')).toHaveLength(6);
  });

  test('an export comes back by an import, also by a pipe, and goes on where it broke off', () => {
    const file = join(directory, 'all.ndjson');
    const before = shell('velour scan --values --json | sort').stdout;
    expect(run(['export', '-o', file])).toMatchObject({ code: 0, stdout: '' });
    const whole = readFileSync(file, 'utf8');
    expect(whole).toMatch(/\{"cursor":null\}\n$/);
    expect(run(['import', file])).toEqual(ok('0 stored, 6 skipped\n'));
    // Cut behind its second cursor, in the middle of a line.
    const cursors = [...whole.matchAll(/^\{"cursor":".*\n/gm)];
    const cut = (cursors[1]?.index ?? 0) + (cursors[1]?.[0].length ?? 0) + 5;
    writeFileSync(file, whole.slice(0, cut));
    expect(run(['import', file])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/line \d+: /),
    });
    expect(run(['export', '-o', file, '--resume'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^velour: \d+ more records are in /),
    });
    expect(readFileSync(file, 'utf8')).toBe(whole);
    expect(run(['export', '-o', file, '--resume'])).toMatchObject({
      stderr: expect.stringMatching(/is whole/),
    });
    const sent = shell('velour export | velour import --as-new');
    expect(sent).toEqual(ok('6 stored, 0 skipped\n'));
    const etags = /"etag":"[^,]*"/g;
    const after = shell('velour scan --values --json | sort').stdout;
    expect(after.replace(etags, '')).toBe(before.replace(etags, ''));
    const lines = '{"key":"a"}\n{"key":"c","value":"1"}\n';
    const refused = run(['import', '--as-new', '--json'], {
      input: lines.replace(/^/, '{"key":"d","value":""}\n'),
    });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/line 2: /) });
    expect(JSON.parse(refused.stdout)).toMatchObject({ stored: 2, failed: 1, lines: 3 });
  });

  test('an export goes on with nothing that is none, or one of other records', () => {
    const notes = join(directory, 'notes.txt');
    writeFileSync(notes, 'precious\nlines\n');
    expect(run(['export', '-o', notes, '--resume'])).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('is no export'),
    });
    expect(readFileSync(notes, 'utf8')).toBe('precious\nlines\n');
    const file = join(directory, 'part-of-keys.ndjson');
    expect(run(['export', 'a', '-o', file]).code).toBe(0);
    for (const others of [['b'], [], ['a', '--since', '5']]) {
      expect(run(['export', ...others, '-o', file, '--resume'])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('an export of other records, of prefix "a"'),
      });
    }
    expect(run(['export', 'a', '-o', file, '--resume'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('is whole'),
    });
    expect(run(['import', file])).toMatchObject({ code: 0 });
  });

  test('an export is written into what is no file as well', () => {
    const whole = shell('velour export');
    const [beginning] = whole.stdout.split('\n');
    expect(beginning).toBe('{"cursor":""}');
    expect(shell('velour export -o /dev/stdout 2> /dev/null | cat')).toEqual(whole);
    expect(shell('velour export -o /dev/null').code).toBe(0);
    expect(shell('velour export -o /dev/full')).toMatchObject({
      code: 70,
      stderr: expect.stringContaining('/dev/full cannot be written: ENOSPC'),
    });
  });

  test('nothing is no import, and the beginning of an export no whole one', () => {
    expect(shell('velour import < /dev/null')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nothing came to import'),
    });
    expect(shell('velour export | head -n 2 | velour import').code).toBe(1);
  });

  test('a part of an export is no whole one', () => {
    const file = join(directory, 'part.ndjson');
    run(['export', '-o', file]);
    const whole = readFileSync(file, 'utf8');
    const part = run(['import'], { input: whole.replace('{"cursor":null}\n', '') });
    expect(part).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the end of the export is missing/),
    });
    expect(run(['import', join(directory, 'none')])).toMatchObject({ code: 78, stdout: '' });
    expect(run(['export', '-o', join(directory, 'no/such/folder')]).code).toBe(70);
  });
});

describe('a long listing', () => {
  beforeAll(() => {
    const lines = Array.from(
      { length: MANY },
      (_, index) => `{"key":"many:${index}","value":"v"}\n`,
    );
    expect(run(['import', '--as-new'], { input: lines.join('') }).stdout).toContain(
      '20,000 stored',
    );
  });

  test('lists every key once, and a reader that goes away is no failure', () => {
    const keys = run(['scan', 'many:']).stdout.trimEnd().split('\n');
    expect([keys.length, new Set(keys).size]).toEqual([MANY, MANY]);
    for (const line of ['velour scan', 'velour export', 'velour scan | velour mget --json -']) {
      const { code, stdout, stderr } = shell(`${line} | head -n 1`);
      expect([code, stdout.split('\n').length, stderr]).toEqual([0, 2, '']);
    }
  });

  test('shows its progress on a terminal while it lasts, and nothing of it stays', async () => {
    const fifo = join(directory, 'scan.fifo');
    execFileSync('mkfifo', [fifo]);
    // The reader stands still until the progress was seen: the pipe is full meanwhile.
    const terminal = new Terminal(`velour scan many: > ${fifo}`, { VELOUR_ENDPOINT: endpoint });
    const reader = createReadStream(fifo);
    await terminal.shows(/scan {2}\[[#.]{20}\] +\d+ % {2}[\d,]+ keys {2}[\d,]+\/s/);
    reader.resume();
    expect(await terminal.exit()).toBe(0);
    expect(terminal.shown.endsWith('\r\x1b[K')).toBe(true);
  });

  test('is interrupted by Ctrl-C, and the line is taken away', async () => {
    const fifo = join(directory, 'interrupted.fifo');
    execFileSync('mkfifo', [fifo]);
    const terminal = new Terminal(`velour export > ${fifo}`, { VELOUR_ENDPOINT: endpoint });
    const reader = createReadStream(fifo);
    await terminal.shows(/export {2}\[/);
    terminal.interrupt();
    expect(await terminal.exit()).toBe(130);
    expect(terminal.shown.endsWith('\r\x1b[K')).toBe(true);
    reader.destroy();
  });

  test('prints to a terminal without progress between its lines', async () => {
    const terminal = new Terminal('velour scan many:', { VELOUR_ENDPOINT: endpoint });
    expect(await terminal.exit()).toBe(0);
    expect(terminal.shown).not.toContain('\x1b');
    expect(terminal.shown.trimEnd().split('\r\n')).toHaveLength(MANY);
  });
});

describe('on a terminal', () => {
  test('a value ends its line, and is not obeyed', async () => {
    run(['set', 'evil', '-'], { input: 'a\x1b[2Jb' });
    const terminal = new Terminal('velour get evil; velour get evil | cat', {
      VELOUR_ENDPOINT: endpoint,
    });
    expect(await terminal.exit()).toBe(0);
    expect(terminal.shown).toBe('a\\u001b[2Jb\r\na\x1b[2Jb');
  });

  test('a delete by prefix asks, takes only yes, and ends by Ctrl-C and Ctrl-D', async () => {
    run(['set', 'asked', '1']);
    for (const [answer, code] of [
      ['y\r', 1],
      ['\x04', 1],
      ['\x03', 130],
      ['yes\r', 0],
    ] as const) {
      const terminal = new Terminal('velour delete --prefix asked', { VELOUR_ENDPOINT: endpoint });
      await terminal.shows(/Delete every key that begins with asked .* Type yes: /);
      expect(run(['get', 'asked']).code).toBe(0);
      terminal.type(answer);
      expect(await terminal.exit()).toBe(code);
      expect(terminal.shown).not.toContain('Error');
    }
    expect(run(['get', 'asked']).code).toBe(1);
  });

  test('a set without a value asks for one, and does not wait for it', async () => {
    const terminal = new Terminal('velour set k', { VELOUR_ENDPOINT: endpoint });
    expect(await terminal.exit()).toBe(2);
    expect(terminal.shown).toContain('name a value, or - to type it here');
  });
});

test('a frontend that dies in the midst of a listing costs no key, and lists none twice', async () => {
  const [first = '', second = ''] = cluster.frontends;
  const env = { VELOUR_ENDPOINT: `${first},${second}` };
  const fifos = ['scan', 'export'].map((word) => ({ word, path: join(directory, `${word}.cut`) }));
  const running = fifos.map(({ word, path }) => {
    execFileSync('mkfifo', [path]);
    return new Terminal(`velour ${word} many: > ${path}`, env);
  });
  // The readers stand still until the frontend is dead: the pipes are full meanwhile.
  const readers = fifos.map(({ path }) => createReadStream(path));
  for (const [at, terminal] of running.entries()) {
    await terminal.shows(new RegExp(`${fifos[at]?.word} {2}\\[[#.]+\\] +\\d+ % +[1-9]`));
  }
  const victim = childrenOf(cluster.process.pid).find(({ title }) => title.endsWith(first));
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  const [scanned = '', exported = ''] = await Promise.all(readers.map(textOf));
  for (const terminal of running) expect(await terminal.exit()).toBe(0);
  const keys = scanned.trimEnd().split('\n');
  expect([keys.length, new Set(keys).size]).toEqual([MANY, MANY]);
  const records = exported.match(/"key":"many:\d+"/g) ?? [];
  expect(new Set(records).size).toBe(MANY);
  expect(exported).toMatch(/\{"cursor":null,"prefix":"many:"\}\n$/);
});
