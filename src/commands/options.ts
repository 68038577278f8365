// Options that several commands share, and how their texts become values. Where the texts come from is settings.ts's.

import type { Options } from 'yargs';
import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { machineMemoryBytes, processorCount } from '../cluster/io/process/system.ts';
import type { WhenFull } from '../cluster/model/cluster-map.ts';
import { type Address, PORT_MAX, parseAddress } from '../cluster/model/identity.ts';
import {
  MEMORY_BYTES_MAX,
  MEMORY_BYTES_MIN,
  SFSS_BYTES_MAX_DEFAULT,
  VALUE_BYTES_MAX_CEILING,
  VALUE_BYTES_MAX_DEFAULT,
} from '../cluster/model/limits.ts';
import type { LogLevel } from '../cluster/ports.ts';
import { FILE_BYTES_MAX } from '../files/manifest.ts';

export type OptionTable = Readonly<Record<string, Options>>;

export interface Positional {
  readonly describe: string;
  readonly choices?: readonly string[];
}

/** A command: one line in main.ts, the rest in a file of its own. */
export interface Command {
  /** Name and positional arguments, in yargs' form. */
  readonly usage: string;
  readonly aliases?: readonly string[];
  readonly describe: string;
  readonly options: OptionTable;
  /** Options that may be given several times. */
  readonly repeatable?: readonly string[];
  /** Options that may be empty; any other empty option comes from an unset variable of a script, and is refused. */
  readonly mayBeEmpty?: readonly string[];
  /** Whether it runs as a process with a log of its own, as nodes do. */
  readonly serves?: true;
  /** Further variables by option, besides VELOUR_*; they also beat the --config file. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Describes each positional argument of `usage`. All are texts, which the methods of Arguments turn into values. */
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

export const SFSS_OPTION: OptionTable = {
  'sfss-max': {
    type: 'string',
    default: `${SFSS_BYTES_MAX_DEFAULT / 2 ** 20}MiB`,
    describe: 'The longest file at /file and /files, such as 512KiB or 10GiB',
  },
};

/** Of the blob service of a frontend. */
export const BLOB_OPTIONS: OptionTable = {
  deny: {
    type: 'string',
    describe:
      'What the paths of the files begin with that switch a method of the blob service off: PREFIXput, PREFIXget, PREFIXhead and PREFIXdelete',
  },
  'blobs-rate': {
    type: 'number',
    default: 0,
    describe:
      'Requests a second that the blob service takes of one client address; 0 for any number',
  },
  peerlist: {
    type: 'string',
    describe: 'A text file with the URL of a peer of the blob service on each line',
  },
};

/** Of the broker of a frontend. */
export const BROKER_OPTION: OptionTable = {
  'broker-config': {
    type: 'string',
    describe:
      'The configuration of the broker: domains, and how many copies which of their files have; without one all hosts are one domain',
  },
};

export const MEMORY_OPTION: OptionTable = {
  memory: {
    type: 'string',
    describe:
      'Of a storage node, for records and their indexes, such as 512MiB or 2GiB; by default half of what the machine, or the container, has',
  },
};

/** It has no default here: without it a controller takes what its cluster was founded as. */
export const WHEN_FULL_OPTION: OptionTable = {
  'when-full': {
    type: 'string',
    choices: ['refuse', 'evict'],
    describe:
      'refuse: a store, which refuses sets that it has no memory for; evict: a cache, which makes room. As the cluster is founded it stays; by default refuse',
  },
};

/** Far more worker processes than one port can keep busy. */
const WORKERS_MAX = 64;

export const HOST_OPTION: OptionTable = {
  host: {
    type: 'string',
    describe:
      'The address to listen on, or a name: all that it has; by default the host of the own address',
  },
};

export const CONTROLLER_OPTION: OptionTable = {
  controller: {
    type: 'string',
    default: '127.0.0.1:12000',
    describe: 'HOST:PORT of the controller',
  },
};

/** Values for flags that were not given. */
export interface Settings {
  /** The default that yargs uses without a flag, by the option's name. */
  readonly defaults: Readonly<Record<string, { readonly default: string | number | boolean }>>;
  /** The source of each default, in words. */
  readonly sources: ReadonlyMap<string, string>;
  /** Warnings about variables that are set and have no effect. */
  readonly warnings: readonly string[];
}

export const NO_SETTINGS: Settings = { defaults: {}, sources: new Map(), warnings: [] };

/**
 * The arguments of a command, read by name. For a wrong value each method throws a FatalError of one line, exit code 2.
 */
export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #sources: ReadonlyMap<string, string>;
  /** Warnings about variables that have no effect, for the log. */
  readonly warnings: readonly string[];

  constructor(
    values: Readonly<Record<string, unknown>>,
    { sources, warnings }: Pick<Settings, 'sources' | 'warnings'> = NO_SETTINGS,
  ) {
    this.#values = values;
    this.#sources = sources;
    this.warnings = warnings;
  }

  /** The value as it was given, with its source if that was no flag. */
  #given(name: string): string {
    return `${this.text(name)}${this.#source(name)}`;
  }

  /** The source of the value in parentheses; empty for a flag. */
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

  /** The text of a positional argument that may be empty, as a value may; undefined where it was not given. */
  maybeEmptyText(name: string): string | undefined {
    const value = this.#values[name];
    return value === undefined ? undefined : String(value);
  }

  integer(name: string, range: { min: number; max: number }): number {
    const value = decimal(this.text(name));
    if (Number.isInteger(value) && value >= range.min && value <= range.max) return value;
    throw usage(
      `${name} is ${this.#given(name)}, and must be a whole number from ${range.min} to ${range.max}`,
    );
  }

  /** All values of an argument that may be given several times; may be empty. */
  texts(name: string): readonly string[] {
    const values = this.#values[name];
    return (Array.isArray(values) ? values : []).map(String);
  }

  /** All values of such an argument as whole numbers; may be empty. */
  numbers(name: string, range: { min: number; max: number }): readonly number[] {
    return this.texts(name).map((text) => {
      const value = decimal(text);
      if (Number.isInteger(value) && value >= range.min && value <= range.max) return value;
      throw usage(
        `${name} has ${text}${this.#source(name)}, and must be whole numbers from ${range.min} to ${range.max}`,
      );
    });
  }

  /** Whether it was given on the command line itself, where neither a variable nor a file has a say. */
  isTyped(name: string): boolean {
    return this.optionalText(name) !== undefined && !this.#sources.has(name);
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

  /** The host to listen on; IPv6 without the brackets of a URL. */
  host(): string | undefined {
    return this.optionalText('host')?.replace(/^\[(.*)\]$/, '$1');
  }

  /** The distinct addresses of an argument: at least one, at most `max`. */
  addresses(name: string, max: number): readonly Address[] {
    const list = this.texts(name).map((value) => oneOf(name, value, this.#source(name)));
    const distinct = [...new Set(list)];
    if (distinct.length >= 1 && distinct.length <= max) return distinct;
    throw usage(`${name} must be from 1 to ${max} of HOST:PORT`);
  }

  /** The distinct addresses of an option, given several times or with commas: at most `max`, may be empty. */
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

  /** @returns the longest value in bytes */
  valueBytesMax(): number {
    return this.#bytes('max-value', { min: 1, max: VALUE_BYTES_MAX_CEILING });
  }

  /** @returns the longest file of the small file storage service, in bytes */
  sfssBytesMax(): number {
    return this.#bytes('sfss-max', { min: 1, max: FILE_BYTES_MAX });
  }

  /**
   * @param sharers how many storage nodes share the machine
   * @returns the memory of one storage node in bytes
   */
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

  /** @returns how many processes a frontend has; `auto` means one for each processor */
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

/** Accepts HOST:PORT, and the URL that people give to `curl`. */
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
  if (bytes < 2 ** 20) return `${bytes}B`;
  return bytes % 2 ** 30 === 0 ? `${bytes / 2 ** 30}GiB` : `${bytes / 2 ** 20}MiB`;
}

export function usage(message: string): FatalError {
  return new FatalError(EXIT.usage, message);
}

/** @returns NaN for a text that is no decimal number, such as 0x10, Infinity or the empty text */
export function decimal(text: string): number {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}
