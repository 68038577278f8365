// A stream of operations between two simulated processes: messages in order, both ways, as TCP has them. While a
// link is cut they wait, and arrive when it heals if both ends still know each other.

import type { Address } from '../cluster/model/identity.ts';
import { CHUNK_BYTES } from '../cluster/model/limits.ts';
import type { Link, LinkEvents, LinkHello } from '../cluster/ports.ts';
import type { SimulatedProcess } from './process.ts';
import type { World } from './world.ts';

/** What the network does to what is sent now. */
export interface Weather {
  readonly faults: { readonly resets: number };
  /** How often a control message arrives: lost, once, or twice. Operations arrive once, as long as the stream lives. */
  copiesOf(): number;
  delayMs(): number;
  /** How much later a message arrives for having been lost on this link, and sent again; or the stream breaks. */
  retransmissionMs(from: SimulatedProcess, to: SimulatedProcess): number | 'broken';
  isCut(from: SimulatedProcess, to: SimulatedProcess): boolean;
}

interface Waiting {
  readonly id: number;
  readonly message: Buffer;
}

/** One end of a stream: what its process sends, and what it is told. */
class StreamEnd implements Link {
  readonly process: SimulatedProcess;
  readonly life: number;
  readonly #stream: Stream;
  outgoing: Waiting[] = [];
  events: LinkEvents | undefined;
  closed = false;
  travelling = false;
  batches = 0;
  /** Since when what this end sends has not come through a cut. */
  blockedSinceMs: number | undefined;
  /** TCP repeats itself then, and not before. */
  repeatsAtMs = 0;

  constructor(stream: Stream, process: SimulatedProcess) {
    this.#stream = stream;
    this.process = process;
    this.life = process.life;
  }

  send(id: number, head: Uint8Array, body: Uint8Array): void {
    if (this.closed) return;
    this.outgoing.push({ id, message: Buffer.concat([head, body]) });
    this.#stream.flush();
  }

  isUnderWay(): boolean {
    return this.travelling;
  }

  batchesLeft(): number {
    return this.batches;
  }

  queuedBytes(): number {
    return this.outgoing.reduce((sum, { message }) => sum + message.length, 0);
  }

  close(reason: string): void {
    this.#stream.close(reason);
  }

  /** What waits at a process goes in one batch, as the next. */
  tellReady(): void {
    if (this.closed || this.travelling) return;
    this.process.run(this.life, () => this.events?.ready?.());
  }

  tellClosed(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.process.run(this.life, () => this.events?.closed(reason, this.#stream.opened));
  }
}

export class Stream {
  /** That it was opened to. */
  readonly address: Address;
  readonly near: StreamEnd;
  readonly #world: World;
  readonly #network: Weather;
  readonly #purpose: LinkHello['purpose'];
  #far: StreamEnd | undefined;
  #open = false;

  constructor(
    world: World,
    network: Weather,
    from: SimulatedProcess,
    { address, purpose }: { readonly address: Address } & Pick<LinkHello, 'purpose'>,
    events: LinkEvents,
  ) {
    this.#world = world;
    this.#network = network;
    this.address = address;
    this.#purpose = purpose;
    this.near = new StreamEnd(this, from);
    this.near.events = events;
  }

  get far(): Link {
    const far = this.#far;
    if (far === undefined) throw new Error('the stream has no far end yet');
    return far;
  }

  get farProcess(): SimulatedProcess | undefined {
    return this.#far?.process;
  }

  get opened(): boolean {
    return this.#open;
  }

  get over(): boolean {
    return this.near.closed && (this.#far?.closed ?? true);
  }

  refuse(reason: string): void {
    this.#world.at(this.#network.delayMs(), () => this.near.tellClosed(reason));
  }

  connect(
    to: SimulatedProcess,
    accept: () => LinkEvents | { readonly refused: string } | undefined,
  ): void {
    const { process: from } = this.near;
    if (this.#network.isCut(from, to) || this.#network.isCut(to, from)) {
      this.#world.at(CONNECT_TIMEOUT_MS, () => this.near.tellClosed('ETIMEDOUT'));
      return;
    }
    this.#world.at(this.#network.delayMs(), () => {
      if (!to.alive) return this.refuse('ECONNREFUSED');
      return to.run(to.life, () => {
        if (this.near.closed) return;
        const far = new StreamEnd(this, to);
        this.#far = far;
        const accepted = accept();
        if (accepted === undefined || 'refused' in accepted) {
          far.closed = true;
          this.refuse(accepted?.refused ?? 'not serving yet');
          return;
        }
        far.events = accepted;
        this.#open = true;
        this.flush();
      });
    });
  }

  /** Sends on what waits, one message after the other, each way. */
  flush(): void {
    const far = this.#far;
    if (!this.#open || far === undefined) return;
    this.#travel(this.near, far);
    this.#travel(far, this.near);
  }

  #travel(from: StreamEnd, to: StreamEnd): void {
    if (from.travelling || from.outgoing.length === 0 || from.closed) return;
    if (this.#network.isCut(from.process, to.process)) {
      from.blockedSinceMs ??= this.#world.nowMs;
      return;
    }
    if (this.#waitsForTcp(from)) return;
    from.travelling = true;
    from.batches++;
    // What waits goes as one batch, as the socket's bytes do.
    const batch = from.outgoing.flatMap((each) => this.#arriving(each));
    from.outgoing = [];
    const lostMs = this.#network.retransmissionMs(from.process, to.process);
    if (lostMs === 'broken') {
      // Not in this very step: who sends is told later, as by a socket.
      this.#world.at(this.#network.delayMs(), () => this.close('reset'));
      return;
    }
    this.#world.at(this.#network.delayMs() + lostMs, () => {
      from.travelling = false;
      if (to.closed) return;
      for (const { id, message } of batch) {
        to.process.run(to.life, () => {
          if (to.closed) return;
          if (message.length > CHUNK_BYTES) to.events?.arriving?.();
          to.events?.received(id, message);
        });
      }
      if (this.#world.random.chance(this.#network.faults.resets)) this.close('reset');
      this.flush();
      from.tellReady();
    });
  }

  /**
   * TCP doubles the time between its tries (RFC 6298), so a cut is followed by a silence that is up to as long as it was;
   * who opens another connection does not wait for it.
   */
  #waitsForTcp(from: StreamEnd): boolean {
    const now = this.#world.nowMs;
    const { blockedSinceMs } = from;
    if (blockedSinceMs !== undefined) {
      from.blockedSinceMs = undefined;
      const waitMs = this.#world.random.between(0, Math.min(now - blockedSinceMs, TCP_WAIT_MAX_MS));
      from.repeatsAtMs = now + waitMs;
      this.#world.at(waitMs, () => this.flush());
    }
    return now < from.repeatsAtMs;
  }

  /**
   * A stream that lives loses nothing. But whoever is slow may never come to a message before its time is over, and
   * may come to it twice where it was said again; so control messages are lost and repeated one by one.
   */
  #arriving(message: Waiting): readonly Waiting[] {
    if (this.#purpose === 'operations') return [message];
    return new Array(this.#network.copiesOf()).fill(message);
  }

  /** Both ends learn of it, the other one after a delay; what is on its way may be lost. */
  close(reason: string): void {
    this.near.tellClosed(reason);
    const far = this.#far;
    if (far !== undefined) this.#world.at(this.#network.delayMs(), () => far.tellClosed(reason));
  }

  lost(process: SimulatedProcess): void {
    const ends = [this.near, this.#far].filter((end) => end !== undefined);
    if (!ends.some((end) => end.process === process && end.life !== process.life)) return;
    for (const end of ends) {
      if (end.process === process) end.closed = true;
      else if (!this.#network.isCut(process, end.process)) {
        this.#world.at(this.#network.delayMs(), () => end.tellClosed('ECONNRESET'));
      } else {
        // Across a cut nobody says so: the end is half open until its own deadlines, or TCP's, give up.
        this.#world.at(HALF_OPEN_MS, () => end.tellClosed('ETIMEDOUT'));
      }
    }
  }
}

/** The real adapter's. */
const CONNECT_TIMEOUT_MS = 5000;
const HALF_OPEN_MS = 30_000;
/** Linux' longest time between two tries. */
const TCP_WAIT_MAX_MS = 120_000;
