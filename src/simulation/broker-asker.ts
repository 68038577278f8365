// Asks the brokers of all frontends of a run for files at the top of their domain, and keeps what was done to each file and what
// was seen of it, by which file-sights.ts judges in the end. Each file is stored with a content of its own.

import { type Body, type HttpReply, isWhole, replyHeader } from '../cluster/http/http.ts';
import { directoryFileKey, type FileKey } from '../files/file-key.ts';
import { contentTagOf } from '../files/http/content-tag.ts';
import { BROKER_PORT, type FrontendNode, type SimulatedCluster } from './cluster.ts';
import type { FileAsker } from './file-asker.ts';
import { FileBodies } from './file-bodies.ts';
import type { FileContent } from './file-contents.ts';
import { checkSights, type FileChange, type FileSight } from './file-sights.ts';
import type { JudgedClientsOf } from './judged-clients.ts';
import { requestOf } from './requests.ts';
import type { World } from './world.ts';

const DOMAIN = 'default';
const STORED: readonly number[] = [201, 204];
/** Nobody knows whether it had an effect; every other refusal says that it had none. */
const UNKNOWN = 504;
/** A lock may be seen behind the change only, which is then undone. */
const LOCKED = 423;
const WITHOUT_EFFECT: readonly FileChange['outcome'][] = ['refused', 'undone'];

export interface BrokerQuestion {
  readonly method: string;
  readonly name: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
}

export class BrokerAsker {
  readonly bodies: FileBodies;
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #asker: FileAsker;
  readonly #violation: (text: string) => void;
  readonly #names: readonly string[];
  readonly #changes = new Map<string, FileChange[]>();
  readonly #sights = new Map<string, FileSight[]>();
  /** What was sent, by the ETag that clients see. */
  readonly #contents = new Map<string, FileContent>();
  readonly #givenUp = new Set<string>();

  /** @param names of all files that are asked for */
  constructor(
    {
      world,
      cluster,
      asker,
      violation,
    }: Pick<JudgedClientsOf, 'world' | 'cluster' | 'asker' | 'violation'>,
    names: readonly string[],
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#asker = asker;
    this.#violation = violation;
    this.#names = names;
    this.bodies = new FileBodies(world);
  }

  /** Of the files that were not given up. */
  get names(): readonly string[] {
    return this.#names.filter((name) => !this.#givenUp.has(name));
  }

  /** What becomes of this file from now on, nobody promises. */
  giveUp(name: string): void {
    this.#givenUp.add(name);
  }

  /** Called when nobody asks anything any more. */
  violations(): readonly string[] {
    return this.names.flatMap((name) =>
      checkSights(this.#changes.get(name) ?? [], this.#sights.get(name) ?? []).map(
        (text) => `${name}: ${text}`,
      ),
    );
  }

  break(name: string, text: string): void {
    if (this.#givenUp.has(name)) return;
    this.#violation(`broker: ${name}: ${text}, at ${this.#world.nowMs.toFixed(1)}`);
  }

  ask(frontend: FrontendNode, question: BrokerQuestion, ended: (reply: HttpReply) => void): void {
    const { method, name, query = '', headers, body } = question;
    const target = `/${encodeURIComponent(name)}${query}`;
    const request = requestOf(method, target, body, { host: 'any', ...headers });
    this.#asker.questions.ask(`${method} of ${name}`, frontend, (answered) =>
      frontend.request(
        request,
        (reply) => {
          if (!isWhole(reply)) reply.body.discard();
          if (!answered()) return;
          this.#world.occur(`broker ${method}: ${reply.status}`);
          ended(reply);
        },
        BROKER_PORT,
      ),
    );
  }

  anyFrontend(): FrontendNode {
    const alive = this.#cluster.frontends.filter(({ process }) => process.alive);
    return this.#world.random.pick(alive.length > 0 ? alive : this.#cluster.frontends);
  }

  /** Stores a file through the broker. */
  put(frontend: FrontendNode, name: string, done: () => void): void {
    const content = this.newContent();
    const stored = this.begin(name, 'stored', content);
    const body: Body = { kind: 'stream', stream: this.bodies.of(content, 'whole', undefined) };
    const question = { method: 'PUT', name, query: '?proxy=1', body };
    this.ask(frontend, question, ({ status }) => {
      this.answered(name, stored, status);
      done();
    });
  }

  delete(frontend: FrontendNode, name: string, done: () => void): void {
    const deleted = this.begin(name, 'deleted', undefined);
    this.ask(frontend, { method: 'DELETE', name }, ({ status }) => {
      // Who sends it again where nobody has answered takes 404 for its success.
      if (status === 404) this.finish(name, deleted);
      else this.answered(name, deleted, status);
      done();
    });
  }

  /** @param use called with what is there; also where nothing is, or nobody could say it */
  look(
    frontend: FrontendNode,
    name: string,
    use: (content: FileContent | undefined) => void,
  ): void {
    const { nowMs: startMs } = this.#world;
    this.ask(frontend, { method: 'HEAD', name }, (reply) => {
      const tag = replyHeader(reply, 'etag') ?? '';
      const content = reply.status === 302 ? this.#contents.get(tag) : undefined;
      if (reply.status === 302 && content === undefined) {
        this.break(name, `has a content that nobody has sent: ${tag}`);
      }
      const isTold = content !== undefined || reply.status === 404;
      if (isTold) this.saw(name, { what: 'HEAD', kind: 'present', content, startMs });
      use(content);
    });
  }

  /** No two changes store the same bytes, or nobody could tell whose they are: the shortest contents are alike. */
  newContent(): FileContent {
    for (;;) {
      const content = this.#asker.contents.draw(this.#world.random);
      if (content.bytes.length < 1000) continue;
      this.#contents.set(contentTagOf(content), content);
      return content;
    }
  }

  begin(name: string, kind: FileChange['kind'], content: FileContent | undefined): FileChange {
    const { nowMs: startMs } = this.#world;
    const begun = { kind, content: content?.name, startMs, endMs: undefined } as const;
    const change: FileChange = { ...begun, outcome: 'unknown' };
    this.#changes.set(name, [...(this.#changes.get(name) ?? []), change]);
    return change;
  }

  answered(name: string, change: FileChange, status: number): void {
    if (STORED.includes(status)) this.finish(name, change);
    else if (status !== UNKNOWN)
      this.refused(name, change, status === LOCKED ? 'undone' : 'refused');
  }

  /** Whoever was told last, it counts from the first time on. */
  finish(name: string, change: FileChange): void {
    if (WITHOUT_EFFECT.includes(change.outcome)) this.#breakTwice(name, change);
    change.outcome = 'done';
    change.endMs ??= this.#world.nowMs;
  }

  refused(name: string, change: FileChange, outcome: 'refused' | 'undone' = 'refused'): void {
    if (change.outcome === 'done') this.#breakTwice(name, change);
    change.outcome = outcome;
    change.endMs = this.#world.nowMs;
  }

  #breakTwice(name: string, { content, kind }: FileChange): void {
    this.break(name, `${content} was ${kind}, and was refused`);
  }

  saw(
    name: string,
    sight: Omit<FileSight, 'endMs' | 'content'> & { readonly content: FileContent | undefined },
  ): void {
    const seen = { ...sight, content: sight.content?.name, endMs: this.#world.nowMs };
    this.#sights.set(name, [...(this.#sights.get(name) ?? []), seen]);
  }
}

export function keyAtTop(name: string): FileKey {
  const key = directoryFileKey(DOMAIN, Buffer.alloc(0), Buffer.from(name));
  if (key === undefined) throw new RangeError(`${name} is no entry`);
  return key;
}
