// What an application says of the store that its handlers are of, checked when it says it, and the error that it gets.

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

export function folderOf(text: string): string {
  const names = text.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..')) {
    throw new TypeError(`folder is ${JSON.stringify(text)}, and must have no . and no ..`);
  }
  return names.join('/');
}

export function domainOf(domain: string | undefined): string | undefined {
  if (domain === undefined || /^[\w.:[\]-]+$/.test(domain)) return domain;
  throw new TypeError(`domain is ${JSON.stringify(domain)}, and must be the name of a host`);
}

const OPTIONS: readonly string[] = [
  'brokers',
  'domain',
  'folder',
  'connections',
  'onError',
] satisfies readonly (keyof VelourFilesOptions)[];

/** Of programs without types: a `folder` that is misspelt would be all of the domain. */
export function checkOptions(options: Partial<VelourFilesOptions> | undefined) {
  const given = options ?? {};
  const unknown = Object.keys(given).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${unknown} is no option of velourFiles: there are ${OPTIONS.join(', ')}`);
  }
  const { brokers, onError } = given;
  if (onError !== undefined && typeof onError !== 'function') {
    throw new TypeError(`onError is ${JSON.stringify(onError)}, and must be a function`);
  }
  const isList = Array.isArray(brokers) && brokers.every((broker) => typeof broker === 'string');
  if (isList && brokers.length > 0) return;
  const is = brokers === undefined ? 'missing' : JSON.stringify(brokers);
  throw new TypeError(
    `brokers is ${is}, and must be a list of at least one, such as ['127.0.0.1:12280']`,
  );
}
