// The words of a broker's configuration: in which block each stands, what it takes, and which block it opens. Both forms of
// a configuration, words and JSON, are read by this one table. What the values may be is config-values.ts's.

import { nearest } from '../../../../cluster/nearest-word.ts';
import type { ConfigWord } from './config-source.ts';

/** What a block is of; `file` is the outermost one. */
export type ConfigScope = 'file' | 'upstream' | 'domain' | 'type';

export interface ConfigDirective {
  /** What each of its values is, in the words of a fault. */
  readonly takes: readonly string[];
  readonly opens?: ConfigScope;
}

/** One word of a configuration with its values, and with what its block has. */
export interface ConfigStatement {
  readonly word: ConfigWord;
  /** Fewer than it takes where they are missing, which has been told. */
  readonly values: readonly ConfigWord[];
  /** Undefined for a word that opens no block, and where its block is missing, which has been told. */
  readonly body: ConfigBlock | undefined;
}

export interface ConfigBlock {
  readonly statements: readonly ConfigStatement[];
  /** Where some of it could not be read, which has been told, nothing follows from a word that it does not have. */
  readonly isWhole: boolean;
}

const REPLICATE: ConfigDirective = { takes: ['a number of copies'] };
const WAIT: ConfigDirective = { takes: ['true or false'] };
const LOG_FILE: ConfigDirective = { takes: ['a path'] };
const LOG_LEVEL: ConfigDirective = { takes: ['debug, info, warn or error'] };

/** In the order in which they are named to somebody who has none of them: those that do nothing here are the last. */
const DIRECTIVES: Readonly<Record<ConfigScope, ReadonlyMap<string, ConfigDirective>>> = {
  file: new Map<string, ConfigDirective>([
    ['domain', { takes: [], opens: 'domain' }],
    ['upstream', { takes: ['a name'], opens: 'upstream' }],
    ['listen', { takes: ['HOST:PORT or a port'] }],
    ['loglevel', LOG_LEVEL],
    ['logfile', LOG_FILE],
    ['daemonize', { takes: ['yes or no'] }],
  ]),
  upstream: new Map([['server', { takes: ['HOST:PORT'] }]]),
  domain: new Map<string, ConfigDirective>([
    ['domain_name', { takes: ['the name of a host'] }],
    ['type', { takes: ['the ending of a name, or *'], opens: 'type' }],
    ['replicate', REPLICATE],
    ['client_wait_to_finish', WAIT],
    ['share', { takes: ['the beginning of a path', 'a URL'] }],
    ['db_backend', { takes: ['the name of an upstream or HOST:PORT'] }],
    ['loglevel', LOG_LEVEL],
    ['logfile', LOG_FILE],
  ]),
  type: new Map([
    ['replicate', REPLICATE],
    ['client_wait_to_finish', WAIT],
  ]),
};

/** They are read, and remarked on (read-config.ts). */
const DO_NOTHING: readonly string[] = ['logfile', 'daemonize', 'db_backend'];

const SCOPE_TEXTS: Readonly<Record<ConfigScope, string>> = {
  file: 'outside of all blocks',
  upstream: 'in an upstream',
  domain: 'in a domain',
  type: 'in a type',
};

/**
 * Words of nginx, from which people come: what takes their place, where it is no other word that is spelt alike. They are looked
 * up only where the broker has no such word at that place.
 */
const NGINX_WORDS: ReadonlyMap<string, string> = new Map([
  ['server_name', 'domain_name HOST says that here, once for each host'],
  ['server', "nginx's server { } is domain { } here; server HOST:PORT stands in an upstream"],
  ['location', 'a type says how files are kept, and share /PREFIX URL where clients fetch them'],
  ...['proxy_pass', 'return', 'rewrite', 'root', 'alias'].map(
    (word) => [word, 'share /PREFIX URL in a domain says where clients fetch files'] as const,
  ),
  ['http', 'what stands in it is said outside of all blocks here'],
  ['include', 'one file has all of it'],
  ['error_log', 'the log goes to stderr, and loglevel outside of all blocks says how much'],
  ['access_log', 'requests are counted at /metrics, and none is logged'],
  ...['ssl_certificate', 'ssl_certificate_key', 'ssl'].map(
    (word) => [word, 'TLS ends at a proxy in front of the broker: leave it out'] as const,
  ),
  ...['user', 'pid', 'worker_processes', 'events', 'daemon'].map(
    (word) => [word, 'that is for whoever starts velour frontend: leave it out'] as const,
  ),
]);

/** @returns undefined for a word that does not stand in such a block */
export function directiveIn(
  scope: ConfigScope,
  { text }: Pick<ConfigWord, 'text'>,
): ConfigDirective | undefined {
  return DIRECTIVES[scope].get(text);
}

/** @returns what stands in a block, for somebody who has written something else in its place */
export function blockText(scope: ConfigScope): string {
  const words = [...DIRECTIVES[scope].keys()].filter((word) => !DO_NOTHING.includes(word));
  return `the words of its block: ${words.join(', ')}`;
}

/** Whether the word opens a block elsewhere: inside of another block it stands behind a } that is missing. */
export function opensElsewhere({ text }: ConfigWord): boolean {
  return scopesWith(text).some((scope) => DIRECTIVES[scope].get(text)?.opens !== undefined);
}

/**
 * @param before what stands before the word on its line, of which it may be one value too many
 * @returns what is wrong with a word that does not stand in such a block, with the word that was meant
 */
export function unknownText(
  scope: ConfigScope,
  word: ConfigWord,
  before?: ConfigStatement,
): string {
  return `${printed(word)} is no word ${SCOPE_TEXTS[scope]}: ${advice(scope, word, before)}`;
}

function advice(
  scope: ConfigScope,
  { text }: ConfigWord,
  before: ConfigStatement | undefined,
): string {
  const known = [...DIRECTIVES[scope].keys()];
  const instead = NGINX_WORDS.get(text.toLowerCase());
  if (instead !== undefined) return instead;
  const others = scopesWith(text);
  if (others.length > 0) {
    const brace = scope === 'file' ? 'put it into one' : 'is a } missing before it?';
    return `it stands ${others.map((each) => SCOPE_TEXTS[each]).join(' and ')}; ${brace}`;
  }
  const near = nearest(text.slice(0, PRINTED_MAX).toLowerCase(), known);
  if (near !== undefined) return `did you mean ${near}?`;
  if (before !== undefined) return tooManyText(before.word, before.values.length);
  return `there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`;
}

/** @param takes how many values the word takes */
export function tooManyText({ text }: ConfigWord, takes: number): string {
  if (takes === 0) return `${text} takes no value: what is of it stands between { and }`;
  const count = takes === 1 ? 'one value' : `${takes} values`;
  return `${text} takes ${count}; say ${text} again for another, and quote what has spaces`;
}

function scopesWith(text: string): readonly ConfigScope[] {
  return (Object.keys(DIRECTIVES) as ConfigScope[]).filter((scope) => DIRECTIVES[scope].has(text));
}

/** The word as a fault quotes it: short, and without what a terminal would obey. */
export function printed({ text }: ConfigWord): string {
  const short = text.length > PRINTED_MAX ? `${text.slice(0, PRINTED_MAX)}...` : text;
  return short === '' ? 'an empty word' : short.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

const PRINTED_MAX = 60;
