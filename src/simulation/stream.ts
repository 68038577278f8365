// A stream between two simulated processes: messages in order, both ways, as TCP delivers them. While a link is cut
// they wait, and arrive when it heals if both ends still know each other. What the network does to them is
// network.ts's.

import type { Address } from '../cluster/model/identity.ts';
import { CHUNK_BYTES } from '../cluster/model/limits.ts';
import type { Link, LinkEvents, LinkHello } from '../cluster/ports.ts';
import type { SimulatedProcess } from './process.ts';
import type { World } from './world.ts';

/** The network as a stream sees it: what it does to a message that is sent now. */
export interface Weather {
  readonly faults: { readonly resets: number };
  /** How often a control message arrives: 0, 1 or 2 times. Operations arrive once, as long as the stream is open. */
  copiesOf(): number;
  delayMs(): number;
  /** How much later a batch arrives because TCP had to send it again; 'broken' if the stream does not survive that. */
  retransmissionMs(from: SimulatedProcess, to: SimulatedProcess): number | 'broken';
  isCut(from: SimulatedProcess, to: SimulatedProcess): boolean;
}

interface Waiting {
  readonly id: number;
  readonly message: Buffer;
}

/** One end of a stream: the messages its process sends, and the events it is given. */
class StreamEnd implements Link {
  readonly process: SimulatedProcess;
  readonly incarnation: number;
  readonly #stream: Stream;
  outgoing: Waiting[] = [];
  events: LinkEvents | undefined;
  closed = false;
  travelling = false;
  batches = 0;
  /** World time since which a cut has held up the messages of this end. */
  blockedSinceMs: number | undefined;
  /** World time of TCP's next attempt after a cut; nothing is sent before. */
  repeatsAtMs = 0;

  constructor(stream: Stream, process: SimulatedProcess) {
    this.#stream = stream;
    this.process = process;
    this.incarnation = process.incarnation;
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

  /** Tells the process that its next batch may go: it has collected messages meanwhile. */
  tellReady(): void {
    if (this.closed || this.travelling) return;
    this.process.run(this.incarnation, () => this.events?.ready?.());
  }

  tellClosed(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.process.run(this.incarnation, () => this.events?.closed(reason, this.#stream.opened));
  }
}

export class Stream {
  /** The address that the stream was opened to. */
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
      return to.run(to.incarnation, () => {
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

  /** Sends the waiting messages of both ends, one batch at a time each way. */
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
    // All waiting messages travel as one batch, like the bytes in a socket's buffer.
    const batch = from.outgoing.flatMap((each) => this.#arriving(each));
    from.outgoing = [];
    const lostMs = this.#network.retransmissionMs(from.process, to.process);
    if (lostMs === 'broken') {
      // Break later, not within `send`: a socket reports an error to its sender only in a later turn.
      this.#world.at(this.#network.delayMs(), () => this.close('reset'));
      return;
    }
    this.#world.at(this.#network.delayMs() + lostMs, () => {
      from.travelling = false;
      if (to.closed) return;
      for (const { id, message } of batch) {
        to.process.run(to.incarnation, () => {
          if (to.closed) return;
          if (message.length > CHUNK_BYTES) to.events?.arriving?.(id);
          to.events?.received(id, message);
        });
      }
      if (this.#world.random.chance(this.#network.faults.resets)) this.close('reset');
      this.flush();
      from.tellReady();
    });
  }

  /**
   * Whether this end still waits for TCP's next attempt. TCP doubles the time between attempts (RFC 6298), so a cut is
   * followed by a silence of up to its own length; a process that opens another connection does not wait for it.
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
   * How often each message arrives. An open stream loses nothing, but a slow receiver may reach a message only after
   * its deadline, and may get it twice if it was sent again; so control messages are lost and repeated one by one.
   */
  #arriving(message: Waiting): readonly Waiting[] {
    if (this.#purpose !== 'control') return [message];
    return new Array(this.#network.copiesOf()).fill(message);
  }

  /** Closes both ends, the far one after a delay; messages in flight may be lost. */
  close(reason: string): void {
    this.near.tellClosed(reason);
    const far = this.#far;
    if (far !== undefined) this.#world.at(this.#network.delayMs(), () => far.tellClosed(reason));
  }

  lost(process: SimulatedProcess): void {
    const ends = [this.near, this.#far].filter((end) => end !== undefined);
    if (!ends.some((end) => end.process === process && end.incarnation !== process.incarnation))
      return;
    for (const end of ends) {
      if (end.process === process) end.closed = true;
      else if (!this.#network.isCut(process, end.process)) {
        this.#world.at(this.#network.delayMs(), () => end.tellClosed('ECONNRESET'));
      } else {
        // Across a cut nobody reports the death: this end stays half open until its own deadlines, or TCP's, give up.
        this.#world.at(HALF_OPEN_MS, () => end.tellClosed('ETIMEDOUT'));
      }
    }
  }
}

/** The same as in the real adapter (cluster/io/network). */
export const CONNECT_TIMEOUT_MS = 5000;
export const HALF_OPEN_MS = 30_000;
/** Linux' longest time between two TCP retransmissions (TCP_RTO_MAX). */
const TCP_WAIT_MAX_MS = 120_000;
