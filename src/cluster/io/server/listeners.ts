// Listens on one port of every address that a host stands for, IPv4 and IPv6 alike. Each address has a socket of its
// own, so that a failure names its address; one server takes the connections of all. What it does with them is in
// http-server.ts.

import type { Server } from 'node:http';
import { createServer, isIP, type Server as NetServer } from 'node:net';
import { formatAddress } from '../../model/identity.ts';
import { CONNECTIONS_MAX } from '../../model/limits.ts';
import { Names, type Resolved } from '../network/names.ts';

/** The wildcard address of IPv6; as a host it means the wildcard of IPv4 as well. */
export const EVERYWHERE = '::';
const EVERYWHERE_IPV4 = '0.0.0.0';
const BACKLOG = 4096;
/** How often the system may choose a port: the one it chose for the first address may be in use on another. */
const CHOICES_MAX = 16;

/** The codes for an address that this machine does not have at present, or whose family is disabled. */
const ABSENT: readonly string[] = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'];

export interface ListenPlace {
  readonly address: string;
  /** Whether the host only implies the address, as `localhost` does: if it is absent, that is not reported. */
  readonly isImplied: boolean;
}

/** An address that the process cannot listen on; `code` is the system's error code. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen';
  readonly code: string;
  /** The address that was tried, or the host when it could not be resolved. */
  readonly address: string;

  constructor(address: string, code: string) {
    super(`${address}: ${code}`);
    this.address = address;
    this.code = code;
  }
}

export interface Listeners {
  readonly port: number;
  /** The addresses listened on, as HOST:PORT with IPv6 in brackets. */
  readonly addresses: readonly string[];
  /** The addresses that the host names, but this machine does not have. */
  readonly missing: readonly CannotListen[];
  /** Takes no new connections; those already open go on. */
  refuse(): void;
  connections(): Promise<number>;
}

/**
 * Opens a socket for each address of the host.
 * @param host an address, with or without brackets, or a name
 * @param connectionsMax as many are open at each address at the most
 * @throws CannotListen for a name without addresses, for an address in use, and when this machine has none of them
 */
export async function openListeners(
  server: Server,
  {
    host,
    port,
    connectionsMax = CONNECTIONS_MAX,
  }: { readonly host: string; readonly port: number; readonly connectionsMax?: number },
  names = new Names(),
): Promise<Listeners> {
  const places = await placesOf(host, names);
  for (let choice = 1; ; choice++) {
    try {
      return await listenAt(server, places, port, connectionsMax);
    } catch (error) {
      const isTaken = error instanceof CannotListen && error.code === 'EADDRINUSE';
      if (!isTaken || port !== 0 || choice === CHOICES_MAX) throw error;
    }
  }
}

/** @returns each address that a host stands for, once. @throws CannotListen for a name without addresses */
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
  // RFC 6761, 6.3: `localhost` means the loopback addresses of both families, without asking a name server.
  if (/^localhost\.?$/i.test(bare)) return [implied('127.0.0.1'), implied('::1')];
  const resolved = await new Promise<Resolved>((resolve) => names.addressesOf(bare, resolve));
  if (resolved.kind === 'failed') throw new CannotListen(bare, resolved.code);
  return [...new Set(resolved.addresses.map(({ address }) => canonical(address)))].map(named);
}

/** @returns the canonical form of an IPv6 address; one with a zone is left as it is */
function canonical(address: string): string {
  if (isIP(address) !== 6 || address.includes('%')) return address;
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

async function listenAt(
  server: Server,
  places: readonly ListenPlace[],
  wanted: number,
  connectionsMax: number,
): Promise<Listeners> {
  const doors: NetServer[] = [];
  const addresses: string[] = [];
  const absent: { readonly failure: CannotListen; readonly isImplied: boolean }[] = [];
  let port = wanted;
  for (const { address, isImplied } of places) {
    const door = doorTo(server, connectionsMax);
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
  // On this event node:http starts to track its connections, and to check for heads that come too slowly.
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

/**
 * A separate listener, because closing the server itself also closes idle connections, on which a request may come. Who
 * comes when it is full is closed here, and not by node: of several workers one that is full would give the connection back
 * to the primary, which deals it to the next one, and while all are full round and round.
 */
function doorTo(server: Server, connectionsMax: number): NetServer {
  let open = 0;
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    if (open >= connectionsMax) {
      socket.destroy();
      return;
    }
    open++;
    socket.once('close', () => open--);
    server.emit('connection', socket);
  });
}

function codeOfListening(door: NetServer, host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const failed = ({ code = 'UNKNOWN' }: NodeJS.ErrnoException) => resolve(code);
    door.once('error', failed);
    // Without `ipv6Only` the IPv6 wildcard takes IPv4 as well, and an error would not show whose port is in use.
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
