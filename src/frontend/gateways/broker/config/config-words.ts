// The words of a broker's configuration: in which block each stands, what it takes, and which block it opens. Both forms of
// a configuration, words and JSON, are read by this one table. What the values may be is config-values.ts's.

import { nearest } from '../../../../cluster/nearest-word.ts';
import { ConfigFault, type ConfigWord } from './config-source.ts';

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
  readonly values: readonly ConfigWord[];
  /** Undefined for a word that opens no block. */
  readonly body: readonly ConfigStatement[] | undefined;
}

const REPLICATE: ConfigDirective = { takes: ['a number of copies'] };
const WAIT: ConfigDirective = { takes: ['true or false'] };
const LOG_FILE: ConfigDirective = { takes: ['a path'] };
const LOG_LEVEL: ConfigDirective = { takes: ['debug, info, warn or error'] };

const DIRECTIVES: Readonly<Record<ConfigScope, ReadonlyMap<string, ConfigDirective>>> = {
  file: new Map<string, ConfigDirective>([
    ['daemonize', { takes: ['yes or no'] }],
    ['listen', { takes: ['HOST:PORT or a port'] }],
    ['logfile', LOG_FILE],
    ['loglevel', LOG_LEVEL],
    ['upstream', { takes: ['a name'], opens: 'upstream' }],
    ['domain', { takes: [], opens: 'domain' }],
  ]),
  upstream: new Map([['server', { takes: ['HOST:PORT'] }]]),
  domain: new Map<string, ConfigDirective>([
    ['domain_name', { takes: ['the name of a host'] }],
    ['db_backend', { takes: ['the name of an upstream or HOST:PORT'] }],
    ['logfile', LOG_FILE],
    ['loglevel', LOG_LEVEL],
    ['replicate', REPLICATE],
    ['client_wait_to_finish', WAIT],
    ['type', { takes: ['the ending of a name, or *'], opens: 'type' }],
    ['share', { takes: ['the beginning of a path', 'a URL'] }],
  ]),
  type: new Map([
    ['replicate', REPLICATE],
    ['client_wait_to_finish', WAIT],
  ]),
};

const SCOPE_TEXTS: Readonly<Record<ConfigScope, string>> = {
  file: 'outside of all blocks',
  upstream: 'in an upstream',
  domain: 'in a domain',
  type: 'in a type',
};

/**
 * @param before what stands before the word on its line, of which it may be one value too many
 * @throws ConfigFault for a word that does not stand in such a block, with the word that was meant
 */
export function directiveOf(
  scope: ConfigScope,
  word: ConfigWord,
  before?: ConfigStatement,
): ConfigDirective {
  const directive = DIRECTIVES[scope].get(word.text);
  if (directive !== undefined) return directive;
  const what = `${printed(word)} is no word ${SCOPE_TEXTS[scope]}`;
  throw new ConfigFault(word, `${what}: ${advice(scope, word, before)}`);
}

function advice(
  scope: ConfigScope,
  { text }: ConfigWord,
  before: ConfigStatement | undefined,
): string {
  const known = [...DIRECTIVES[scope].keys()];
  const others = scopesWith(text);
  if (others.length > 0) {
    const brace = scope === 'file' ? 'put it into one' : 'is a } missing before it?';
    return `it stands ${others.map((each) => SCOPE_TEXTS[each]).join(' and ')}; ${brace}`;
  }
  const near = nearest(text.slice(0, PRINTED_MAX).toLowerCase(), known);
  if (near !== undefined) return `did you mean ${near}?`;
  if (before !== undefined) {
    const { word, values } = before;
    const count = values.length === 1 ? 'one value' : `${values.length} values`;
    return `${word.text} takes ${count}; say ${word.text} again for another, and quote what has spaces`;
  }
  return `there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`;
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
