// The clients of a run that store files through the brokers of all frontends, and say when an upload is complete: with the right
// digest, a wrong one or none, more than once, late, at another broker than that which has issued the ticket, and while others
// overwrite, delete or lock the file. What must hold: a completion is of what is there, a wrong one leaves nothing of its own
// upload and takes nothing of anybody else, and what is locked stays.

import { assert } from '../cluster/assert.ts';
import { ERROR_HEADER } from '../cluster/http/errors.ts';
import { type Body, type HttpReply, isWhole, replyHeader } from '../cluster/http/http.ts';
import { type BlobId, parseBlobId } from '../files/blob-id.ts';
import { type FileKey, ticketKey, ticketSecretKey } from '../files/file-key.ts';
import { contentTagOf } from '../files/http/content-tag.ts';
import { BrokerAsker, keyAtTop } from './broker-asker.ts';
import { ClientTurns, once } from './client-turns.ts';
import type { FrontendNode, SimulatedCluster } from './cluster.ts';
import { drawEnding } from './file-bodies.ts';
import type { FileContent } from './file-contents.ts';
import type { FileOracles } from './file-oracles.ts';
import type { FileChange, FileSight } from './file-sights.ts';
import type { JudgedClientsOf } from './judged-clients.ts';
import { bytesOf, requestOf } from './requests.ts';
import type { World } from './world.ts';

const NAMES = ['completed 1', 'completed 2'];
const CLIENTS = 4;
/** How long a client carries its ticket about, and how late it says that the upload is complete, in ms. */
const LATER = { chance: 0.4, forMs: [0, 2500] } as const;
/** Without an answer to its upload a client goes on after this, in ms. */
const PATIENCE_MS = 4000;
/** How long a client does nothing under its lock, while others try, in ms. */
const HOLD_MS = [0, 800] as const;
const LOCK_INFO: Body = {
  kind: 'bytes',
  bytes: Buffer.from(
    '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>',
  ),
};

interface CompletedUpload {
  readonly name: string;
  readonly ticket: string;
  readonly id: BlobId;
  /** The broker that has issued the ticket. */
  readonly issuer: FrontendNode;
  readonly content: FileContent;
  readonly stored: FileChange;
}

/** What a client says of its upload. */
type ToldOfUpload = 'right digest' | 'right size' | 'wrong digest' | 'wrong size' | 'nothing';
const WRONG: readonly ToldOfUpload[] = ['wrong digest', 'wrong size'];
const RIGHT: readonly ToldOfUpload[] = ['right digest', 'right size', 'nothing'];
const WRONG_CHANCE = 0.4;

export class CompletionClients {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #oracles: FileOracles;
  readonly #turns: ClientTurns;
  readonly #broker: BrokerAsker;
  readonly #uploads = new Map<FileContent, CompletedUpload>();

  constructor(of: JudgedClientsOf) {
    const { world, cluster, oracles, thinkMs } = of;
    this.#world = world;
    this.#cluster = cluster;
    this.#oracles = oracles;
    this.#turns = new ClientTurns(world, cluster, thinkMs);
    this.#broker = new BrokerAsker(of, NAMES);
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
    return this.#broker.names.map(keyAtTop);
  }

  /** What becomes of these records from now on, nobody promises. */
  giveUp(isGivenUp: (key: FileKey) => boolean): void {
    for (const name of NAMES) {
      // Another secret is made then, under which no ticket from before opens.
      const isLost = isGivenUp(keyAtTop(name)) || isGivenUp(ticketSecretKey());
      if (isLost) this.#broker.giveUp(name);
    }
    for (const { name, id } of this.#uploads.values()) {
      if (isGivenUp(ticketKey(id))) this.#broker.giveUp(name);
    }
  }

  /** Called when nobody asks anything any more. */
  violations(): readonly string[] {
    return this.#broker.violations();
  }

  #turn(frontend: FrontendNode, done: () => void): void {
    const { random } = this.#world;
    const broker = this.#broker;
    const name = random.pick(NAMES);
    const drawn = random.fraction();
    if (drawn < 0.5) return this.#store(frontend, name, done);
    if (drawn < 0.6) return broker.put(frontend, name, done);
    if (drawn < 0.68) return broker.delete(frontend, name, done);
    return broker.look(frontend, name, (content) =>
      content !== undefined && drawn < 0.82 ? this.#lock(name, content, done) : done(),
    );
  }

  /** A ticket, the upload with it, and what the client says of that afterwards or meanwhile. */
  #store(issuer: FrontendNode, name: string, done: () => void): void {
    this.#broker.ask(issuer, { method: 'PUT', name }, (reply) => {
      const ticket = replyHeader(reply, 'x-fog-ticket');
      if (reply.status !== 307 || ticket === undefined) return done();
      const id = parseBlobId(JSON.parse(bytesOf(reply).toString()).id);
      assert(id !== undefined, 'a ticket has an id');
      const content = this.#broker.newContent();
      const stored = this.#broker.begin(name, 'stored', content);
      const upload: CompletedUpload = { name, ticket, id, issuer, content, stored };
      this.#uploads.set(content, upload);
      const isMeanwhile = this.#world.random.chance(0.2);
      if (isMeanwhile) this.#completeSome(upload, done);
      const sent = isMeanwhile ? NOTHING : () => this.#completeSome(upload, done);
      return this.#later(() => this.#send(upload, sent));
    });
  }

  #send({ name, ticket, content, stored }: CompletedUpload, ended: () => void): void {
    const { random, nowMs: startMs } = this.#world;
    const alive = this.#cluster.fileServers.filter(({ process }) => process.alive);
    if (alive.length === 0) return ended();
    const ending = drawEnding(random, content);
    const wrong = { 'content-md5': Buffer.alloc(16).toString('base64') };
    const stream = this.#broker.bodies.of(content, ending, undefined);
    const headers = ending === 'wrong digest' ? wrong : undefined;
    const request = requestOf('PUT', `/t/${ticket}/name`, { kind: 'stream', stream }, headers);
    // A server that dies answers nothing: its client asks the broker what became of the upload.
    const next = once(ended);
    this.#world.at(PATIENCE_MS, next);
    return random.pick(alive).request(request, (reply) => {
      if (!isWhole(reply)) reply.body.discard();
      this.#world.occur(`completed upload: ${reply.status}`);
      this.#broker.answered(name, stored, reply.status);
      if (stored.outcome === 'done') this.#acknowledged(name, content, startMs);
      next();
    });
  }

  /** F1: a client was told that its file is stored, by the file server or by a broker. */
  #acknowledged(name: string, { sha512 }: FileContent, startMs: number): void {
    const current = this.#oracles.currentOf(keyAtTop(name));
    // It may be overwritten already.
    if (current.kind !== 'file' || current.manifest.sha512 !== sha512) return;
    this.#oracles.acknowledged(name, current.manifest, { startMs, waitsForAll: false });
  }

  /** Completes an upload once or several times, at once or one after the other. */
  #completeSome(upload: CompletedUpload, done: () => void): void {
    const { random } = this.#world;
    let left = random.pick([1, 1, 1, 2, 3]);
    if (random.chance(0.5)) {
      for (; left > 1; left--) this.#later(() => this.#complete(upload, NOTHING));
    }
    const next = (): void =>
      left-- > 0 ? this.#later(() => this.#complete(upload, next)) : done();
    next();
  }

  #complete(upload: CompletedUpload, done: () => void): void {
    const { random } = this.#world;
    this.#completeWith(upload, random.pick(random.chance(WRONG_CHANCE) ? WRONG : RIGHT), done);
  }

  #completeWith(upload: CompletedUpload, told: ToldOfUpload, done: () => void): void {
    const { name, ticket, issuer, content } = upload;
    const { nowMs: startMs } = this.#world;
    if (!issuer.process.alive) this.#world.occur('completed while its broker is dead');
    const isWrong = WRONG.includes(told);
    const withdrawn = isWrong ? this.#broker.begin(name, 'withdrawn', content) : undefined;
    const query = `?ticket=${ticket}&complete${parameterOf(told, content)}`;
    const question = { method: 'POST', name, query };
    this.#broker.ask(this.#broker.anyFrontend(), question, (reply) => {
      const code = replyHeader(reply, ERROR_HEADER) ?? 'stored';
      this.#world.occur(`completion with ${told}: ${reply.status} ${code}`);
      this.#judge(upload, { told, withdrawn, startMs }, reply, code);
      done();
    });
  }

  #judge(
    { name, content, stored }: CompletedUpload,
    {
      told,
      withdrawn,
      startMs,
    }: {
      readonly told: ToldOfUpload;
      readonly withdrawn: FileChange | undefined;
      readonly startMs: number;
    },
    reply: HttpReply,
    code: string,
  ): void {
    const broker = this.#broker;
    const saw = (kind: FileSight['kind']) =>
      broker.saw(name, { what: `completion with ${told}`, kind, content, startMs });
    if (reply.status === 200) {
      const isIts = bytesOf(reply).toString().includes(content.sha512);
      if (!isIts || withdrawn !== undefined) {
        broker.break(
          name,
          `${content.name} is complete with ${told}, and what is told is its own: ${isIts}`,
        );
      }
      saw('present');
      broker.finish(name, stored);
      this.#acknowledged(name, content, stored.startMs);
    }
    if (code === 'used-ticket') saw('missing');
    if (code !== 'digest-differs') {
      if (withdrawn !== undefined) broker.answered(name, withdrawn, reply.status);
    } else if (withdrawn === undefined) broker.break(name, `a completion with ${told} was refused`);
    else broker.finish(name, withdrawn);
  }

  /** Locks this very content. Nobody takes anything of it until it is unlocked, also no wrong completion of its own upload. */
  #lock(name: string, content: FileContent, done: () => void): void {
    const headers = { timeout: 'Second-86400', 'if-match': contentTagOf(content) };
    const broker = this.#broker;
    const question = { method: 'LOCK', name, headers, body: LOCK_INFO };
    broker.ask(broker.anyFrontend(), question, (reply) => {
      const token = replyHeader(reply, 'lock-token');
      if (reply.status !== 200 || token === undefined) return done();
      const { random } = this.#world;
      const upload = this.#uploads.get(content);
      const isTried = upload !== undefined && random.chance(0.5);
      if (isTried) this.#completeWith(upload, random.pick(WRONG), NOTHING);
      return this.#world.at(random.between(...HOLD_MS), () =>
        broker.look(broker.anyFrontend(), name, (there) => {
          // Where it finds nothing, or nobody answers, the UNLOCK says whether the lock was lost.
          if (there !== undefined && there !== content) this.#lost(name, 'overwritten');
          this.#unlock(name, token, done);
        }),
      );
    });
  }

  #unlock(name: string, token: string, done: () => void): void {
    const question = { method: 'UNLOCK', name, headers: { 'lock-token': token } };
    this.#broker.ask(this.#broker.anyFrontend(), question, ({ status }) => {
      if (status === 404 || status === 409) this.#lost(name, `gone before its UNLOCK: ${status}`);
      done();
    });
  }

  #lost(name: string, how: string): void {
    // Where all clocks are set ahead for days, locks are over, as they should be.
    if (this.#world.occurred.has('fault: clocks')) return;
    this.#broker.break(name, `what was locked was ${how}`);
  }

  #later(run: () => void): void {
    const { random } = this.#world;
    if (!random.chance(LATER.chance)) return run();
    return this.#world.at(random.between(...LATER.forMs), run);
  }
}

const NOTHING = () => undefined;

/** @returns what the message has of it */
function parameterOf(told: ToldOfUpload, { bytes, sha512 }: FileContent): string {
  switch (told) {
    case 'right digest':
      return `&sha512=${sha512}`;
    case 'right size':
      return `&size=${bytes.length}`;
    case 'wrong digest':
      return `&sha512=${'0'.repeat(128)}`;
    case 'wrong size':
      return `&size=${bytes.length + 1}`;
    case 'nothing':
      return '';
  }
}
