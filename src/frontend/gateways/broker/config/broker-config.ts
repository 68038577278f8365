// What a broker goes by: domains by the names of their hosts, rules by the type of a file, and shares. Immutable, and read
// from a file by read-config.ts; here is what it answers. Pure.

import type { Address } from '../../../../cluster/model/identity.ts';
import type { LogLevel } from '../../../../cluster/ports.ts';
import { DEFAULT_CLASS, type ReplicationClass } from '../../../../files/file-key.ts';
import type { Share } from './shares.ts';

export interface BrokerConfig {
  /** Where the broker listens, unless the command line says it. */
  readonly port: number | undefined;
  /** The least severe line that the process logs, unless it is left to the command line. */
  readonly logLevel: LogLevel | undefined;
  readonly upstreams: readonly BrokerUpstream[];
  /** In the order of the file. */
  readonly domains: readonly BrokerDomain[];
  /** By the names of their hosts, of which no two domains have one in common. */
  readonly domainsByHost: ReadonlyMap<string, BrokerDomain>;
}

/** Servers that a share may name as one. */
export interface BrokerUpstream {
  readonly name: string;
  readonly servers: readonly Address[];
}

export interface BrokerDomain {
  /** Of its space of files (`directoryFileKey`), and of its classes: its first name, or `default` where that is `*`. */
  readonly name: string;
  /** The hosts, in lower case and without ports; `*` is every host that no domain names. */
  readonly hosts: readonly string[];
  /** By the ending of a file's name, in lower case. */
  readonly types: ReadonlyMap<string, TypeRule>;
  /** Of all other files. */
  readonly other: TypeRule;
  /** Those with longer prefixes first. */
  readonly shares: readonly Share[];
}

export interface TypeRule {
  /** How many file servers have each of the files; undefined where the cluster's default class says so. */
  readonly copies: number | undefined;
  /** Whether a file is acknowledged when all of its copies are there (`client_wait_to_finish`). */
  readonly waitsForAll: boolean;
  /** Its name follows from domain and type alone: after a restart or a change of the number it is the same. */
  readonly replicationClass: ReplicationClass;
}

/** The host, or the type, that stands for all that have no entry of their own. */
export const ANY = '*';
/** The domain of a broker without a configuration, and that of WebDAV at `/dav/`. */
const DEFAULT_DOMAIN = 'default';
/** With the words around them they fit into the 255 characters of a class. */
export const DOMAIN_NAME_MAX = 200;
export const TYPE_NAME_MAX = 40;

/** Without a configuration every host is the domain `default`, and all files are of the cluster's default class. */
export const DEFAULT_CONFIG: BrokerConfig = brokerConfig({
  port: undefined,
  logLevel: undefined,
  upstreams: [],
  domains: [
    {
      name: DEFAULT_DOMAIN,
      hosts: [ANY],
      types: new Map(),
      other: { copies: undefined, waitsForAll: false, replicationClass: DEFAULT_CLASS },
      shares: [],
    },
  ],
});

/** Makes a configuration of its parts. */
export function brokerConfig(parts: Omit<BrokerConfig, 'domainsByHost'>): BrokerConfig {
  const { domains } = parts;
  const entries = domains.flatMap((domain) => domain.hosts.map((host) => [host, domain] as const));
  return { ...parts, domainsByHost: new Map(entries) };
}

/** @param hosts at least one */
export function domainNameOf(hosts: readonly string[]): string {
  return hosts.find((host) => host !== ANY) ?? DEFAULT_DOMAIN;
}

/**
 * @param hostHeader as a request has it, with a port or without; empty where it has none
 * @returns undefined where no domain is of that host
 */
export function domainOf(
  { domainsByHost }: BrokerConfig,
  hostHeader: string,
): BrokerDomain | undefined {
  return domainsByHost.get(hostNameOf(hostHeader)) ?? domainsByHost.get(ANY);
}

/** @param name one of its hosts, or that of its files @returns undefined where no domain has it; `*` stands for no other name */
export function domainCalled(
  { domains, domainsByHost }: BrokerConfig,
  name: string,
): BrokerDomain | undefined {
  return domains.find((domain) => domain.name === name) ?? domainsByHost.get(hostNameOf(name));
}

/** @returns the host in the form in which names are compared: lower case, without port and without a dot at its end */
export function hostNameOf(hostHeader: string): string {
  const [, name = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(hostHeader.trim()) ?? [];
  return name.toLowerCase().replace(/\.$/, '');
}

/** @param segments the names of the path, from the root on; its type is the ending of the last one */
export function ruleFor({ types, other }: BrokerDomain, segments: readonly Buffer[]): TypeRule {
  return types.get(typeOf(segments.at(-1) ?? Buffer.alloc(0))) ?? other;
}

/** @returns what stands behind the last dot, in lower case; empty without one. A dot at the beginning begins no ending */
function typeOf(name: Buffer): string {
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? '' : name.toString('utf8', dot + 1).toLowerCase();
}

/** @param rule the number of copies of a rule; undefined for one that leaves it to the cluster */
export function typeRule(
  domain: string,
  type: string,
  rule: Pick<TypeRule, 'copies' | 'waitsForAll'>,
): TypeRule {
  const own = `broker:${domain}:${type}` as ReplicationClass;
  return { ...rule, replicationClass: rule.copies === undefined ? DEFAULT_CLASS : own };
}

/** @returns how many copies each class has that this configuration gives a number to */
export function classesOf({ domains }: BrokerConfig): ReadonlyMap<ReplicationClass, number> {
  const classes = new Map<ReplicationClass, number>();
  for (const { types, other } of domains) {
    for (const { copies, replicationClass } of [...types.values(), other]) {
      if (copies !== undefined) classes.set(replicationClass, copies);
    }
  }
  return classes;
}
