// Reads the configuration of a broker from its text, in words or in JSON: the only way to a BrokerConfig. It says all that
// is wrong at once, up to braces that do not match.

import type { Address } from '../../../../cluster/model/identity.ts';
import {
  ANY,
  type BrokerConfig,
  type BrokerDomain,
  type BrokerUpstream,
  brokerConfig,
  domainNameOf,
  type TypeRule,
  typeRule,
} from './broker-config.ts';
import { blockOfJson } from './config-json.ts';
import {
  ConfigFault,
  type ConfigPlace,
  type ConfigRemark,
  ConfigSource,
  type ConfigWord,
  type TellFault,
} from './config-source.ts';
import { blockOfText } from './config-text.ts';
import {
  addressIn,
  copiesIn,
  flagIn,
  hostIn,
  listenPortIn,
  logLevelIn,
  prefixIn,
  type ShareUrl,
  shareUrlIn,
  typeIn,
  upstreamNameIn,
} from './config-values.ts';
import { type ConfigBlock, type ConfigStatement, printed } from './config-words.ts';
import type { Share } from './shares.ts';

export type ReadConfig =
  /** `remarks` says of words of the original what takes their place here; they do no harm. */
  | {
      readonly kind: 'config';
      readonly config: BrokerConfig;
      readonly remarks: readonly ConfigRemark[];
    }
  /** In the order of the text, at least one. */
  | { readonly kind: 'wrong'; readonly problems: readonly ConfigRemark[] };

/** As much as a running broker reads of it (`OperatorFiles`). */
const TEXT_BYTES_MAX = 2 ** 20;
const DOMAINS_MAX = 1000;
const PROBLEMS_MAX = 50;

/** What there is to say of words that the original has and that do nothing here. */
const WITHOUT_EFFECT: ReadonlyMap<string, string> = new Map([
  [
    'daemonize',
    'velour stays in the foreground, and a service manager puts it into the background',
  ],
  ['logfile', 'the log goes to stderr, and a service manager puts it into a file'],
  ['db_backend', 'what is known of files is in the cluster itself'],
]);

const LEVEL_OF_ALL =
  'loglevel has no effect in a domain: a process has one log, and loglevel outside of all blocks says how much';

export function readBrokerConfig(text: string): ReadConfig {
  if (Buffer.byteLength(text) > TEXT_BYTES_MAX) {
    const message = `the configuration is longer than ${TEXT_BYTES_MAX} bytes: name fewer domains and types`;
    return { kind: 'wrong', problems: [{ ...START, message }] };
  }
  const source = new ConfigSource(text.replace(/^\uFEFF/, ''));
  const reader = new ConfigReader();
  const isJson = /^\s*\{/.test(source.text);
  const block = (isJson ? blockOfJson : blockOfText)(source, reader.tell);
  const config = reader.config(block);
  const problems = inOrder(reader.problems);
  if (problems.length === 0) return { kind: 'config', config, remarks: inOrder(reader.remarks) };
  return { kind: 'wrong', problems: firstOf(problems) };
}

/** @returns as many as anybody reads, and whether there are more */
function firstOf(problems: readonly ConfigRemark[]): readonly ConfigRemark[] {
  const next = problems[PROBLEMS_MAX];
  if (next === undefined) return problems;
  const message = 'from here on more is wrong: mend what is above first';
  return [...problems.slice(0, PROBLEMS_MAX), { ...next, message }];
}

/** The words of a block, or its names, by what may stand there once only. */
type SaidOnce = Map<string, ConfigWord>;

class ConfigReader {
  readonly problems: ConfigRemark[] = [];
  readonly remarks: ConfigRemark[] = [];
  readonly #upstreams = new Map<string, readonly Address[]>();
  readonly #hosts: SaidOnce = new Map();
  /** The hosts of each domain, by the name by which its files are told apart. */
  readonly #names = new Map<string, readonly string[]>();
  /** Where a word outside of all blocks cannot be read, it may have been the upstream that is missed. */
  #areUpstreamsKnown = true;
  readonly #shareUrls: (ShareUrl & { readonly word: ConfigWord })[] = [];

  /** @returns undefined for what is wrong, which is a problem then */
  attempt<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigFault)) throw error;
      this.problems.push(error.remark);
      return undefined;
    }
  }

  readonly tell: TellFault = ({ line, column }, message) => {
    this.problems.push({ line, column, message });
  };

  config({ statements, isWhole }: ConfigBlock): BrokerConfig {
    const once: SaidOnce = new Map();
    this.#areUpstreamsKnown = isWhole;
    const found = statementsBy(statements);
    this.#tellWithoutEffect(statements);
    const upstreams = (found.get('upstream') ?? []).flatMap((each) => this.#upstream(each));
    const domains = (found.get('domain') ?? []).flatMap((each) => this.#domain(each));
    const port = this.#single(found, 'listen', once, (word) => this.#port(word));
    const logLevel = this.#single(found, 'loglevel', once, logLevelIn);
    if (isWhole && !found.has('domain')) {
      this.tell(
        START,
        'there is no domain, so that no request would be answered: say domain { domain_name HOST }',
      );
    }
    if (domains.length > DOMAINS_MAX)
      this.tell(START, `there are more than ${DOMAINS_MAX} domains`);
    for (const { host, port: of, word } of this.#shareUrls) {
      if (!this.#hosts.has(host) || of !== port) continue;
      this.tell(
        word,
        'this URL is of the broker itself, which would redirect to it for ever: name the server that has the files',
      );
    }
    return brokerConfig({ port, logLevel, upstreams, domains });
  }

  #port(word: ConfigWord): number {
    const port = listenPortIn(word);
    const isPortAlone = word.text === `${port}` || word.text === `*:${port}`;
    const message = 'the host has no effect: the broker listens where its frontend does (--host)';
    if (!isPortAlone) this.#remark(word, message);
    return port;
  }

  #upstream({ values: [word], body = UNREAD }: ConfigStatement): readonly BrokerUpstream[] {
    const name = word && this.attempt(() => upstreamNameIn(word));
    const servers = body.statements.flatMap(({ values: [value] }) => {
      const server = value && this.attempt(() => addressIn(value));
      return server === undefined ? [] : [server];
    });
    if (word !== undefined && body.isWhole && body.statements.length === 0)
      this.tell(word, `upstream ${printed(word)} has no server: say server HOST:PORT`);
    if (word === undefined || name === undefined) return [];
    if (this.#upstreams.has(name))
      this.tell(word, `there are two upstreams ${name}: put their servers into one`);
    this.#upstreams.set(name, servers);
    return [{ name, servers }];
  }

  #domain({ word, body = UNREAD }: ConfigStatement): readonly BrokerDomain[] {
    const found = statementsBy(body.statements);
    const once: SaidOnce = new Map();
    this.#tellWithoutEffect(body.statements);
    for (const each of found.get('db_backend') ?? []) this.#backend(each);
    this.#single(found, 'loglevel', once, logLevelIn);
    for (const { word: own } of found.get('loglevel') ?? []) this.#remark(own, LEVEL_OF_ALL);
    const hosts = (found.get('domain_name') ?? []).flatMap(({ values: [value] }) =>
      value === undefined ? [] : this.#host(value),
    );
    if (body.isWhole && !found.has('domain_name')) {
      this.tell(
        word,
        `this domain has no name: say domain_name HOST, or domain_name ${ANY} for all others`,
      );
    }
    const name = domainNameOf(hosts);
    // Where they have a host in common, that has been said.
    if (
      hosts.length > 0 &&
      this.#names.get(name)?.every((host) => !hosts.includes(host)) === true
    ) {
      this.tell(
        word,
        `the files of this domain would be those of ${name}, which is a domain already: give it a name beside ${ANY}`,
      );
    }
    this.#names.set(name, hosts);
    const own = this.#rule(found, once, { copies: undefined, waitsForAll: false });
    const types = new Map<string, TypeRule>();
    const said: SaidOnce = new Map();
    for (const {
      values: [value],
      body: rule = UNREAD,
    } of found.get('type') ?? []) {
      const inner = this.#rule(statementsBy(rule.statements), new Map(), own);
      const type = value && this.attempt(() => typeIn(value));
      if (value === undefined || type === undefined) continue;
      this.#sayOnce(said, type, value, `type ${printed({ ...value, text: type })}`);
      types.set(type, typeRule(name, type, inner));
    }
    const other = types.get(ANY) ?? typeRule(name, ANY, own);
    types.delete(ANY);
    return [{ name, hosts, types, other, shares: this.#shares(found.get('share') ?? []) }];
  }

  #host(word: ConfigWord): readonly string[] {
    const host = this.attempt(() => hostIn(word));
    if (host === undefined) return [];
    const earlier = this.#hosts.get(host);
    if (earlier !== undefined) {
      const what = host === ANY ? 'all other hosts are' : `${host} is`;
      this.tell(
        word,
        `${what} a domain already, in line ${earlier.line}: a name belongs to one domain`,
      );
    }
    this.#hosts.set(host, word);
    return [host];
  }

  #rule(
    found: ReadonlyMap<string, readonly ConfigStatement[]>,
    once: SaidOnce,
    otherwise: Pick<TypeRule, 'copies' | 'waitsForAll'>,
  ): Pick<TypeRule, 'copies' | 'waitsForAll'> {
    const copies = this.#single(found, 'replicate', once, copiesIn);
    const waits = this.#single(found, 'client_wait_to_finish', once, flagIn);
    return {
      copies: copies ?? otherwise.copies,
      waitsForAll: waits ?? otherwise.waitsForAll,
    };
  }

  #shares(statements: readonly ConfigStatement[]): readonly Share[] {
    const said: SaidOnce = new Map();
    const shares = statements.flatMap(({ values: [prefixWord, urlWord] }): readonly Share[] => {
      if (prefixWord === undefined || urlWord === undefined) return [];
      const prefix = this.attempt(() => prefixIn(prefixWord));
      const url = this.attempt(() => shareUrlIn(urlWord));
      if (prefix === undefined || url === undefined) return [];
      const text = `/${prefix.map((name) => name.toString('latin1')).join('/')}`;
      this.#sayOnce(said, text, prefixWord, `share ${printed(prefixWord)}`);
      this.#shareUrls.push({ ...url, word: urlWord });
      return [{ prefix, urls: this.#urlsOf(url, urlWord) }];
    });
    return shares.sort((a, b) => b.prefix.length - a.prefix.length);
  }

  /** A host that is the name of an upstream stands for each of its servers. */
  #urlsOf({ url, host, hasPort }: ShareUrl, word: ConfigWord): readonly string[] {
    const servers = this.#upstreams.get(host);
    if (servers === undefined) return [url];
    if (hasPort) {
      this.tell(
        word,
        `${host} is an upstream, whose servers have ports: leave that of the URL out`,
      );
    }
    return servers.map((server) => url.replace(/^(https?:\/\/)[^/]*/i, `$1${server}`));
  }

  #backend({ values: [word] }: ConfigStatement): void {
    if (word === undefined || this.#upstreams.has(word.text.toLowerCase())) return;
    if (/:/.test(word.text)) this.attempt(() => addressIn(word));
    else if (this.#areUpstreamsKnown)
      this.tell(
        word,
        `there is no upstream ${printed(word)}: say upstream ${printed(word)} { server HOST:PORT }`,
      );
  }

  #single<T>(
    found: ReadonlyMap<string, readonly ConfigStatement[]>,
    name: string,
    once: SaidOnce,
    read: (word: ConfigWord) => T,
  ): T | undefined {
    let result: T | undefined;
    for (const {
      word,
      values: [value],
    } of found.get(name) ?? []) {
      this.#sayOnce(once, name, word, name);
      if (value !== undefined) result = this.attempt(() => read(value)) ?? result;
    }
    return result;
  }

  #sayOnce(said: SaidOnce, key: string, word: ConfigWord, what: string): void {
    const earlier = said.get(key);
    if (earlier === undefined) said.set(key, word);
    else this.tell(word, `${what} stands here twice, first in line ${earlier.line}: keep one`);
  }

  #tellWithoutEffect(statements: readonly ConfigStatement[]): void {
    for (const { word } of statements) {
      const instead = WITHOUT_EFFECT.get(word.text);
      if (instead === undefined) continue;
      this.#remark(word, `${word.text} has no effect: ${instead}`);
    }
  }

  #remark({ line, column }: ConfigPlace, message: string): void {
    this.remarks.push({ line, column, message });
  }
}

function inOrder(remarks: readonly ConfigRemark[]): readonly ConfigRemark[] {
  return [...remarks].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** In place of a block that is missing, which has been told. */
const UNREAD: ConfigBlock = { statements: [], isWhole: false };
const START = { line: 1, column: 1 };

function statementsBy(
  statements: readonly ConfigStatement[],
): ReadonlyMap<string, readonly ConfigStatement[]> {
  const by = new Map<string, ConfigStatement[]>();
  for (const statement of statements) {
    const same = by.get(statement.word.text);
    if (same === undefined) by.set(statement.word.text, [statement]);
    else same.push(statement);
  }
  return by;
}
