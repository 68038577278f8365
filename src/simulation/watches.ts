// A client that follows all changes and keeps a copy of the contents, as an application's cache would: it scans at the
// beginning and whenever changes may have been missed, loses its connection now and then, and comes back with the last id.
// In the end its copy must be what a scan lists (H46).

import { type HttpReply, isWhole } from '../cluster/http/http.ts';
import { parseETag } from '../cluster/model/condition.ts';
import { parseVersion, VERSION_ZERO, type Version } from '../cluster/model/version.ts';
import { bytesOfText } from '../cluster/wire/key-text.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { ClientOperation } from './history.ts';
import { plainGet } from './requests.ts';
import { type ScanWatch, WholeScan } from './scans.ts';
import type { World } from './world.ts';

/** In ms: how long a connection lasts, the rest until the next, and the pause before a client reads on. */
const CONNECTED_MS = [500, 12_000] as const;
/** Now and then it ends before the client has read more than where it is. */
const CUT_SHORT = { chance: 0.2, forMs: [0, 6] } as const;
const APART_MS = [0, 3000] as const;
const READS_AFTER_MS = [0, 5] as const;
/** Now and then a client reads nothing for a while, and the changes that it wants are forgotten. */
const SLOW = { chance: 0.01, forMs: [500, 6000] } as const;
/**
 * After all faults a client is connected and has scanned within this, and has stayed so for longer than the slowest reader
 * reads nothing.
 */
const SETTLES_WITHIN_MS = 30_000;
const SETTLED_FOR_MS = 7000;
/** A request that was not answered after this is asked again elsewhere. */
const PATIENCE_MS = 8000;

export interface CopiedKey {
  /** The name of the value; undefined where the key has none. */
  readonly value: string | undefined;
  readonly version: Version;
  readonly atMs: number;
}

export class WatchClient {
  /** What the cluster has, as far as this client was told. */
  readonly copy = new Map<string, CopiedKey>();
  readonly #world: World;
  readonly #cluster: SimulatedCluster;
  readonly #watch: ScanWatch;
  #place: string | undefined;
  #scan: WholeScan | undefined;
  #isComplete = false;
  /** Whether the connection may be cut. */
  #isUnsteady = true;
  #isConnected = false;
  #isStopped = false;
  /** Ends the present connection. */
  #close: () => void = () => undefined;

  constructor(world: World, cluster: SimulatedCluster, watch: ScanWatch) {
    this.#world = world;
    this.#cluster = cluster;
    this.#watch = watch;
  }

  start(): void {
    this.#connect();
  }

  /** Called when everything has settled. @returns how the copy differs from what the cluster has */
  check(history: Pick<CopyCheck, 'operations' | 'expires'>): readonly string[] {
    const world = this.#world;
    this.#isUnsteady = false;
    const untilMs = world.nowMs + SETTLES_WITHIN_MS;
    let settledMs = world.nowMs;
    while (world.nowMs - settledMs < SETTLED_FOR_MS && world.nowMs < untilMs) {
      world.runUntil(world.nowMs + 200);
      if (!this.#isConnected || !this.#isComplete) settledMs = world.nowMs;
    }
    let listed: readonly ClientOperation[] | undefined;
    const scan = new WholeScan(world, this.#cluster, this.#watch, (reads) => {
      listed = reads;
    });
    scan.start();
    while (listed === undefined && world.nowMs < untilMs) world.runUntil(world.nowMs + 200);
    scan.stop();
    if (listed === undefined || !this.#isConnected || !this.#isComplete) {
      return ['watch: the copy is not complete long after all faults'];
    }
    return checkCopy({ ...history, copy: this.copy, listed });
  }

  stop(): void {
    this.#isStopped = true;
    this.#scan?.stop();
    this.#close();
  }

  #connect(): void {
    const { random } = this.#world;
    if (this.#isStopped) return undefined;
    const alive = this.#cluster.frontends.filter(({ process }) => process.alive);
    if (alive.length === 0) return this.#later();
    const since = this.#place === undefined ? '' : `&since=${this.#place}`;
    let isOver = false;
    const ended = () => {
      if (isOver) return;
      isOver = true;
      this.#isConnected = false;
      this.#later();
    };
    let isAnswered = false;
    this.#world.at(PATIENCE_MS, () => {
      if (!isAnswered) ended();
    });
    return random.pick(alive).request(plainGet(`/v1/watch?values=1${since}`), (reply) => {
      isAnswered = true;
      if (isOver) return isWhole(reply) ? undefined : reply.body.discard();
      if (reply.status !== 200 || isWhole(reply)) {
        if (reply.status !== 503) this.#watch.violation(`watch: ${reply.status}`);
        return ended();
      }
      this.#isConnected = true;
      this.#close = () => reply.body.discard();
      this.#world.occur(since === '' ? 'watch begun' : 'watch resumed');
      if (since === '') this.#missed();
      const [fromMs, toMs] = random.chance(CUT_SHORT.chance) ? CUT_SHORT.forMs : CONNECTED_MS;
      this.#world.at(random.between(fromMs, toMs), () => {
        if (isOver || !this.#isUnsteady) return;
        reply.body.discard();
        // Some clients have no place to go on, and begin anew.
        if (random.chance(0.1)) this.#place = undefined;
        ended();
      });
      return this.#read(reply, '', ended);
    });
  }

  #later(): void {
    this.#world.at(this.#world.random.between(...APART_MS), () => this.#connect());
  }

  #read(reply: Extract<HttpReply, { body: object }>, text: string, ended: () => void): void {
    if (isWhole(reply)) return;
    reply.body.read((part) => {
      if (part.kind !== 'bytes') return ended();
      const blocks = `${text}${part.bytes.toString()}`.split('\n\n');
      const rest = blocks.pop() ?? '';
      for (const block of blocks) this.#take(block);
      const { random } = this.#world;
      const isSlow = this.#isUnsteady && random.chance(SLOW.chance);
      const [fromMs, toMs] = isSlow ? SLOW.forMs : READS_AFTER_MS;
      const afterMs = random.between(fromMs, toMs);
      return this.#world.at(afterMs, () => this.#read(reply, rest, ended));
    });
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => {
        const colon = line.indexOf(': ');
        return [line.slice(0, colon), line.slice(colon + 2)] as const;
      }),
    );
    this.#place = fields.get('id') ?? this.#place;
    const event = fields.get('event');
    if (event === undefined) return;
    this.#world.occur(`watch event ${event}`);
    if (event === 'missed') return this.#missed();
    const { key, etag, value, version } = JSON.parse(fields.get('data') ?? '') as Record<
      string,
      unknown
    >;
    const bytes = bytesOfText(value);
    const told: CopiedKey =
      event === 'set' && bytes !== undefined
        ? {
            value: this.#watch.nameOf(bytes),
            version: parseETag(String(etag))?.version ?? VERSION_ZERO,
            atMs: this.#world.nowMs,
          }
        : {
            value: undefined,
            version: parseVersion(String(version)) ?? VERSION_ZERO,
            atMs: this.#world.nowMs,
          };
    const known = this.copy.get(String(key));
    // Members may be heard in another order than they were written: the greater version is the newer value.
    if (known !== undefined && known.version > told.version) return;
    this.copy.set(String(key), told);
  }

  #missed(): void {
    this.#isComplete = false;
    this.#scan?.stop();
    const startMs = this.#world.nowMs;
    const scan = new WholeScan(this.#world, this.#cluster, this.#watch, (reads) => {
      this.#scan = undefined;
      this.#isComplete = true;
      for (const read of reads) this.#listed(read, startMs);
    });
    this.#scan = scan;
    scan.start();
  }

  #listed({ key, value, version = VERSION_ZERO }: ClientOperation, startMs: number): void {
    const known = this.copy.get(key);
    // What was told meanwhile may be newer than what the scan has seen.
    const isNewer = known !== undefined && (value === undefined || known.version >= version);
    const isSince = known !== undefined && known.atMs >= startMs;
    if (isNewer && (isSince || value !== undefined)) return;
    this.copy.set(key, {
      value,
      version: value === undefined ? VERSION_ZERO : version,
      atMs: this.#world.nowMs,
    });
  }
}

export interface CopyCheck {
  readonly copy: ReadonlyMap<string, CopiedKey>;
  /** What a scan has listed after everything had settled. */
  readonly listed: readonly ClientOperation[];
  readonly operations: readonly ClientOperation[];
  /** Whether values expire, of which no event tells. */
  readonly expires: boolean;
}

/**
 * Compares a copy with a scan. A write whose outcome nobody knew may reach members that have told what they know already, so
 * only acknowledged writes count. One that was told may be lost with all its members, while its version, of a clock that was
 * far ahead, stays above all that is written later: so only what is newer than the copy was to be told, and what else may not
 * be lost, other oracles know.
 * @returns the violations
 */
export function checkCopy({ copy, listed, operations, expires }: CopyCheck): readonly string[] {
  return listed.flatMap(({ key, value }) => {
    const copied = copy.get(key);
    if (copied?.value === value) return [];
    const isNewer = operations.some(
      (each) =>
        each.key === key &&
        each.ok &&
        each.version !== undefined &&
        each.version >= (copied?.version ?? VERSION_ZERO) &&
        (value === undefined
          ? each.kind === 'delete' && !expires
          : each.kind === 'set' && each.value === value),
    );
    if (!isNewer) return [];
    return [`watch: ${key} is ${value ?? 'absent'}, and was told as ${copied?.value ?? 'absent'}`];
  });
}
