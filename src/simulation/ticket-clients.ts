// The clients of a run that store and read files at file servers, with tickets: each asks a frontend for one, and goes on without it, whether
// or not it still runs; some send several bodies with one ticket, at once or one after the other, or change the token. What must
// hold: one ticket, one file; what is acknowledged is there, on as many disks as it should (F1), and nobody reads another byte (F3).

import type { Body, HttpReply } from '../cluster/http/http.ts';
import { isWhole } from '../cluster/http/http.ts';
import { type BlobId, newBlobId } from '../files/blob-id.ts';
import { DEFAULT_CLASS, type FileKey, ticketKey, ticketSecretKey } from '../files/file-key.ts';
import { FILE_BYTES_MAX } from '../files/manifest.ts';
import type { FileVersion } from '../files/outcomes.ts';
import { readTerms, type TicketTerms } from '../files/tickets/ticket.ts';
import { ClientTurns } from './client-turns.ts';
import type { FrontendNode, SimulatedCluster } from './cluster.ts';
import { keyOf } from './file-asker.ts';
import { drawEnding, FileBodies } from './file-bodies.ts';
import type { FileContent, FileContents } from './file-contents.ts';
import type { FileOracles } from './file-oracles.ts';
import type { JudgedClientsOf } from './judged-clients.ts';
import { requestOf } from './requests.ts';
import type { World } from './world.ts';

const PATHS = ['ticketed one', 'ticketed two'];
const CLIENTS = 2;
const FORGED_CHANCE = 0.1;
/** Most tickets live for all of the run; some end before they are used, or while they are. */
const LIFETIMES_MS = { long: 3_600_000, short: [1, 2000] } as const;
/** How long a client carries its ticket about, in ms. */
const CARRIED_MS = [0, 1500] as const;
const STORED: readonly number[] = [201, 204];

interface SimulatedTicket {
  readonly id: BlobId;
  readonly path: string;
  readonly token: string;
  /** Whether a client has changed the token. */
  readonly isForged: boolean;
  /** What was acknowledged. */
  stored: FileContent | undefined;
}

export class TicketClients {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #oracles: FileOracles;
  readonly #contents: FileContents;
  readonly #violation: (text: string) => void;
  readonly #turns: ClientTurns;
  readonly #bodies: FileBodies;
  /** With which ticket each content was sent. */
  readonly #sentWith = new Map<string, SimulatedTicket>();
  /** The first content of each ticket that became a file. */
  readonly #becameFile = new Map<SimulatedTicket, FileContent>();
  readonly #acknowledged = new Set<string>();
  readonly #givenUp = new Set<string>();
  readonly #tickets: SimulatedTicket[] = [];

  constructor({ world, cluster, oracles, asker, thinkMs, violation }: JudgedClientsOf) {
    this.#world = world;
    this.#cluster = cluster;
    this.#oracles = oracles;
    this.#contents = asker.contents;
    this.#violation = violation;
    this.#turns = new ClientTurns(world, cluster, thinkMs);
    this.#bodies = new FileBodies(world);
  }

  start(): void {
    for (let client = 0; client < CLIENTS; client++) {
      this.#turns.begin((frontend, done) => this.#turn(frontend, done));
    }
  }

  stop(): void {
    this.#turns.stop();
  }

  /** Of the files that were not given up. */
  get keys(): readonly FileKey[] {
    return PATHS.filter((path) => !this.#givenUp.has(path)).map(keyOf);
  }

  /** What becomes of these records from now on, nobody promises. */
  giveUp(isGivenUp: (key: FileKey) => boolean): void {
    for (const path of PATHS) if (isGivenUp(keyOf(path))) this.#givenUp.add(path);
    for (const { id, path } of this.#tickets) if (isGivenUp(ticketKey(id))) this.#givenUp.add(path);
    // Another secret is made then, under which no ticket from before opens.
    if (isGivenUp(ticketSecretKey())) for (const path of PATHS) this.#givenUp.add(path);
  }

  #turn(frontend: FrontendNode, done: () => void): void {
    const { random } = this.#world;
    const path = random.pick(PATHS);
    return random.chance(0.6)
      ? this.#store(frontend, path, done)
      : this.#find(frontend, path, done, (file) => this.#read(frontend, path, file, done));
  }

  #store(frontend: FrontendNode, path: string, done: () => void): void {
    const { random, nowMs } = this.#world;
    const id = newBlobId(nowMs, random.token());
    const terms: TicketTerms = {
      purpose: 'write',
      id,
      key: keyOf(path),
      contentType: undefined,
      replicationClass: DEFAULT_CLASS,
      waitsForAll: random.chance(0.2),
      bytesMax: FILE_BYTES_MAX,
    };
    this.#issue(frontend, terms, done, (token) => {
      const isForged = random.chance(FORGED_CHANCE);
      const carried = isForged ? changed(token, random.below(token.length)) : token;
      const ticket = { id, path, token: carried, isForged, stored: undefined };
      this.#tickets.push(ticket);
      let left = random.pick([1, 1, 2, 3]);
      const isAtOnce = random.chance(0.5);
      const next = () => {
        if (--left < 0) return this.#ask(frontend, ticket, done);
        return this.#send(ticket, terms.waitsForAll, next);
      };
      if (!isAtOnce) return next();
      for (let more = left - 1; more > 0; more--)
        this.#send(ticket, terms.waitsForAll, () => undefined);
      left = 1;
      return next();
    });
  }

  #issue(
    frontend: FrontendNode,
    terms: TicketTerms,
    done: () => void,
    use: (token: string) => void,
  ): void {
    const { random } = this.#world;
    const isShort = random.chance(0.15);
    const lifetimeMs = isShort ? random.between(...LIFETIMES_MS.short) : LIFETIMES_MS.long;
    frontend.within(({ files }) =>
      files.tickets.issue(terms, lifetimeMs, (issued) => {
        this.#world.occur(`ticket ${terms.purpose}: ${issued.kind}`);
        if (issued.kind === 'failed') return done();
        return this.#world.at(random.between(...CARRIED_MS), () => use(issued.token));
      }),
    );
  }

  /** Sends a body with the ticket to any file server that runs. */
  #send(ticket: SimulatedTicket, waitsForAll: boolean, done: () => void): void {
    const { random, nowMs: startMs } = this.#world;
    const server = this.#aFileServer();
    if (server === undefined) return done();
    const content = this.#newContent();
    this.#sentWith.set(content.name, ticket);
    const ending = drawEnding(random, content);
    const digest = ending === 'wrong digest' ? Buffer.alloc(16) : undefined;
    const headers = digest && { 'content-md5': digest.toString('base64') };
    const body: Body = { kind: 'stream', stream: this.#bodies.of(content, ending, undefined) };
    const request = requestOf('PUT', `/t/${ticket.token}/name`, body, headers);
    server.request(request, (reply) => {
      const { status } = reply;
      this.#world.occur(`ticket used: ${status}`);
      if (!isWhole(reply)) reply.body.discard();
      if (STORED.includes(status)) {
        const what = `${ticket.path}, ${content.name}`;
        if (ending !== 'whole')
          this.#violation(`F3: ${what} was stored from a body that was ${ending}`);
        this.#acknowledge(ticket, content, { startMs, waitsForAll });
      }
      done();
    });
  }

  #acknowledge(
    ticket: SimulatedTicket,
    content: FileContent,
    began: { readonly startMs: number; readonly waitsForAll: boolean },
  ): void {
    const { path } = ticket;
    this.#becomes(ticket, content);
    ticket.stored = content;
    this.#acknowledged.add(path);
    const current = this.#oracles.currentOf(keyOf(path));
    // It may be overwritten already.
    if (current.kind === 'file' && current.manifest.sha512 === content.sha512) {
      this.#oracles.acknowledged(path, current.manifest, began);
    }
  }

  /** One ticket, one file: the content was acknowledged, or somebody has found it under the name. */
  #becomes(ticket: SimulatedTicket, content: FileContent): void {
    const { id, path, isForged } = ticket;
    const now = this.#world.nowMs.toFixed(1);
    if (isForged) this.#violation(`a forged ticket stored ${content.name} as ${path} at ${now}`);
    const first = this.#becameFile.get(ticket);
    if (first === undefined) this.#becameFile.set(ticket, content);
    else if (first !== content && this.#isPromised(path)) {
      this.#violation(
        `one ticket, one file: with ${id} both ${first.name} and ${content.name} became ${path}, at ${now}`,
      );
    }
  }

  /** Where all clocks are set ahead for days, records of tickets expire, as they should, and a name may be stored twice. */
  #isPromised(path: string): boolean {
    return !this.#givenUp.has(path) && !this.#world.occurred.has('fault: clocks');
  }

  /** What has become of the ticket, as any frontend says. */
  #ask(first: FrontendNode, ticket: SimulatedTicket, done: () => void): void {
    const { random } = this.#world;
    const others = this.#cluster.frontends.filter(({ process }) => process.alive);
    const frontend = others.length === 0 ? first : random.pick(others);
    const { stored } = ticket;
    frontend.within(({ files }) =>
      files.tickets.state(ticket.id, (state) => {
        this.#world.occur(`ticket state: ${state.kind}`);
        const isPromised = this.#isPromised(ticket.path);
        if (state.kind === 'failed' || !isPromised) return done();
        const told = state.kind === 'stored' ? state.use.sha512 : undefined;
        const content = told === undefined ? undefined : this.#contents.withDigest(told);
        if (content !== undefined) this.#becomes(ticket, content);
        if (stored !== undefined && stored !== content) {
          this.#violation(
            `ticket ${ticket.id} stored ${stored.name}, and is said to be ${state.kind}`,
          );
        }
        return done();
      }),
    );
  }

  #find(
    frontend: FrontendNode,
    path: string,
    done: () => void,
    use: (file: FileVersion) => void,
  ): void {
    const isThere = this.#acknowledged.has(path);
    frontend.within(({ files }) =>
      files.find(keyOf(path), (found) => {
        const isKept = isThere && !this.#givenUp.has(path);
        if (found.kind === 'absent' && isKept) {
          this.#violation(`F3: ${path} is absent, though it was stored with a ticket`);
        }
        if (found.kind !== 'found') return done();
        const content = this.#contents.withDigest(found.file.manifest.sha512);
        const ticket = content && this.#sentWith.get(content.name);
        if (ticket === undefined || content === undefined) {
          this.#violation(`F3: ${path} has a content that nobody has sent`);
        } else this.#becomes(ticket, content);
        return use(found.file);
      }),
    );
  }

  #read(frontend: FrontendNode, path: string, { manifest }: FileVersion, done: () => void): void {
    const terms = readTerms(manifest);
    const content = this.#contents.withDigest(manifest.sha512);
    if (terms === undefined || content === undefined) return done();
    return this.#issue(frontend, terms, done, (token) => {
      const server = this.#aFileServer();
      if (server === undefined) return done();
      return server.request(requestOf('GET', `/t/${token}/name`), (reply) => {
        this.#world.occur(`ticket read: ${reply.status}`);
        if (reply.status === 200) return this.#readBody(path, content, reply, done);
        if (!isWhole(reply)) reply.body.discard();
        return done();
      });
    });
  }

  /** F3, F6: what comes are the bytes of that version, to their end or to a visible break. */
  #readBody(path: string, { name, bytes }: FileContent, reply: HttpReply, done: () => void): void {
    if (isWhole(reply)) return done();
    const { body } = reply;
    let at = 0;
    const next = () =>
      body.read((part) => {
        if (part.kind === 'broken') return done();
        if (part.kind === 'end') {
          if (at < bytes.length)
            this.#violation(`F3: ${path}, ${name} ended after ${at}, as if whole`);
          return done();
        }
        if (!part.bytes.equals(bytes.subarray(at, at + part.bytes.length))) {
          this.#violation(`F3, F6: ${path}, ${name} was read with other bytes at ${at}`);
          body.discard();
          return done();
        }
        at += part.bytes.length;
        return this.#world.at(this.#bodies.pieceMs(), next);
      });
    next();
  }

  /** Two tickets never send the same bytes, or nobody could tell whose they are: the shortest contents are alike. */
  #newContent(): FileContent {
    for (;;) {
      const content = this.#contents.draw(this.#world.random);
      if (content.bytes.length >= 1000 && !this.#sentWith.has(content.name)) return content;
    }
  }

  #aFileServer() {
    const alive = this.#cluster.fileServers.filter(({ process }) => process.alive);
    return alive.length === 0 ? undefined : this.#world.random.pick(alive);
  }
}

function changed(token: string, at: number): string {
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
}
