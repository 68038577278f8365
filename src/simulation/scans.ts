// A client that scans the cluster, and what it was told: each key once, none that nobody set. A whole scan is turned into
// a get of each key that began with it and ended with it, which history.ts judges: a key that was there throughout must
// have been listed, with a value that was the newest at some moment in between.

import { type HttpReply, isWhole, replyHeader } from '../cluster/http/http.ts';
import { parseETag } from '../cluster/model/condition.ts';
import type { Version } from '../cluster/model/version.ts';
import { bytesOfText } from '../cluster/wire/key-text.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { ClientOperation } from './history.ts';
import type { SimulatedNode } from './node.ts';
import { plainGet } from './requests.ts';
import type { World } from './world.ts';

/** The version of an absent key: a tombstone or an expired record may be forgotten by now, so no version is too low. */
const ABOVE_ALL = (2n ** 64n - 1n) as Version;
/** A request without an end after this is asked again elsewhere, from the same cursor. */
const PATIENCE_MS = 8000;
const RESTS_MS = [100, 1500] as const;
/** Between two requests of one scan: some go on at once, some when members have changed. */
const BETWEEN_MS = [0, 400] as const;
const LIMITS = [1, 2, 5, 1000] as const;

export interface ScanWatch {
  /** The keys that the history knows. */
  readonly keys: readonly string[];
  /** Further keys that are ever set. */
  readonly others: readonly string[];
  readonly nameOf: (value: Buffer) => string;
  violation(text: string): void;
}

interface ScannedLine {
  readonly key?: unknown;
  readonly etag?: unknown;
  readonly value?: unknown;
  readonly cursor?: unknown;
  readonly error?: unknown;
}

/** What one request brought: lines up to where the next one goes on. */
interface Answered {
  readonly lines: readonly ScannedLine[];
  /** Undefined where the scan is whole. */
  readonly cursor: string | undefined;
}

/** One scan of all keys, over as many requests as it takes, each at whatever frontend. */
export class WholeScan {
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #watch: ScanWatch;
  readonly #startMs: number;
  readonly #done: (reads: readonly ClientOperation[]) => void;
  readonly #listed = new Map<string, { readonly value: string; readonly version: Version }>();
  #cursor: string | undefined;
  #stopped = false;

  /** @param done gets the reads that the scan amounts to */
  constructor(
    world: World,
    cluster: SimulatedCluster,
    watch: ScanWatch,
    done: (reads: readonly ClientOperation[]) => void,
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#watch = watch;
    this.#startMs = world.nowMs;
    this.#done = done;
  }

  start(): void {
    this.#ask();
  }

  stop(): void {
    this.#stopped = true;
  }

  #ask(): void {
    const { random } = this.#world;
    if (this.#stopped) return;
    const alive = this.#cluster.frontends.filter(({ process }) => process.alive);
    if (alive.length === 0) return this.#later();
    const cursor = this.#cursor === undefined ? '' : `&cursor=${this.#cursor}`;
    const target = `/v1/scan?values=1&limit=${random.pick(LIMITS)}${cursor}`;
    let isOver = false;
    const answered = (answer: Answered | undefined) => {
      if (isOver) return;
      isOver = true;
      if (answer !== undefined) this.#take(answer);
      else this.#later();
    };
    this.#world.at(PATIENCE_MS, () => answered(undefined));
    this.#send(random.pick(alive), target, answered);
  }

  #later(): void {
    this.#world.at(this.#world.random.between(...BETWEEN_MS), () => this.#ask());
  }

  /** @param answered gets undefined where the answer is no list, or was cut off: its lines count for nothing */
  #send(
    frontend: SimulatedNode,
    target: string,
    answered: (answer: Answered | undefined) => void,
  ): void {
    frontend.request(plainGet(target), (reply: HttpReply) => {
      if (reply.status !== 200 || isWhole(reply)) {
        const error = replyHeader(reply, 'x-fog-error') ?? 'no code';
        if (reply.status !== 503) this.#watch.violation(`scan: ${reply.status} ${error}`);
        return answered(undefined);
      }
      let text = '';
      const read = () =>
        reply.body.read((part) => {
          if (part.kind === 'broken') return answered(undefined);
          if (part.kind === 'end') return answered(answeredBy(text));
          text += part.bytes.toString();
          return this.#world.at(this.#world.random.between(0, 5), read);
        });
      return read();
    });
  }

  #take({ lines, cursor }: Answered): void {
    for (const { key, etag, value } of lines) {
      const name = String(key);
      if (this.#listed.has(name)) this.#watch.violation(`scan: ${name} is listed twice`);
      const { keys, others } = this.#watch;
      if (others.includes(name)) continue;
      if (!keys.includes(name)) {
        this.#watch.violation(`scan: nobody ever set ${JSON.stringify(key)}`);
      }
      const version = parseETag(String(etag))?.version;
      if (version === undefined) this.#watch.violation(`scan: the ETag of ${name} is ${etag}`);
      const bytes = bytesOfText(value) ?? Buffer.alloc(0);
      this.#listed.set(name, {
        value: this.#watch.nameOf(bytes),
        version: version ?? ABOVE_ALL,
      });
    }
    this.#cursor = cursor;
    if (cursor !== undefined) return this.#later();
    return this.#done(this.#reads());
  }

  #reads(): readonly ClientOperation[] {
    return this.#watch.keys.map((key) => {
      const listed = this.#listed.get(key);
      return {
        kind: 'get',
        key,
        startMs: this.#startMs,
        endMs: this.#world.nowMs,
        value: listed?.value,
        ok: true,
        version: listed?.version ?? ABOVE_ALL,
        refused: false,
      };
    });
  }
}

/** Scans again and again. */
export class ScanClient {
  /** The reads that all whole scans amount to. */
  readonly reads: ClientOperation[] = [];
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #watch: ScanWatch;
  #scan: WholeScan | undefined;
  #stopped = false;

  constructor(world: World, cluster: SimulatedCluster, watch: ScanWatch) {
    this.#world = world;
    this.#cluster = cluster;
    this.#watch = watch;
  }

  start(): void {
    this.#world.at(this.#world.random.between(...RESTS_MS), () => this.#begin());
  }

  stop(): void {
    this.#stopped = true;
    this.#scan?.stop();
  }

  #begin(): void {
    if (this.#stopped) return;
    this.#scan = new WholeScan(this.#world, this.#cluster, this.#watch, (reads) => {
      this.#world.occur('scan is whole');
      this.reads.push(...reads);
      this.start();
    });
    this.#scan.start();
  }
}

function answeredBy(text: string): Answered {
  const lines: ScannedLine[] = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  const last = lines.at(-1);
  if (last?.cursor === undefined) return { lines, cursor: undefined };
  return { lines: lines.slice(0, -1), cursor: String(last.cursor) };
}
