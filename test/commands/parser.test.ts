// What becomes of words, variables and config files, for every command and every option that is declared: texts stay
// as they were typed, yes and no are understood in any usual form, and what is not understood is never the default.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EXIT, FatalError } from '../../src/cluster/http/errors.ts';
import { VERSION } from '../../src/cluster/software.ts';
import { wordsOfName } from '../../src/commands/command-name.ts';
import type { Arguments, Command } from '../../src/commands/options.ts';
import { runCommand } from '../../src/commands/parser.ts';

const GROUPS = { blobs: 'of blobs', broker: 'of the broker', files: 'of files' };
const FOLDER = resolve(import.meta.dirname, '../../src/commands');
const NAMES = /[<[]([a-z-]+)(\.\.)?[>\]]/g;

let commands: readonly Command[];
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velour-test-'));
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const modules = await Promise.all(files.map((file) => import(join(FOLDER, file))));
  commands = modules
    .flatMap((module): unknown[] => Object.values(module))
    .filter((value) => typeof value === 'object' && value !== null && 'usage' in value)
    .map((value) => value as Command);
  expect(commands.length).toBeGreaterThan(8);
});
afterAll(() => rmSync(directory, { recursive: true }));

type Variables = Readonly<Record<string, string>>;

/** What the command is given to run with. */
async function run(line: readonly string[], variables: Variables = {}): Promise<Arguments> {
  const given: Arguments[] = [];
  const stubs = commands.map((command) => ({
    ...command,
    run: async (words: Arguments) => {
      given.push(words);
    },
  }));
  await runCommand(line, { commands: stubs, groups: GROUPS, variables });
  const [words] = given;
  if (words === undefined) throw new Error('no command ran');
  return words;
}

async function refusal(line: readonly string[], variables: Variables = {}): Promise<FatalError> {
  const error: unknown = await run(line, variables).then(
    () => new Error(`not refused: ${line.join(' ')} ${JSON.stringify(variables)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof FatalError) return error;
  throw error;
}

const positionalsOf = ({ usage }: Command) =>
  [...usage.matchAll(NAMES)].map(([, name = '', many]) => ({ name, many: many !== undefined }));

/** The command with a word for each positional argument, and no option. */
function lineOf(command: Command): readonly string[] {
  const words = positionalsOf(command).map(
    ({ name }) => command.positionals[name]?.choices?.[0] ?? 'x',
  );
  return [...wordsOfName(command), ...words];
}

const variableOf = (option: string) => `VELOUR_${option.toUpperCase().replaceAll('-', '_')}`;

function eachOption(of: 'boolean' | 'number') {
  return commands.flatMap((command) =>
    Object.entries(command.options)
      .filter(([, { type }]) => type === of)
      .map(([name]) => ({ command, name })),
  );
}

/** A config file with this one value. */
function fileWith(name: string, value: unknown): string {
  const path = join(directory, `${name}.json`);
  writeFileSync(path, JSON.stringify({ [name]: value }));
  return path;
}

test('each positional argument is declared, and is the text that was typed', async () => {
  const TEXTS = ['2024.10', '1.10', '0x10', '1e3', '007', '1_000', '12345678901234567890', 'true'];
  const MORE = ['NaN', 'Infinity', '-0', '.5', '5.', ' 5', '0b1', '0o7', 'null', 'ü', 'a=b', '1,2'];
  const ODD = ['-', '-5', '"x"', "'x'", '{"a":1}', 'a.b', '__proto__', ' ', 'two\nlines'];
  for (const command of commands) {
    const declared = positionalsOf(command);
    expect(Object.keys(command.positionals)).toEqual(declared.map(({ name }) => name));
    for (const [index, { name, many }] of declared.entries()) {
      if (command.positionals[name]?.choices !== undefined) continue;
      for (const text of [...TEXTS, ...MORE, ...ODD]) {
        const line = lineOf(command).map((word, at) =>
          at === index + wordsOfName(command).length ? text : word,
        );
        const words = await run(line);
        expect(many ? words.texts(name) : [words.text(name)]).toEqual([text]);
      }
    }
  }
});

test('behind -- every word is an argument, whatever it looks like', async () => {
  for (const text of ['-x', '--json', '--config', '--help', '--', '-o', '--no-json', '--ttl=5']) {
    const words = await run(['set', '--ttl', '7', '--', text, text]);
    expect([words.text('key'), words.text('value'), words.text('ttl')]).toEqual([text, text, '7']);
    expect(words.flag('json')).toBe(false);
    expect((await run(['delete', 'a', '--', text, 'b'])).texts('keys')).toEqual(['a', text, 'b']);
  }
});

test('an empty word is an argument, and counts as one where it may be empty', async () => {
  const words = await run(['set', 'key', '', '--json']);
  expect(words.maybeEmptyText('value')).toBe('');
  expect((await run(['set', 'key', '--json'])).maybeEmptyText('value')).toBeUndefined();
});

test('an option may have a letter', async () => {
  expect((await run(['export', '-o', 'file'])).text('output')).toBe('file');
  expect((await refusal(['export', '-o'])).message).toBe('--output needs a value');
});

describe('yes and no', () => {
  const YES = ['1', 'true', 'yes', 'on', 'TRUE', 'Yes', 'oN'];
  const NO = ['0', 'false', 'no', 'off', 'FALSE', 'No', 'OFF'];
  const NEITHER = ['maybe', '2', 'y', 'ja', 'truee', '-1'];

  test('every such option takes all forms, as a flag, variable and in a file', async () => {
    const options = eachOption('boolean');
    expect(options.length).toBeGreaterThan(10);
    for (const { command, name } of options) {
      const line = lineOf(command);
      expect((await run(line)).flag(name), `${command.usage} ${name}`).toBe(false);
      expect((await run([...line, `--${name}`])).flag(name)).toBe(true);
      expect((await run([...line, `--no-${name}`])).flag(name)).toBe(false);
      for (const [texts, expected] of [[YES, true] as const, [NO, false] as const]) {
        for (const text of texts) {
          expect((await run(line, { [variableOf(name)]: text })).flag(name)).toBe(expected);
          // One way of writing it is as good as another there.
          if (text !== texts[2] && text !== texts[4]) continue;
          const opposite = { [variableOf(name)]: expected ? 'no' : 'yes' };
          expect((await run([...line, `--${name}=${text}`], opposite)).flag(name)).toBe(expected);
          const config = ['--config', fileWith(name, text)];
          expect((await run([...line, ...config])).flag(name)).toBe(expected);
        }
      }
      for (const value of [true, 1]) {
        expect((await run([...line, '--config', fileWith(name, value)])).flag(name)).toBe(true);
      }
    }
  });

  test('what is neither is refused with 2, its place and the value', async () => {
    for (const { command, name } of eachOption('boolean')) {
      const line = lineOf(command);
      for (const text of NEITHER) {
        const path = fileWith(name, text);
        for (const [error, place] of [
          [await refusal([...line, `--${name}=${text}`]), name],
          [await refusal(line, { [variableOf(name)]: text }), variableOf(name)],
          [await refusal([...line, '--config', path]), path],
        ] as const) {
          expect(error.exitCode).toBe(EXIT.usage);
          expect(error.message).toContain(place);
          expect(error.message).toContain(text);
        }
      }
    }
  });

  test('a word after such a flag is an argument', async () => {
    expect((await run(['drain', '--json', 'node'])).text('node')).toBe('node');
    expect((await run(['accept-loss', '--json', '1', '0'])).texts('partitions')).toEqual([
      '1',
      '0',
    ]);
    expect((await run(['drain', '--json', 'false', 'node'])).flag('json')).toBe(false);
  });
});

test('what is no number is refused with 2, its place and the value, and never NaN', async () => {
  const options = eachOption('number');
  expect(options.length).toBeGreaterThan(8);
  for (const { command, name } of options) {
    const line = lineOf(command);
    expect((await run([...line, `--${name}`, '4'], {})).text(name)).toBe('4');
    expect((await run(line, { [variableOf(name)]: '4' })).text(name)).toBe('4');
    for (const text of ['abc', 'NaN', 'Infinity', '0x10', '1,5', '1s', '1 2', 'true']) {
      const path = fileWith(name, text);
      for (const [error, place] of [
        [await refusal([...line, `--${name}`, text]), name],
        [await refusal(line, { [variableOf(name)]: text }), variableOf(name)],
        [await refusal([...line, '--config', path]), path],
      ] as const) {
        expect(error.exitCode).toBe(EXIT.usage);
        expect(error.message).toContain(place);
        expect(error.message).toContain(`${name} is ${text}`);
      }
    }
  }
});

test('a choice that is none, a flag without a value and a short flag are refused with 2', async () => {
  const node = ['storage', 'a:1', 'b:2'];
  for (const [line, variables, message] of [
    [[...node, '--fsync', 'allways'], {}, /^fsync is allways, and must be one of always,/],
    [node, { VELOUR_FSYNC: 'ALWAYS' }, /^fsync is ALWAYS \(VELOUR_FSYNC\), and must be one of/],
    [[...node, '--data-dir'], {}, /^--data-dir needs a value/],
    [[...node, '--data-dir='], {}, /^--data-dir needs a value/],
    [[...node, '--data-dir', '--name=x'], {}, /^--data-dir needs a value/],
    [[...node, '--no-fsync'], {}, /^unknown option --no-fsync; did you mean --fsync\?/],
    [[...node, '-v'], {}, /^unknown option -v; options begin with --/],
    [[...node, '--config', fileWith('name', true)], {}, /^name is true .*, and must be a text/],
  ] as const) {
    const error = await refusal(line, variables);
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(EXIT.usage);
  }
  // Keys may be numbers alone.
  expect((await run(['load', 'a:1', '--key-prefix='])).optionalText('key-prefix')).toBeUndefined();
});

describe('variables', () => {
  test('one that no command has is warned of, with the nearest that one has', async () => {
    const { warnings } = await run(['storage', 'a:1', 'b:2'], {
      VELOUR_FSYNCH: 'always',
      VELOUR_XYZ_ABCDEF: '1',
      VELOUR_DIGITS: '2',
      VELOUR_CONFIG: '',
      VELOUR_EMPTY: '',
      PATH: '/bin',
    });
    expect(warnings).toEqual([
      'VELOUR_FSYNCH is no option, and is ignored; did you mean VELOUR_FSYNC?',
      'VELOUR_XYZ_ABCDEF is no option, and is ignored',
    ]);
  });

  test('VELOUR_HELP and VELOUR_VERSION ask for nothing', async () => {
    const { warnings } = await run(['simulate'], { VELOUR_HELP: '1', VELOUR_VERSION: '1' });
    expect(warnings).toHaveLength(2);
  });

  test('those of Kubernetes are told from ours', async () => {
    const words = await run(['local'], {
      VELOUR_SERVICE_HOST: '10.0.0.1',
      VELOUR_SERVICE_PORT: '12080',
      VELOUR_SERVICE_PORT_HTTP: '12080',
      VELOUR_PORT: 'tcp://10.0.0.1:12080',
      VELOUR_PORT_12080_TCP: 'tcp://10.0.0.1:12080',
      VELOUR_PORT_12080_TCP_ADDR: '10.0.0.1',
      VELOUR_STORAGE_PORT: 'tcp://10.0.0.2:12500',
      FRONTEND_PORT: 'tcp://10.0.0.3:80',
      CONTROLLER_PORT: '12001',
    });
    expect(words.port('frontend-port')).toBe(12080);
    expect(words.port('storage-port')).toBe(12500);
    expect(words.port('controller-port')).toBe(12001);
    expect(words.warnings.map((warning) => warning.split(',')[0])).toEqual([
      'VELOUR_PORT is tcp://10.0.0.1:12080',
      'VELOUR_STORAGE_PORT is tcp://10.0.0.2:12500',
      'FRONTEND_PORT is tcp://10.0.0.3:80',
    ]);
  });

  test("the seed's are read as flags are, and named when they are wrong", async () => {
    const number = (variables: Variables) => async () =>
      (await run(['local'], variables)).integer('num-storage', { min: 1, max: 256 });
    expect(await number({ NUM_STORAGE: '7' })()).toBe(7);
    expect(await number({ NUM_STORAGE: '7', VELOUR_NUM_STORAGE: '8' })()).toBe(8);
    for (const text of ['abc', '0x7', '7.5', 'true']) {
      const message = `num-storage is ${text} (NUM_STORAGE), and must be a whole number`;
      await expect(number({ NUM_STORAGE: text })).rejects.toThrow(message);
    }
  });

  test('a child says nothing again that its parent has said', async () => {
    const variables = { VELOUR_FSYNCH: 'x', VELOUR_LOCAL_CHILD: '1' };
    expect((await run(['simulate'], variables)).warnings).toEqual([]);
  });
});

test('help and version are words as well as flags', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  for (const line of [['help'], ['help', 'get'], ['help', 'files', 'ls'], ['version']]) {
    await runCommand(line, { commands, groups: GROUPS, variables: {} });
  }
  const [all, get, ls, version] = log.mock.calls.flat();
  log.mockRestore();
  expect(all).toContain('velour scan [prefix]');
  expect(get).toMatch(/^velour get <key>\n/);
  expect(ls).toMatch(/^velour files ls /);
  expect(version).toBe(VERSION);
});

test('what is wrong with a flag is not laid at what it overrides', async () => {
  const path = fileWith('controller', '10.0.0.1:1');
  for (const more of [[], ['--config', path]]) {
    const line = ['status', '--controller', 'abc', ...more];
    const words = await run(line, { VELOUR_CONTROLLER: '127.0.0.1:1' });
    expect(() => words.address('controller')).toThrow(/^controller is abc, and must be/);
  }
  const words = await run(['status', '--config', fileWith('controller', 'abc')]);
  expect(() => words.address('controller')).toThrow(
    /^controller is abc \(config .*\), and must be/,
  );
});

test('help is help, whatever else is wrong', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const line = ['controller', '--digits=abc', '--json=maybe', '--help'];
  await runCommand(line, { commands, groups: GROUPS, variables: { VELOUR_RECOVER: 'maybe' } });
  expect(log.mock.calls.flat().join('\n')).toContain('velour controller <port>');
  log.mockRestore();
});
