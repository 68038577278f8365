// The sources of options besides flags: VELOUR_* variables, other variables of a command, and the --config file. A name
// or value that is not understood is refused with its source; it never silently becomes the default. Values are
// options.ts's.

import { readFileSync } from 'node:fs';
import type { Options } from 'yargs';
import { assert } from '../cluster/assert.ts';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { WORKER_VARIABLE } from '../cluster/http/worker-group.ts';
import { nearest } from '../cluster/nearest-word.ts';
import { CHILD_VARIABLE } from './local-child.ts';
import {
  type Command,
  decimal,
  GLOBAL_OPTIONS,
  type OptionTable,
  type Settings,
  usage,
} from './options.ts';

export type Variables = Readonly<Record<string, string | undefined>>;

export interface SettingsContext {
  readonly command: Command;
  readonly options: OptionTable;
  /** All commands of `velour`: a variable of another command is no mistake. */
  readonly commands: readonly Command[];
  readonly variables: Variables;
}

/**
 * @param words the command line
 * @returns defaults for the flags that are not given, with their sources, and warnings
 * @throws FatalError for a wrong flag, variable or file
 */
export function readSettings(words: readonly string[], place: SettingsContext): Settings {
  const { command, options, variables } = place;
  const flags = flagsIn(words, command, options);
  const path = configPath(words, variables);
  const file = readConfig(path, Object.keys(options));
  const defaults: Record<string, { default: string | number | boolean }> = {};
  const sources = new Map<string, string>();
  for (const [name, option] of Object.entries(options)) {
    const found = [variableOf(name), command.variables?.[name]]
      .filter((variable) => variable !== undefined)
      .map((variable) => ({ source: variable, value: variables[variable] ?? '' }))
      .find(({ source, value }) => value !== '' && !isOfKubernetes(source, value));
    const fromFile = name in file ? { source: `config ${path}`, value: file[name] } : undefined;
    const { source, value } = found ?? fromFile ?? {};
    if (source === undefined) continue;
    defaults[name] = { default: parseValue(name, option, value, source) };
    // A flag wins, so nothing that is wrong with the value came from there.
    if (!flags.has(name)) sources.set(name, source);
  }
  return { defaults, sources, warnings: warningsOf(place) };
}

const PREFIX = 'VELOUR_';

function variableOf(option: string): string {
  return `${PREFIX}${suffixOf(option)}`;
}

function suffixOf(option: string): string {
  return option.toUpperCase().replaceAll('-', '_');
}

const YES: readonly string[] = ['1', 'true', 'yes', 'on'];
const NO: readonly string[] = ['0', 'false', 'no', 'off'];

/** @returns undefined for a text that means neither yes nor no */
function booleanOf(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (YES.includes(word)) return true;
  return NO.includes(word) ? false : undefined;
}

/**
 * @param source the variable or file that has the value; undefined for a flag
 * @throws FatalError for a value that the option does not take
 */
function parseValue(
  name: string,
  { type, choices, describe }: Options,
  value: unknown,
  source?: string,
): string | number | boolean {
  const place = source === undefined ? '' : ` (${source})`;
  const refuse = (must: string) => usage(`${name} is ${value}${place}, and must be ${must}`);
  const text = String(value);
  switch (type) {
    case 'boolean': {
      const known = booleanOf(text);
      if (known === undefined) throw refuse('1, true, yes or on, or 0, false, no or off');
      return known;
    }
    case 'number': {
      const number = typeof value === 'boolean' ? Number.NaN : decimal(text);
      if (Number.isNaN(number))
        throw refuse(describe?.startsWith('Seconds') ? 'a number of seconds' : 'a number');
      return number;
    }
    default: {
      assert(type === 'string', `option ${name} is a text, for it is no boolean and no number`);
      if (typeof value === 'boolean') throw refuse('a text');
      if (choices !== undefined && !choices.includes(text)) {
        throw refuse(`one of ${choices.join(', ')}`);
      }
      return text;
    }
  }
}

/**
 * Rewrites the yes-or-no flags of all commands into one form, because yargs would take `--json=yes` for no, and letters
 * into long names. A word
 * after such a flag is its value only if it is `true` or `false`; any other word may be an argument.
 */
export function plainFlags(
  words: readonly string[],
  commands: readonly Command[],
): readonly string[] {
  const switches = new Set(
    [{ options: GLOBAL_OPTIONS }, ...commands].flatMap(({ options }) =>
      Object.keys(options).filter((name) => options[name]?.type === 'boolean'),
    ),
  );
  const longNames = shortOptions(commands);
  const plain: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const given = words[at] ?? '';
    const word = longNames.get(given) ?? given;
    if (word === '--') return [...plain, ...words.slice(at)];
    const [, no, name = '', value] = /^--(no-)?([^=]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (!switches.has(name)) {
      plain.push(word);
      continue;
    }
    const next = words[at + 1];
    const follows = value === undefined && (next === 'true' || next === 'false');
    if (follows) at++;
    const isOn = parseValue(name, { type: 'boolean' }, value ?? (follows ? next : 'true'));
    plain.push(`--${name}=${isOn === (no === undefined)}`);
  }
  return plain;
}

/** The few options that have a letter, such as `-o`, by that. */
function shortOptions(commands: readonly Command[]): ReadonlyMap<string, string> {
  const letters = commands
    .flatMap(({ options }) => Object.entries(options))
    .flatMap(([name, { alias }]) =>
      typeof alias === 'string' ? [[`-${alias}`, `--${name}`] as const] : [],
    );
  return new Map(letters);
}

/**
 * Refuses unknown options, options given twice, and options without their value. yargs alone would merge an option
 * given twice in ways of its own, and take a missing value for none.
 * @returns the names of those that are given
 */
function flagsIn(
  words: readonly string[],
  command: Command,
  options: OptionTable,
): ReadonlySet<string> {
  const known = [...Object.keys(options), 'help', 'version'];
  const given = new Set<string>();
  const end = words.indexOf('--');
  const flags = end < 0 ? words : words.slice(0, end);
  for (const [at, word] of flags.entries()) {
    if (/^-[^-\d.]/.test(word))
      throw usage(`unknown option ${word}; options begin with --, and ${BEHIND}`);
    const [, name, value] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (name === undefined) continue;
    if (given.has(name) && !(command.repeatable ?? []).includes(name))
      throw usage(`--${name} is given twice; say it once`);
    given.add(name);
    if (!known.includes(name)) {
      throw usage(`unknown option --${name}; ${insteadOf(name, command, known)}`);
    }
    const option = options[name];
    if (option === undefined || option.type === 'boolean') continue;
    const next = flags[at + 1];
    const text = value ?? (next?.startsWith('--') ? undefined : next);
    if (text === undefined || (text === '' && !(command.mayBeEmpty ?? []).includes(name)))
      throw usage(`--${name} needs a value`);
    parseValue(name, option, text);
  }
  return given;
}

const BEHIND = 'behind a lone -- every word is an argument';

function insteadOf(name: string, command: Command, known: readonly string[]): string {
  if (name in command.positionals) return `it is an argument: velour ${command.usage}`;
  const near = nearest(name.replace(/^no-/, ''), known);
  return near === undefined ? BEHIND : `did you mean --${near}?`;
}

function configPath(words: readonly string[], variables: Variables): string | undefined {
  const at = words.findIndex((word) => word === '--config' || word.startsWith('--config='));
  const word = words[at];
  if (word === undefined) return variables.VELOUR_CONFIG || undefined;
  return word === '--config' ? words[at + 1] : word.slice('--config='.length);
}

/** Reads the defaults in the --config file, which yield to variables and flags. */
function readConfig(
  path: string | undefined,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (path === undefined) return {};
  let values: unknown;
  try {
    values = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new FatalError(EXIT.config, `config ${path} cannot be read: ${(error as Error).message}`);
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw new FatalError(EXIT.config, `config ${path} is not a JSON object`);
  }
  for (const [name, value] of Object.entries(values)) {
    if (known.includes(name)) {
      if (typeof value !== 'object') continue;
      throw new FatalError(
        EXIT.config,
        `config ${path}: ${name} must be a text, a number, true or false`,
      );
    }
    const near = nearest(name, known);
    throw new FatalError(
      EXIT.config,
      `config ${path} has the unknown option ${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
    );
  }
  return values as Readonly<Record<string, unknown>>;
}

/**
 * Kubernetes sets these in each container, for each service: FRONTEND_PORT=tcp://10.0.0.1:80 for one named `frontend`.
 */
const SERVICE_LINK = /^(?:tcp|udp|sctp):\/\//;
const SERVICE_VARIABLE =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;

function isOfKubernetes(variable: string, value: string): boolean {
  return SERVICE_VARIABLE.test(variable) || (/_PORT$/.test(variable) && SERVICE_LINK.test(value));
}

/** Variables that mark a child of `velour local`, and a worker of a primary. */
const PARENTS = [CHILD_VARIABLE, WORKER_VARIABLE];

function warningsOf({ command, commands, variables }: SettingsContext): readonly string[] {
  // The parent has warned once for all its children; and the variables that it sets for a child are no options.
  if (PARENTS.some((variable) => variables[variable] !== undefined)) return [];
  const options = [{ options: GLOBAL_OPTIONS }, ...commands].flatMap((of) =>
    Object.keys(of.options),
  );
  const known = new Set(options.map(variableOf));
  const own = Object.values(command.variables ?? {});
  const warnings: string[] = [];
  for (const [variable, value = ''] of Object.entries(variables)) {
    if (value === '') continue;
    const isKnown = known.has(variable) || own.includes(variable);
    if (isKnown && isOfKubernetes(variable, value)) {
      warnings.push(
        `${variable} is ${value}, as Kubernetes sets it for a service of that name, and is ignored; give the option as a flag, or set enableServiceLinks: false`,
      );
    } else if (!isKnown && variable.startsWith(PREFIX) && !isOfKubernetes(variable, value)) {
      const near = nearest(variable.slice(PREFIX.length), options.map(suffixOf));
      warnings.push(
        `${variable} is no option, and is ignored${near === undefined ? '' : `; did you mean ${PREFIX}${near}?`}`,
      );
    }
  }
  return warnings;
}
