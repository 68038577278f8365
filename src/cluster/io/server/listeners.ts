// Where a process listens: at one port of every address that its host stands for, of IPv4 and of IPv6 alike. Each
// address has a socket of its own, so that what cannot be had is known by its address; one server takes what comes
// to any of them.

import type { Server } from 'node:http';
import { createServer, isIP, type Server as NetServer } from 'node:net';
import { formatAddress } from '../../model/identity.ts';
import { CONNECTIONS_MAX } from '../../model/limits.ts';
import { Names, type Resolved } from '../network/names.ts';

/** Everywhere: the wildcard of IPv6, which stands for that of IPv4 as well. */
export const EVERYWHERE = '::';
const EVERYWHERE_IPV4 = '0.0.0.0';
const BACKLOG = 4096;
/** A port that the system chose for one address may be taken on another one; then it chooses again. */
const CHOICES_MAX = 16;

/** The address is none that this machine has just now, or its family is switched off. */
const ABSENT: readonly string[] = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'];

export interface ListenPlace {
  readonly address: string;
  /** Nobody named it: it stands beside the one that was named, and may be missing without a word. */
  readonly isImplied: boolean;
}

/** An address that cannot be listened on; the code is the system's. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen';
  readonly code: string;
  /** The address as it was tried; the host itself where that could not be resolved. */
  readonly address: string;

  constructor(address: string, code: string) {
    super(`${address}: ${code}`);
    this.address = address;
    this.code = code;
  }
}

export interface Listeners {
  readonly port: number;
  /** What is listened on, as HOST:PORT with IPv6 in brackets. */
  readonly addresses: readonly string[];
  /** Addresses that the host has, and that could not be listened on. */
  readonly missing: readonly CannotListen[];
  /** Takes no new connections. Those that there are go on. */
  refuse(): void;
  connections(): Promise<number>;
}

/**
 * @param host an address, with or without brackets, or a name
 * @throws CannotListen for a name that has no address, an address in use, and when none of them is this machine's
 */
export async function openListeners(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
  names = new Names(),
): Promise<Listeners> {
  const places = await placesOf(host, names);
  for (let choice = 1; ; choice++) {
    try {
      return await listenAt(server, places, port);
    } catch (error) {
      const isTaken = error instanceof CannotListen && error.code === 'EADDRINUSE';
      if (!isTaken || port !== 0 || choice === CHOICES_MAX) throw error;
    }
  }
}

/** The addresses that a host stands for, each once. @throws CannotListen for a name that has none */
export async function placesOf(host: string, names: Names): Promise<readonly ListenPlace[]> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const named = (address: string) => ({ address, isImplied: false });
  const implied = (address: string) => ({ address, isImplied: true });
  if (isIP(bare) !== 0) {
    const address = canonical(bare);
    return address === EVERYWHERE
      ? [implied(EVERYWHERE), implied(EVERYWHERE_IPV4)]
      : [named(address)];
  }
  // RFC 6761, 6.3: it is the loopback of both families, and no name server's business.
  if (/^localhost\.?$/i.test(bare)) return [implied('127.0.0.1'), implied('::1')];
  const resolved = await new Promise<Resolved>((resolve) => names.addressesOf(bare, resolve));
  if (resolved.kind === 'failed') throw new CannotListen(bare, resolved.code);
  return [...new Set(resolved.addresses.map(({ address }) => canonical(address)))].map(named);
}

/** One way to write each address of IPv6; a zone stays as it is. */
function canonical(address: string): string {
  if (isIP(address) !== 6 || address.includes('%')) return address;
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

async function listenAt(
  server: Server,
  places: readonly ListenPlace[],
  wanted: number,
): Promise<Listeners> {
  const doors: NetServer[] = [];
  const addresses: string[] = [];
  const absent: { readonly failure: CannotListen; readonly isImplied: boolean }[] = [];
  let port = wanted;
  for (const { address, isImplied } of places) {
    const door = doorTo(server);
    const code = await codeOfListening(door, address, port);
    if (code === undefined) {
      port = portOf(door, port);
      doors.push(door);
      addresses.push(formatAddress(address, port));
    } else if (ABSENT.includes(code)) {
      absent.push({ failure: new CannotListen(address, code), isImplied });
    } else {
      for (const opened of doors) opened.close();
      throw new CannotListen(address, code);
    }
  }
  if (absent[0] !== undefined && doors.length === 0) throw absent[0].failure;
  // node:http watches from then on over heads that come slowly, and knows its connections.
  server.emit('listening');
  let open = doors.length;
  for (const door of doors) {
    door.once('close', () => {
      open--;
      if (open === 0) server.close();
    });
  }
  return {
    port,
    addresses,
    missing: absent.filter(({ isImplied }) => !isImplied).map(({ failure }) => failure),
    refuse: () => {
      for (const door of doors) door.close();
    },
    connections: async () => {
      const counts = await Promise.all(doors.map(connectionsOf));
      return counts.reduce((sum, count) => sum + count, 0);
    },
  };
}

/** Not the server itself, whose `close` also closes idle connections, on which a request may be coming. */
function doorTo(server: Server): NetServer {
  const door = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    server.emit('connection', socket),
  );
  door.maxConnections = CONNECTIONS_MAX;
  return door;
}

function codeOfListening(door: NetServer, host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const failed = ({ code = 'UNKNOWN' }: NodeJS.ErrnoException) => resolve(code);
    door.once('error', failed);
    // The wildcard of IPv6 would take IPv4's as well, and nobody could tell whose port is in use.
    door.listen({ host, port, backlog: BACKLOG, ipv6Only: host === EVERYWHERE }, () => {
      door.off('error', failed);
      resolve(undefined);
    });
  });
}

function portOf(door: NetServer, otherwise: number): number {
  const bound = door.address();
  return typeof bound === 'object' && bound !== null ? bound.port : otherwise;
}

function connectionsOf(door: NetServer): Promise<number> {
  return new Promise((resolve, reject) =>
    door.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );
}
