// What an application says of the store that its handlers are of, checked when it says it, and the error that it gets.

import { parseAddress } from '../cluster/model/identity.ts';
import { isOwnName } from './broker-request.ts';

export interface VelourFilesOptions {
  /** The brokers of the cluster, as HOST:PORT or URLs; another one is asked where one is away. */
  readonly brokers: readonly string[];
  /** The domain of the files, by the name of a host of it; by default that of the broker's address. */
  readonly domain?: string;
  /** The folder of the domain that the handlers are of; by default all of it. */
  readonly folder?: string;
  /** How many connections there may be to each broker at once; 64 by default. */
  readonly connections?: number;
  /** Called with each failure of the store, also where `next` gets it; by default it is a warning of the process, once a minute. */
  readonly onError?: (error: VelourFilesError) => void;
}

/** The store could not be reached, or could not do it; `status` is the one to answer. */
export class VelourFilesError extends Error {
  override readonly name = 'VelourFilesError';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** Without slashes at its ends. */
export function folderOf(text: string): string {
  return namesIn(text).join('/');
}

function namesIn(folder: string): readonly string[] {
  return folder.split('/').filter((name) => name !== '');
}

/** What is wrong with a value, behind the name of its option; undefined for one that is right. */
type OptionFault = string | undefined;

const BROKER = "'127.0.0.1:12280'";

/** Of programs without types: what is taken for something else would be noticed by those who ask for files. */
const FAULTS: Readonly<Record<keyof VelourFilesOptions, (value: unknown) => OptionFault>> = {
  brokers(value) {
    if (!Array.isArray(value) || value.length === 0) {
      return `is ${shown(value)}, and must be a list of at least one, such as [${BROKER}]`;
    }
    const wrong: readonly unknown[] = value.filter((broker) => !isBrokerAddress(broker));
    if (wrong.length === 0) return undefined;
    return `is ${shown(value)}, and ${shown(wrong[0])} must be HOST:PORT, such as ${BROKER}, or a URL without a path`;
  },
  domain(value) {
    const isRight = typeof value === 'string' && /^[\w.:[\]-]+$/.test(value);
    return isRight ? undefined : `is ${shown(value)}, and must be the name of a host`;
  },
  folder(value) {
    if (typeof value !== 'string' || !isText(value)) {
      return `is ${shown(value)}, and must be a text, such as 'media'`;
    }
    const names = namesIn(value);
    if (names.some((name) => name === '.' || name === '..')) {
      return `is ${shown(value)}, and must have no . and no ..`;
    }
    const [first] = names;
    if (first === undefined || !isOwnName(first)) return undefined;
    return `is ${shown(value)}, where a broker says how it is, and no file can be`;
  },
  connections(value) {
    const isRight = Number.isSafeInteger(value) && Number(value) >= 1;
    return isRight ? undefined : `is ${shown(value)}, and must be a whole number from 1 on`;
  },
  onError(value) {
    return typeof value === 'function' ? undefined : `is ${shown(value)}, and must be a function`;
  },
};

/** @throws TypeError that names the option which is missing, unknown or of another kind */
export function checkOptions(options: Partial<VelourFilesOptions> | undefined): void {
  const given = options ?? {};
  for (const [name, value] of Object.entries(given)) {
    if (!isOption(name)) {
      const all = Object.keys(FAULTS).join(', ');
      throw new TypeError(`${name} is no option of velourFiles: there are ${all}`);
    }
    const fault = value === undefined ? undefined : FAULTS[name](value);
    if (fault !== undefined) throw new TypeError(`${name} ${fault}`);
  }
  if (given.brokers !== undefined) return;
  throw new TypeError(`brokers is missing: name at least one, such as [${BROKER}]`);
}

function isOption(name: string): name is keyof VelourFilesOptions {
  return Object.hasOwn(FAULTS, name);
}

function isBrokerAddress(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  if (!/^https?:\/\//i.test(value)) return parseAddress(value) !== undefined;
  if (!URL.canParse(value)) return false;
  const { origin, href } = new URL(value);
  // What else it has, such as a path or a password, no request would have.
  return href === `${origin}/`;
}

/** Whether a URL can have it. */
function isText(value: string): boolean {
  try {
    encodeURIComponent(value);
    return true;
  } catch {
    return false;
  }
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
