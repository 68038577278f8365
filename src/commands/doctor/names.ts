// The doctor's checks of names: whether each is resolved, how soon, and whether a node answers at each of its
// addresses. A name is looked up once for all checks.

import { isIP } from 'node:net';
import { ask } from '../../cluster/io/network/ask.ts';
import type { Names, Resolved } from '../../cluster/io/network/names.ts';
import { type Address, formatAddress, hostOf, parseAddress } from '../../cluster/model/identity.ts';
import type { ReportFinding } from './finding.ts';

/** A look-up that takes longer is reported, in ms: a new connection waits for it. */
const SLOW_MS = 1000;

export class NameLooks {
  readonly #names: Names;
  readonly #timeoutMs: number;
  readonly #looks = new Map<string, Promise<readonly string[] | undefined>>();

  constructor(names: Names, timeoutMs: number) {
    this.#names = names;
    this.#timeoutMs = timeoutMs;
  }

  /** @returns the addresses of the host; undefined for a name without any, which is reported once */
  addressesOf(host: string, report: ReportFinding): Promise<readonly string[] | undefined> {
    if (isIP(host) !== 0) return Promise.resolve([host]);
    let look = this.#looks.get(host);
    if (look === undefined) {
      look = this.#lookUp(host, report);
      this.#looks.set(host, look);
    }
    return look;
  }

  /** Reports addresses of the name where nobody answers, though some do: a client may connect to any of them. */
  async reachable(address: Address, report: ReportFinding): Promise<void> {
    const host = hostOf(address);
    const port = parseAddress(address)?.port ?? 0;
    const addresses = (await this.addressesOf(host, report)) ?? [];
    if (addresses.length < 2) return;
    const asked = addresses.map(async (each) => {
      const at = formatAddress(each, port) as Address;
      const question = { address: at, path: '/livez', timeoutMs: this.#timeoutMs };
      return { at, told: await ask(question, this.#names) };
    });
    const silent = (await Promise.all(asked)).filter(({ told }) => told.kind === 'silent');
    // If no address answers, the node is gone or unreachable, which another check reports.
    if (silent.length === 0 || silent.length === addresses.length) return;
    report({
      check: 'names',
      what: `${host} stands for ${addresses.join(', ')}, and nobody answers at ${silent.map(({ at }) => at).join(', ')}`,
      todo: 'let the node listen there (--host), or take the address out of the name: each try of it costs time',
    });
  }

  async #lookUp(host: string, report: ReportFinding): Promise<readonly string[] | undefined> {
    const startMs = performance.now();
    const resolved = await new Promise<Resolved>((done) => this.#names.addressesOf(host, done));
    const tookMs = Math.round(performance.now() - startMs);
    if (resolved.kind === 'failed') {
      report({
        check: 'names',
        what:
          resolved.code === 'ENOTFOUND'
            ? `${host} has no address`
            : `${host} could not be looked up within ${tookMs} ms: ${resolved.code}`,
        todo:
          resolved.code === 'ENOTFOUND'
            ? 'add it to the name server or /etc/hosts, or give addresses in place of names'
            : 'see whether the name servers of /etc/resolv.conf answer',
      });
      return undefined;
    }
    if (tookMs > SLOW_MS) {
      report({
        check: 'names',
        what: `${host} took ${tookMs} ms to look up`,
        todo: 'see which name server of /etc/resolv.conf is silent, or put the name into /etc/hosts',
      });
    }
    return resolved.addresses.map(({ address }) => address);
  }
}
