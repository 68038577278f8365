// Hosts as network namespaces around a router, which can silently drop what one host sends to another,
// on connections that are open already as well. Needs root and `ip`; touches no namespace but its own.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Door } from './client.ts';
import { Started } from './cluster.ts';

const RELAY = fileURLToPath(new URL('relay.mjs', import.meta.url));

/** Why namespaces cannot be used here; undefined when they can. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  try {
    const probe = `velour-probe-${randomBytes(4).toString('hex')}`;
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return undefined;
  } catch {
    return 'needs ip netns';
  }
}

function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: 'pipe' });
}

export class Hosts {
  readonly #prefix = `velour-${randomBytes(4).toString('hex')}`;
  readonly #directory = mkdtempSync(join(tmpdir(), 'velour-doors-'));
  readonly #made: string[] = [];
  readonly #relays: Started[] = [];

  /** @param count hosts 1 to count, each with an address of its own */
  static make(count: number): Hosts {
    const hosts = new Hosts();
    try {
      hosts.#add('router');
      ip(
        'netns',
        'exec',
        hosts.#name('router'),
        'sh',
        '-c',
        'echo 1 >/proc/sys/net/ipv4/ip_forward',
      );
      for (let host = 1; host <= count; host++) hosts.#connect(host);
    } catch (error) {
      hosts.#removeNamespaces();
      throw error;
    }
    return hosts;
  }

  addressOf(host: number): string {
    return `10.77.${host}.2`;
  }

  /** What runs a command on a host; the command keeps its process id. */
  commandOn(host: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.#name(`host${host}`)];
  }

  /** A door to an address of a host, opened on that host itself, so that no cut comes between. */
  doorOn(host: number, address: string): Door {
    const [name = '', port = ''] = address.split(':');
    const socketPath = join(this.#directory, `${address}.socket`);
    const [command = '', ...words] = [...this.commandOn(host), process.execPath, RELAY];
    this.#relays.push(new Started(command, [...words, socketPath, name, port]));
    return { address, socketPath };
  }

  /** Nothing that `source` sends arrives at `target` any more; nobody is told. */
  cut(source: number, target: number): void {
    this.#rule('add', source, target);
  }

  cutBoth(one: number, other: number): void {
    this.cut(one, other);
    this.cut(other, one);
  }

  heal(source: number, target: number): void {
    this.#rule('del', source, target);
  }

  healBoth(one: number, other: number): void {
    this.heal(one, other);
    this.heal(other, one);
  }

  /** After the processes on the hosts have ended. */
  async remove(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.stop('SIGKILL')));
    this.#removeNamespaces();
  }

  #removeNamespaces(): void {
    rmSync(this.#directory, { recursive: true });
    for (const name of this.#made.splice(0)) ip('netns', 'del', name);
  }

  #name(host: string): string {
    return `${this.#prefix}-${host}`;
  }

  #add(host: string): void {
    ip('netns', 'add', this.#name(host));
    this.#made.push(this.#name(host));
  }

  #connect(host: number): void {
    const [name, router, link] = [this.#name(`host${host}`), this.#name('router'), `veth${host}`];
    this.#add(`host${host}`);
    ip('link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', 'name', link, 'netns', router);
    ip('-n', name, 'address', 'add', `${this.addressOf(host)}/24`, 'dev', 'eth0');
    ip('-n', router, 'address', 'add', `10.77.${host}.1/24`, 'dev', link);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', router, 'link', 'set', link, 'up');
    ip('-n', name, 'route', 'add', 'default', 'via', `10.77.${host}.1`);
  }

  /** In the router: a blackhole in the sender's own namespace would fail its calls, which is no partition. */
  #rule(verb: 'add' | 'del', source: number, target: number): void {
    const ends = ['from', this.addressOf(source), 'to', this.addressOf(target)];
    ip('-n', this.#name('router'), 'rule', verb, ...ends, 'blackhole');
  }
}
