// One end of a stream on a real socket. It gathers what one turn of the event loop sends into one batch, reports when
// the peer has sent something, waits while the socket is full, and stops reading when its replies pile up. Operations
// that wait for the next batch are in peers/storage-channel.ts.

import type { Socket } from 'node:net';
import { LINK_REPLY_BYTES_HIGH } from '../../model/limits.ts';
import type { Link, LinkEvents } from '../../ports.ts';
import { FrameReader, FrameWriter, FramingBroken } from '../../wire/frames.ts';

/**
 * The side that opened the stream asks; its exchange is under way from its batch until anything comes from the peer.
 * The peer answers whatever it reads in the same turn, with an empty frame if no answer is ready, so that no
 * operation waits for another one's slow disk.
 */
export type LinkSide = 'asks' | 'answers';

const KEEP_ALIVE_MS = 30_000;
/** A last batch of at least this many messages means that the stream is busy. */
const BUSY_MESSAGES = 4;
/** A batch is gathered for at most this many turns, some milliseconds with small records, and up to this many bytes. */
const TURNS_MAX = 16;
const BATCH_BYTES_FULL = 16 * 1024;

export class SocketLink implements Link {
  readonly #writer = new FrameWriter();
  readonly #side: LinkSide;
  readonly #messageBytesMax: number;
  #socket: Socket | undefined;
  #events: LinkEvents | undefined;
  #flushScheduled = false;
  #waitingForDrain = false;
  /**
   * On the side that asks: nothing has come since the last batch, or since the stream was opened. On the other side:
   * something was read since the last batch.
   */
  #isUnderWay: boolean;
  #batchesLeft = 0;
  /** How many messages the batch being gathered has, and how many it had a turn before. */
  #gathered = 0;
  #gatheredBefore = 0;
  /** For how many turns the batch being gathered was held back. */
  #turns = 0;
  /** How many messages the last batch had. */
  #lastBatch = 0;
  #closedReason: string | undefined;
  /** Called when the last piece of one `take` was sent, and so were the pieces before it. */
  readonly #sent = () => this.#writer.sent();

  readonly #flushInTurn = () => {
    if (this.#isWorthATurn()) {
      setImmediate(this.#flushInTurn);
      return;
    }
    this.#flushScheduled = false;
    this.#flush();
  };

  /** @param messageBytesMax the longest message taken from the peer; see `LinkEvents.tooLong` for longer ones */
  constructor(side: LinkSide, messageBytesMax: number) {
    this.#side = side;
    this.#isUnderWay = side === 'asks';
    this.#messageBytesMax = messageBytesMax;
  }

  /**
   * Connects the link to its socket; until then, sent messages are only gathered.
   * @param head bytes that came with the upgrade
   */
  attach(socket: Socket, head: Buffer): void {
    if (this.#closedReason !== undefined) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(0);
    // A peer that loses its power closes nothing: without keep-alive its socket would stay open for ever.
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const skips = this.#events?.tooLong !== undefined;
    const reader = new FrameReader(
      this.#messageBytesMax,
      (id, message) => {
        if (this.#closedReason === undefined) this.#events?.received(id, message);
      },
      skips ? (id) => this.#events?.tooLong?.(id) : undefined,
      (id) => this.#events?.arriving?.(id),
    );
    const read = (bytes: Buffer) => {
      this.#isUnderWay = this.#side === 'answers';
      try {
        reader.push(bytes);
      } catch (error) {
        if (!(error instanceof FramingBroken)) throw error;
        this.close(error.message);
      }
      // Replies that the peer does not read must not pile up: stop reading its requests instead. Who asks reads on whatever
      // it has to send, or both ends would wait for ever for the other one to read.
      if (this.#side === 'answers' && this.queuedBytes() > LINK_REPLY_BYTES_HIGH) socket.pause();
      if (this.#isUnderWay) this.#flushLater();
      else this.#events?.ready?.();
    };
    socket.on('data', read);
    socket.on('drain', () => {
      this.#waitingForDrain = false;
      this.#flush();
    });
    socket.on('error', (error) => this.close(error.message));
    socket.on('close', () => this.close('the peer closed the stream'));
    socket.on('end', () => this.close('the peer ended the stream'));
    this.#isUnderWay = false;
    if (head.length > 0) read(head);
    this.#flush();
    if (!this.#isUnderWay) this.#events?.ready?.();
  }

  listen(events: LinkEvents): void {
    this.#events = events;
  }

  send(id: number, head: Uint8Array, body: Uint8Array): void {
    if (this.#closedReason !== undefined) return;
    this.#writer.add(id, head, body);
    this.#gathered++;
    this.#flushLater();
  }

  isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  batchesLeft(): number {
    return this.#batchesLeft;
  }

  queuedBytes(): number {
    return this.#writer.pendingBytes + (this.#socket?.writableLength ?? 0);
  }

  close(reason: string): void {
    if (this.#closedReason !== undefined) return;
    this.#closedReason = reason;
    // A reset drops requests that are not sent yet: after a cut the kernel would go on repeating them for minutes.
    if (this.#side === 'asks') this.#socket?.resetAndDestroy();
    else this.#socket?.destroy();
    this.#events?.closed(reason, this.#socket !== undefined);
  }

  /** Flushes once all sockets that are readable in this turn were read. */
  #flushLater(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(this.#flushInTurn);
  }

  /**
   * Whether to gather for another turn. On a busy stream a batch grows as long as each turn brings more: an exchange
   * costs both ends, with the switches between them, as much as some thirty gets. On a quiet stream nothing waits.
   */
  #isWorthATurn(): boolean {
    if (this.#side === 'answers' || this.#lastBatch < BUSY_MESSAGES) return false;
    if (this.#gathered === this.#gatheredBefore || this.#turns === TURNS_MAX) return false;
    if (this.#writer.pendingBytes >= BATCH_BYTES_FULL) return false;
    this.#gatheredBefore = this.#gathered;
    this.#turns++;
    return true;
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket === undefined || this.#waitingForDrain || this.#closedReason !== undefined) return;
    if (this.#side === 'asks') this.#isUnderWay ||= this.#writer.pendingBytes > 0;
    else {
      if (this.#isUnderWay && this.#writer.pendingBytes === 0) this.#writer.addEmpty();
      this.#isUnderWay = false;
    }
    this.#lastBatch = this.#gathered;
    this.#gathered = 0;
    this.#gatheredBefore = 0;
    this.#turns = 0;
    for (;;) {
      const pieces = this.#writer.take();
      const last = pieces.pop();
      if (last === undefined) break;
      this.#batchesLeft++;
      if (pieces.length > 0) socket.cork();
      for (const piece of pieces) socket.write(piece);
      const room = socket.write(last, this.#sent);
      if (pieces.length > 0) socket.uncork();
      if (!room) {
        this.#waitingForDrain = true;
        return;
      }
    }
    if (socket.isPaused()) socket.resume();
  }
}
