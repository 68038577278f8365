// The peers of a frontend: blob services of other clusters, and nodes of the original, as a text file has them, one URL a
// line. It is read each time that they are asked, so that a changed file counts at once. Peers that failed lately are
// asked last.

import { type Address, parseAddress } from '../../../cluster/model/identity.ts';
import type { Clock, Logger, OperatorFiles } from '../../../cluster/ports.ts';

export const PEERS_MAX = 256;
/** How long a peer that failed is asked after all others. */
const FAILED_MS = 60_000;

export interface BlobPeer {
  /** As the list has it, with a slash at its end. */
  readonly url: string;
  readonly address: Address;
  /** The path of its blob service, which begins and ends with a slash. */
  readonly path: string;
}

export interface ReadPeers {
  readonly peers: readonly BlobPeer[];
  /** Lines that are no URL of a peer. */
  readonly wrong: readonly string[];
}

const URL_FORM = /^http:\/\/([^/?#\s@]+)(\/[\x21\x24-\x3e\x40-\x7e]*)?$/i;

/** @param own the URL of this frontend, which is no peer of itself */
export function peersIn(text: string, own: string | undefined): ReadPeers {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const given = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const peers = new Map<string, BlobPeer>();
  const wrong: string[] = [];
  for (const line of given) {
    const peer = peerOf(line);
    if (peer === undefined || peers.size >= PEERS_MAX) wrong.push(line);
    else peers.set(peer.url, peer);
  }
  const ownUrl = own === undefined ? undefined : peerOf(own.trim())?.url;
  if (ownUrl !== undefined) peers.delete(ownUrl);
  return { peers: [...peers.values()], wrong };
}

/** @returns undefined for what is no URL of a peer */
export function peerOf(url: string): BlobPeer | undefined {
  const [, host = '', rest = '/'] = URL_FORM.exec(url) ?? [];
  const address = host.toLowerCase();
  const withPort = parseAddress(address) === undefined ? `${address}:80` : address;
  if (host === '' || parseAddress(withPort) === undefined) return undefined;
  const path = rest.endsWith('/') ? rest : `${rest}/`;
  return { url: `http://${withPort}${path}`, address: withPort as Address, path };
}

export interface PeerListParts {
  readonly files: OperatorFiles;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class PeerList {
  readonly #parts: PeerListParts;
  readonly #path: string | undefined;
  readonly #own: string | undefined;
  /** When those that failed did so last, by their URLs. */
  readonly #failedMs = new Map<string, number>();
  #known: readonly BlobPeer[] = [];
  #logged = '';

  constructor(parts: PeerListParts, path: string | undefined, own: string | undefined) {
    this.#parts = parts;
    this.#path = path;
    this.#own = own;
  }

  /**
   * Reads the list.
   * @param callback called once: with the peers, those first that have not failed lately, and with why the list could not
   *   be read, where the last one that could counts
   */
  read(callback: (peers: readonly BlobPeer[], problem: string | undefined) => void): void {
    if (this.#path === undefined) return callback([], undefined);
    return this.#parts.files.read(this.#path, (result) => {
      if (result.kind === 'failed') {
        this.#log(`the list of peers cannot be read: ${result.detail}`);
        return callback(this.#inOrder(), result.detail);
      }
      const { peers, wrong } = peersIn(result.value, this.#own);
      this.#known = peers;
      for (const url of this.#failedMs.keys()) {
        if (!peers.some((peer) => peer.url === url)) this.#failedMs.delete(url);
      }
      const [first] = wrong;
      this.#log(
        first === undefined ? '' : `a line of the list of peers is no URL of one: ${first}`,
      );
      return callback(this.#inOrder(), undefined);
    });
  }

  failed({ url }: BlobPeer): void {
    this.#failedMs.set(url, this.#parts.clock.monotonicMs());
  }

  succeeded({ url }: BlobPeer): void {
    this.#failedMs.delete(url);
  }

  #inOrder(): readonly BlobPeer[] {
    const nowMs = this.#parts.clock.monotonicMs();
    const lately = (peer: BlobPeer) => {
      const atMs = this.#failedMs.get(peer.url);
      return atMs !== undefined && nowMs - atMs < FAILED_MS ? atMs : -1;
    };
    return [...this.#known].sort((a, b) => lately(a) - lately(b));
  }

  /** Says a problem once, and not for each request. */
  #log(problem: string): void {
    if (problem !== '' && problem !== this.#logged) this.#parts.logger.write('warn', problem);
    this.#logged = problem;
  }
}
