// Options that commands share, and how their words become values. Where they come from is settings.ts's.

import type { Options } from 'yargs';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { machineMemoryBytes, processorCount } from '../cluster/io/process/system.ts';
import type { WhenFull } from '../cluster/model/cluster-map.ts';
import { type Address, PORT_MAX, parseAddress } from '../cluster/model/identity.ts';
import {
  MEMORY_BYTES_MAX,
  MEMORY_BYTES_MIN,
  VALUE_BYTES_MAX_CEILING,
  VALUE_BYTES_MAX_DEFAULT,
} from '../cluster/model/limits.ts';
import type { LogLevel } from '../cluster/ports.ts';

export type OptionTable = Readonly<Record<string, Options>>;

export interface Positional {
  readonly describe: string;
  readonly choices?: readonly string[];
}

/** One line a command in main.ts; the rest of it in a file of its own. */
export interface Command {
  /** Name and positional arguments, in yargs' form. */
  readonly usage: string;
  readonly aliases?: readonly string[];
  readonly describe: string;
  readonly options: OptionTable;
  /** Options that may be given several times. */
  readonly repeatable?: readonly string[];
  /** Options whose text may be empty; of others that is a variable of a script that was not set. */
  readonly mayBeEmpty?: readonly string[];
  /** Runs as a process with a log of its own, as nodes do. */
  readonly serves?: true;
  /** Options with a variable besides VELOUR_*; where it is set, it beats the --config file as well. */
  readonly variables?: Readonly<Record<string, string>>;
  /** What each positional argument of `usage` is; all are texts, and the readers of Arguments make values of them. */
  readonly positionals: Readonly<Record<string, Positional>>;
  readonly examples: readonly (readonly [string, string])[];
  run(words: Arguments): Promise<void>;
}

export const GLOBAL_OPTIONS: OptionTable = {
  config: { type: 'string', describe: 'A JSON file of options, by their long names' },
};

export const SERVER_OPTIONS: OptionTable = {
  'log-level': {
    type: 'string',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'info',
    describe: 'Least severe line that is logged',
  },
  'log-format': {
    type: 'string',
    choices: ['auto', 'json', 'pretty'],
    default: 'auto',
    describe: 'auto: pretty on a terminal, else JSON lines',
  },
  'time-scale': {
    type: 'number',
    default: 1,
    describe: 'Multiplies every time of the protocol, for slow machines; the same on all nodes',
  },
  'drain-timeout': {
    type: 'number',
    default: 10,
    describe:
      'Seconds a stop waits for requests in progress; before that as long again for a hand-over',
  },
};

export const VALUE_OPTIONS: OptionTable = {
  'max-value': {
    type: 'string',
    default: `${VALUE_BYTES_MAX_DEFAULT / 2 ** 20}MiB`,
    describe: 'The longest value, such as 512KiB or 16MiB',
  },
};

export const MEMORY_OPTION: OptionTable = {
  memory: {
    type: 'string',
    describe:
      'Of a storage node, for records and their indexes, such as 512MiB or 2GiB; by default half of what the machine, or the container, has',
  },
};

/** Without a default: who does not say it gets what the cluster is. */
export const WHEN_FULL_OPTION: OptionTable = {
  'when-full': {
    type: 'string',
    choices: ['refuse', 'evict'],
    describe:
      'refuse: a store, which refuses sets that it has no memory for; evict: a cache, which makes room. As the cluster is founded it stays; by default refuse',
  },
};

/** Far above what one port can feed; each is a whole process. */
const WORKERS_MAX = 64;

export const HOST_OPTION: OptionTable = {
  host: {
    type: 'string',
    describe:
      'The address to listen on, or a name: all that it has; by default the host of the own address',
  },
};

/** What stands for flags that were not given. */
export interface Settings {
  /** What yargs takes where there is no flag, by the option's name. */
  readonly defaults: Readonly<Record<string, { readonly default: string | number | boolean }>>;
  /** Where each of them was found, in words. */
  readonly sources: ReadonlyMap<string, string>;
  /** Of what is set, and does nothing. */
  readonly warnings: readonly string[];
}

export const NO_SETTINGS: Settings = { defaults: {}, sources: new Map(), warnings: [] };

/** What the user gave, read by name; every reader says what is wrong in one line and exits 2. */
export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #sources: ReadonlyMap<string, string>;
  /** What is set and does nothing, for the log. */
  readonly warnings: readonly string[];

  constructor(
    values: Readonly<Record<string, unknown>>,
    { sources, warnings }: Pick<Settings, 'sources' | 'warnings'> = NO_SETTINGS,
  ) {
    this.#values = values;
    this.#sources = sources;
    this.warnings = warnings;
  }

  /** The value as it was given and, where that was no flag, where. */
  #given(name: string): string {
    return `${this.text(name)}${this.#source(name)}`;
  }

  /** Where it was said, unless on the command line. */
  #source(name: string): string {
    const source = this.#sources.get(name);
    return source === undefined ? '' : ` (${source})`;
  }

  optionalText(name: string): string | undefined {
    const value = this.#values[name];
    return value === undefined || value === '' ? undefined : String(value);
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw usage(`${name} is missing`);
    return value;
  }

  integer(name: string, range: { min: number; max: number }): number {
    const value = decimal(this.text(name));
    if (Number.isInteger(value) && value >= range.min && value <= range.max) return value;
    throw usage(
      `${name} is ${this.#given(name)}, and must be a whole number from ${range.min} to ${range.max}`,
    );
  }

  /** Of an argument that may be given several times; perhaps none. */
  texts(name: string): readonly string[] {
    const values = this.#values[name];
    return (Array.isArray(values) ? values : []).map(String);
  }

  /** A list of whole numbers, perhaps empty. */
  numbers(name: string, range: { min: number; max: number }): readonly number[] {
    return this.texts(name).map((text) => {
      const value = decimal(text);
      if (Number.isInteger(value) && value >= range.min && value <= range.max) return value;
      throw usage(
        `${name} has ${text}${this.#source(name)}, and must be whole numbers from ${range.min} to ${range.max}`,
      );
    });
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  port(name: string): number {
    return this.integer(name, { min: 1, max: PORT_MAX });
  }

  positive(name: string): number {
    const value = decimal(this.text(name));
    if (Number.isFinite(value) && value > 0) return value;
    throw usage(`${name} is ${this.#given(name)}, and must be a number above 0`);
  }

  number(name: string, range: { min: number; max: number }): number {
    const value = decimal(this.text(name));
    if (value >= range.min && value <= range.max) return value;
    throw usage(
      `${name} is ${this.#given(name)}, and must be a number from ${range.min} to ${range.max}`,
    );
  }

  /** Where to listen; IPv6 without the brackets that a URL has. */
  host(): string | undefined {
    return this.optionalText('host')?.replace(/^\[(.*)\]$/, '$1');
  }

  /** Distinct ones, at least one. */
  addresses(name: string, max: number): readonly Address[] {
    const list = this.texts(name).map((value) => oneOf(name, value, this.#source(name)));
    const distinct = [...new Set(list)];
    if (distinct.length >= 1 && distinct.length <= max) return distinct;
    throw usage(`${name} must be from 1 to ${max} of HOST:PORT`);
  }

  /** Distinct ones, perhaps none: given several times, or in one text with commas. */
  addressList(name: string, max: number): readonly Address[] {
    const values = this.#values[name];
    const texts = (Array.isArray(values) ? values : [values ?? '']).map(String);
    const list = texts.flatMap((text) => text.split(',')).map((text) => text.trim());
    const given = list
      .filter((text) => text !== '')
      .map((text) => oneOf(name, text, this.#source(name)));
    const distinct = [...new Set(given)];
    if (distinct.length > max) throw usage(`${name} must be at most ${max} of HOST:PORT`);
    return distinct;
  }

  address(name: string): Address {
    const value = addressIn(this.text(name));
    if (value !== undefined) return value;
    throw usage(
      `${name} is ${this.#given(name)}, and must be HOST:PORT as the other nodes reach it${inBrackets(this.text(name))}`,
    );
  }

  /** @returns bytes */
  valueBytesMax(): number {
    return this.#bytes('max-value', { min: 1, max: VALUE_BYTES_MAX_CEILING });
  }

  /** @returns bytes, of one storage node. @param sharers storage nodes that have the machine together */
  memoryBytes(sharers = 1): number {
    const range = { min: MEMORY_BYTES_MIN, max: MEMORY_BYTES_MAX };
    if (this.optionalText('memory') !== undefined) return this.#bytes('memory', range);
    const share = Math.floor(machineMemoryBytes() / 2 / sharers);
    return Math.min(range.max, Math.max(range.min, share));
  }

  #bytes(name: string, range: { min: number; max: number }): number {
    const match = /^(\d{1,12})(B|KiB|MiB|GiB)?$/.exec(this.text(name));
    const unit = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }[match?.[2] ?? 'B'] ?? 1;
    const bytes = Number(match?.[1] ?? 0) * unit;
    if (bytes >= range.min && bytes <= range.max) return bytes;
    throw usage(
      `${name} is ${this.#given(name)}, and must be from ${printBytes(range.min)} to ${printBytes(range.max)}`,
    );
  }

  /** Of a frontend; `auto` is as many as there are processors. */
  workers(): number {
    if (this.text('workers') === 'auto') return Math.min(WORKERS_MAX, processorCount());
    const value = decimal(this.text('workers'));
    if (Number.isInteger(value) && value >= 1 && value <= WORKERS_MAX) return value;
    throw usage(
      `workers is ${this.#given('workers')}, and must be a whole number from 1 to ${WORKERS_MAX}, or auto`,
    );
  }

  whenFull(): WhenFull | undefined {
    return this.optionalText('when-full') as WhenFull | undefined;
  }

  logLevel(): LogLevel {
    return this.text('log-level') as LogLevel;
  }

  prettyLogs(): boolean {
    const format = this.text('log-format');
    return format === 'pretty' || (format === 'auto' && process.stderr.isTTY === true);
  }
}

/** HOST:PORT, also as the URL that `curl` takes. */
function addressIn(text: string): Address | undefined {
  const bare = text.replace(/^http:\/\/(.*?)\/?$/, '$1');
  return parseAddress(bare) === undefined ? undefined : (bare as Address);
}

function oneOf(name: string, text: string, source: string): Address {
  const address = addressIn(text);
  if (address !== undefined) return address;
  throw usage(`${name} has ${text}${source}, and each must be HOST:PORT${inBrackets(text)}`);
}

function inBrackets(text: string): string {
  return /^[0-9a-f]*:[0-9a-f:.]*:\d*$/i.test(text) ? ', IPv6 in brackets, such as [::1]:12000' : '';
}

function printBytes(bytes: number): string {
  return bytes < 2 ** 20 ? `${bytes}B` : `${bytes / 2 ** 20}MiB`;
}

export function usage(message: string): FatalError {
  return new FatalError(EXIT.usage, message);
}

/** @returns NaN for what is no decimal number: 0x10, Infinity and the empty text are none */
export function decimal(text: string): number {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}
