// The words of the `velour` command: what is wrong is said in one line, with the right exit code.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { velour } from '../helpers/cluster.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const MISTAKES: readonly (readonly [string, number, RegExp])[] = [
  ['', 2, /Name a command/],
  ['contoller 12000 1 1', 2, /there is no command contoller; did you mean controller\?/],
  ['del a', 2, /there is no command del; did you mean delete\?/],
  ['ls', 2, /there is no command ls; `velour --help` lists them\n$/],
  ['gte a', 2, /there is no command gte; did you mean get\?/],
  ['fiels ls', 2, /there is no command fiels; did you mean files\?/],
  ['files lss', 2, /there is no command files lss; did you mean files ls\?/],
  ['plan foo', 2, /^velour: what is foo, and must be one of add, drain\n/],
  ['controller', 2, /<port> <num-storage> <redundancy> are missing; it is velour controller <p/],
  ['get', 2, /<key> is missing; it is velour get <key>\nSee: velour get --help\n$/],
  [
    'status 127.0.0.1:1',
    2,
    /more than it takes: 127\.0\.0\.1:1; .* status \[--controller HOST:PORT\]/,
  ],
  [
    'doctor --controller x',
    2,
    /unknown option --controller; it is an argument: velour doctor \[con/,
  ],
  [
    'get -x',
    2,
    /unknown option -x; options begin with --, and behind a lone -- every word is an arg/,
  ],
  ['storage 127.0.0.1:1 127.0.0.1:2 x y', 2, /more than it takes: x, y; it is velour storage <c/],
  ['controller 12000 2 3', 2, /redundancy 3 needs at least 3 storage nodes, and num-storage is 2/],
  ['controller 0 1 1', 2, /port is 0/],
  ['controller 70000 1 1', 2, /port is 70000/],
  ['controller http 1 1', 2, /port is http/],
  ['controller 12000 0 1', 2, /num-storage is 0/],
  ['controller 12000 1.5 1', 2, /num-storage is 1\.5/],
  ['controller 12000 1 1 --digits 4', 2, /digits is 4/],
  ['controller 12000 1 1 --time-scale 0', 2, /time-scale is 0/],
  ['controller 12000 1 1 --data-dri x', 2, /unknown option --data-dri; did you mean --data-dir\?/],
  ['storage localhost 127.0.0.1:1', 2, /controller is localhost, and must be HOST:PORT/],
  ['storage 127.0.0.1:1 127.0.0.1:99999', 2, /own is 127\.0\.0\.1:99999/],
  ['storage 127.0.0.1:1 127.0.0.1:2 --max-value 1TB', 2, /max-value is 1TB/],
  ['storage 127.0.0.1:1 127.0.0.1:2 --memory 3MiB', 2, /memory is 3MiB, and must be from 32MiB to/],
  ['storage 127.0.0.1:1 127.0.0.1:2 --memory 32GiB', 2, /memory is 32GiB/],
  ['local --memory lots', 2, /memory is lots/],
  ['backup 127.0.0.1:1', 2, /<directory> is missing; it is velour backup <controller> <directory>/],
  ['backup localhost x --agian', 2, /unknown option --agian; did you mean --again\?/],
  ['restore localhost /nowhere', 78, /no backup in \/nowhere: it has no manifest\.json/],
  ['frontend 127.0.0.1:1 127.0.0.1:2 --log-level loud', 2, /loud/],
  ['controller 1 1 1 --when-full refuse --when-full evict', 2, /--when-full is given twice/],
  ['frontend 127.0.0.1:1 127.0.0.1:2 --log-level=warn --log-level warn', 2, /--log-level is given/],
  ['backup 127.0.0.1:1 x --json --json', 2, /--json is given twice/],
  [
    'frontend 127.0.0.1:1 127.0.0.1:2 --workers 0',
    2,
    /workers is 0, and must be .* 1 to 64, or auto/,
  ],
  ['frontend 127.0.0.1:1 127.0.0.1:2 --workers 65', 2, /workers is 65/],
  ['frontend 127.0.0.1:1 127.0.0.1:2 --workers 1.5', 2, /workers is 1\.5/],
  ['local --workers many', 2, /workers is many/],
  [
    'frontend 127.0.0.1:1 127.0.0.1:2 --storage 127.0.0.1:3 --storage here',
    2,
    /storage has here, and each must be HOST:PORT/,
  ],
  [
    'frontend 127.0.0.1:1 127.0.0.1:2 --storage 127.0.0.1:3,127.0.0.1',
    2,
    /storage has 127\.0\.0\.1, and each/,
  ],
  ['frontend 127.0.0.1:1 127.0.0.1:2 --map-file a --map-file b', 2, /--map-file is given twice/],
  ['frontend 127.0.0.1:1', 2, /<own> is missing; it is velour frontend <controller> <own>/],
  ['local --frontend-port 65535', 2, /FRONTEND_PORT 65535 leaves no port for 2 of them/],
  ['local --num-storage 2', 2, /REDUNDANCY 3 needs at least 3 storage nodes, and NUM_STORAGE is 2/],
  ['local --storage-port 12000', 2, /127\.0\.0\.1:12000 would be used twice/],
];

describe('mistakes', () => {
  test.each(MISTAKES)('velour %s exits %i', async (words, code, message) => {
    const process = velour(words.split(' ').filter(Boolean));
    expect(await process.exit()).toBe(code);
    expect(process.stderr).toMatch(message);
    expect(process.stdout).toBe('');
    expect(process.stderr).not.toMatch(/\n {4}at /);
  });
});

describe('configuration', () => {
  const write = (name: string, content: string) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };
  /** A value that is refused shows which source won: the refusal quotes it. */
  const refusal = async (words: readonly string[], env: Readonly<Record<string, string>>) => {
    const process = velour(['controller', '12000', '1', '1', ...words], env);
    await process.exit();
    return process.stderr;
  };

  test('a flag beats a variable beats the file beats the default', async () => {
    const config = write('digits.json', '{"digits": 7}');
    expect(await refusal(['--config', config], {})).toContain('digits is 7');
    expect(await refusal([], { VELOUR_CONFIG: config })).toContain('digits is 7');
    expect(await refusal(['--config', config], { VELOUR_DIGITS: '8' })).toContain('digits is 8');
    expect(await refusal(['--config', config, '--digits=9'], { VELOUR_DIGITS: '8' })).toContain(
      'digits is 9',
    );
  });

  test('a file that is missing, no JSON, or has an unknown option is refused with 78', async () => {
    for (const [path, message] of [
      [join(directory, 'missing.json'), /cannot be read/],
      [write('broken.json', '{'), /cannot be read/],
      [write('list.json', '[]'), /is not a JSON object/],
      [write('two.json', '{"digits": [1, 2]}'), /digits must be a text, a number/],
      [write('typo.json', '{"digit": 1}'), /unknown option digit; did you mean digits\?/],
    ] as const) {
      const process = velour(['controller', '12000', '1', '1', '--config', path]);
      expect(await process.exit()).toBe(78);
      expect(process.stderr).toMatch(message);
    }
  });

  test("the seed's variables beat the file as well, and an empty VELOUR_CONFIG names none", async () => {
    const config = write('local.json', '{"num-storage": 2}');
    const local = async (env: Readonly<Record<string, string>>) => {
      const process = velour(['local', '--redundancy', '9'], env);
      expect(await process.exit()).toBe(2);
      return process.stderr;
    };
    expect(await local({ VELOUR_CONFIG: config })).toContain('NUM_STORAGE is 2');
    expect(await local({ VELOUR_CONFIG: config, NUM_STORAGE: '3' })).toContain('NUM_STORAGE is 3');
    expect(await local({ VELOUR_CONFIG: '' })).toContain('NUM_STORAGE is 4');
  });

  test('variables of other commands are no concern of this one', async () => {
    expect(await refusal(['--digits', '9'], { VELOUR_MAX_VALUE: '1KiB' })).toContain('digits is 9');
  });
});

describe('help', () => {
  test('lists the commands, their options with variables, and the exit codes', async () => {
    const help = velour(['--help']);
    expect(await help.exit()).toBe(0);
    for (const word of ['controller', 'storage', 'frontend', 'local', 'VELOUR_', 'Exit codes']) {
      expect(help.stdout).toContain(word);
    }
  });

  test.each([
    ['drain', 'no data is lost'],
    ['forget', 'what only it had stays offline until'],
    ['accept-loss', 'is lost for good, and answered 404'],
  ])('velour %s --help says what happens to data, and exits 0', async (command, what) => {
    for (const flag of ['--help', '-h']) {
      const help = velour([command, flag]);
      expect(await help.exit()).toBe(0);
      expect(help.stdout.replace(/\s+/g, ' ')).toContain(what);
    }
  });

  test('--version prints the version', async () => {
    const version = velour(['--version']);
    expect(await version.exit()).toBe(0);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('storagenode is storage', async () => {
    const alias = velour(['storagenode', '--help']);
    expect(await alias.exit()).toBe(0);
    expect(alias.stdout).toContain('velour storage');
  });
});

describe('velour simulate', () => {
  test('prints a summary, or an object a run, and exits 0', async () => {
    const runs = velour(['simulate', '--seed', '5', '--seeds', '2']);
    expect(await runs.exit()).toBe(0);
    expect(runs.stdout).toMatch(
      /^2 runs, 0 failed, \d+ events, \d+ operations, [\d.]+ % succeeded\n$/,
    );
    const json = velour(['simulate', '--seed', '5', '--json']);
    expect(await json.exit()).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({ seed: 5, violations: [] });
  });

  test('refuses seeds that are none', async () => {
    const refused = velour(['simulate', '--seeds', '0']);
    expect(await refused.exit()).toBe(2);
    expect(refused.stderr).toContain('seeds is 0');
  });
});
