// The values of a configuration's words: each text becomes a value, or a fault that says what would be right. Pure.

import {
  type Address,
  formatAddress,
  PORT_MAX,
  parseAddress,
} from '../../../../cluster/model/identity.ts';
import type { LogLevel } from '../../../../cluster/ports.ts';
import { decodePath, encodeBytes } from '../../../../cluster/wire/query.ts';
import { COPIES_MAX } from '../../../../files/classes.ts';
import { ANY, DOMAIN_NAME_MAX, hostNameOf, TYPE_NAME_MAX } from './broker-config.ts';
import { ConfigFault, type ConfigWord } from './config-source.ts';
import { printed } from './config-words.ts';
import { SHARE_VARIABLES, variablesIn, withVariables } from './shares.ts';

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
]);

/** With the names that the levels have in the original's language. */
const LOG_LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['critical', 'error'],
]);

export function copiesIn(word: ConfigWord): number {
  const copies = /^\d{1,3}$/.test(word.text) ? Number(word.text) : 0;
  if (copies >= 1 && copies <= COPIES_MAX) return copies;
  throw must(word, `a number of copies from 1 to ${COPIES_MAX}`);
}

export function flagIn(word: ConfigWord): boolean {
  const flag = FLAGS.get(word.text.toLowerCase());
  if (flag === undefined) throw must(word, 'true or false');
  return flag;
}

export function logLevelIn(word: ConfigWord): LogLevel {
  const level = LOG_LEVELS.get(word.text.toLowerCase());
  if (level !== undefined) return level;
  throw must(word, 'debug, info, warn or error');
}

/** @returns the port of what may be a port alone */
export function listenPortIn(word: ConfigWord): number {
  const given = word.text.replace(/^\*:/, '');
  const isPort = /^\d{1,5}$/.test(given);
  const address = parseAddress(isPort ? formatAddress('port', Number(given)) : given);
  if (address !== undefined) return address.port;
  throw must(word, `HOST:PORT or a port from 1 to ${PORT_MAX}, such as 0.0.0.0:6565`);
}

export function addressIn(word: ConfigWord): Address {
  if (parseAddress(word.text) !== undefined) return word.text as Address;
  throw must(word, 'HOST:PORT, such as 10.0.0.10:6444');
}

/** The name of an upstream, which may stand in place of a host in a URL. */
export function upstreamNameIn(word: ConfigWord): string {
  if (/^[a-z][\w-]{0,62}$/i.test(word.text)) return word.text.toLowerCase();
  throw must(word, 'a name of at most 63 letters, digits, - and _ that begins with a letter');
}

/** The name of a host as `Host` headers have it, or `*`. */
export function hostIn(word: ConfigWord): string {
  if (word.text === ANY) return ANY;
  const isHost = /^(?:[a-z\d_](?:[a-z\d._-]*[a-z\d_])?\.?|\[[\da-f:.]+\])$/i.test(word.text);
  if (isHost && word.text.length <= DOMAIN_NAME_MAX && !word.text.includes('..')) {
    return hostNameOf(word.text);
  }
  const advice = /:\d+$/.test(word.text)
    ? 'the name of a host without a port: a domain is of all ports'
    : `the name of a host such as www.domain.com, of at most ${DOMAIN_NAME_MAX} characters, or ${ANY} for all others`;
  throw must(word, advice);
}

/** The ending of a file's name, or `*`. */
export function typeIn(word: ConfigWord): string {
  if (word.text === ANY) return ANY;
  const type = word.text.toLowerCase();
  const isEnding = /^[^\s./\p{Cc}]+$/u.test(type) && type.length <= TYPE_NAME_MAX;
  if (isEnding) return type;
  const last = /\.([^./]+)$/.exec(type)?.[1];
  const advice =
    last === undefined
      ? `the ending of a name without its dot, of at most ${TYPE_NAME_MAX} characters, such as jpg, or ${ANY} for all others`
      : `the last ending alone, without its dot: ${printed({ ...word, text: last })}`;
  throw must(word, advice);
}

/** The beginning of a path. @returns its names */
export function prefixIn(word: ConfigWord): readonly Buffer[] {
  const decoded = decodePath(escaped(word.text));
  if (!word.text.startsWith('/') || decoded === undefined || decoded.includes(0)) {
    throw must(word, 'the beginning of a path, such as /uploads, with any % as %25');
  }
  const names = decoded
    .toString('latin1')
    .split('/')
    .filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..')) {
    throw must(word, 'a path without . and ..');
  }
  return names.map((name) => Buffer.from(name, 'latin1'));
}

/** @returns the text with its characters beyond ASCII as escapes, one character a byte, as paths of requests have it */
function escaped(text: string): string {
  return text.replace(/[^\x20-\x7e]+/gu, (characters) => encodeBytes(Buffer.from(characters)));
}

const URL_FORM =
  /^(https?):\/\/([a-z\d._-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?(\/[^\s#"<>\\^`{|}\p{Cc}]*)?$/iu;

export interface ShareUrl {
  /** As the file has it, with variables. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Whether the URL says the port. */
  readonly hasPort: boolean;
}

export function shareUrlIn(word: ConfigWord): ShareUrl {
  const [, scheme = '', host = '', port, rest = ''] = URL_FORM.exec(word.text) ?? [];
  const number = Number(port ?? (scheme.toLowerCase() === 'https' ? 443 : 80));
  if (host === '' || number < 1 || number > PORT_MAX) {
    throw must(word, 'a URL such as http://static.domain.com/uploads');
  }
  const unknown = variablesIn(word.text).find((name) => !isVariable(name));
  if (unknown !== undefined) {
    const known = SHARE_VARIABLES.map((name) => `$${name}`).join(', ');
    throw new ConfigFault(word, `a URL has no $${unknown}: there are ${known}`);
  }
  if (rest.includes('?') && variablesIn(word.text).length === 0) {
    throw new ConfigFault(
      word,
      'a URL with a ? needs $path to say where the rest of the path belongs',
    );
  }
  // It goes into the head of an answer, which has no characters beyond ASCII: node:http throws at them.
  return {
    url: withVariables(escaped(word.text)),
    host: hostNameOf(host),
    port: number,
    hasPort: port !== undefined,
  };
}

function isVariable(name: string): boolean {
  return (SHARE_VARIABLES as readonly string[]).includes(name);
}

function must(word: ConfigWord, what: string): ConfigFault {
  return new ConfigFault(word, `this is ${printed(word)}, and must be ${what}`);
}
