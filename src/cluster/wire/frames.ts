// Frames: how messages of any length share one byte stream (D13, D18). A short message is one frame; a long one goes
// in chunks, between which other messages pass, so that 16 MiB never hold up a get.
//
//   bytes  frame header
//       4  length of this frame's payload
//       1  kind: 0 a whole message, 1 the first chunk, 2 a further chunk, 3 empty: the peer read what came
//       4  id of the operation that the message belongs to
//       4  (kind 1 only) length of the whole message
//
// This file is pure, bytes in and messages out; the socket is in io/network/link.ts.

import { CHUNK_BYTES, LONG_MESSAGES_MAX } from '../model/limits.ts';

const HEADER_BYTES = 9;
/** The length of the whole message, behind the header of a first chunk. */
const TOTAL_BYTES = 4;
const KIND_WHOLE = 0;
const KIND_FIRST = 1;
const KIND_FURTHER = 2;
const KIND_EMPTY = 3;

/** A block holds the longest short message; each block is one write to the socket. */
const BLOCK_BYTES = HEADER_BYTES + CHUNK_BYTES;
const EMPTY = Buffer.alloc(0);
/** How many blocks that were sent are kept for reuse. */
const SPARE_BLOCKS = 2;

/**
 * The memory of short messages until the socket has sent them. Blocks are reused: the garbage collector weighs memory
 * outside its heap against a heap of ten MB, so with new memory for all that is sent, a storage node that others
 * copied from paused 4 ms for every 9 MB.
 */
interface SendBlock {
  readonly bytes: Buffer;
  /** The end of the last message in `bytes`. */
  used: number;
  /** The end of what `take` has returned. */
  taken: number;
  /** How many pieces of the block were taken and may not be sent yet. */
  unsent: number;
}

interface LongMessage {
  readonly id: number;
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  sent: number;
}

/** Collects messages and returns them as pieces of bytes; long messages take turns, one chunk each. */
export class FrameWriter {
  #block = emptyBlock();
  /** Full blocks with bytes that were not taken yet. */
  readonly #full: SendBlock[] = [];
  readonly #spare: SendBlock[] = [];
  /** For each `take` that was not sent yet, the blocks that its pieces lie in. */
  readonly #unsent: (readonly SendBlock[])[] = [];
  #shortBytes = 0;
  readonly #long: LongMessage[] = [];
  #longBytes = 0;

  /** Bytes that were added and not taken yet. */
  get pendingBytes(): number {
    return this.#shortBytes + this.#longBytes;
  }

  /**
   * Adds the message that is `head` and `body` back to back. A short message is copied before this returns; the body
   * of a long one is sent from where it is, so it must not change.
   */
  add(id: number, head: Uint8Array, body: Uint8Array): void {
    const length = head.length + body.length;
    // A first chunk holds the whole head.
    if (head.length > CHUNK_BYTES) return this.add(id, EMPTY, Buffer.concat([head, body]));
    if (length > CHUNK_BYTES) {
      this.#long.push({ id, head: Uint8Array.from(head), body, sent: 0 });
      this.#longBytes += length;
      return;
    }
    const block = this.#blockFor(HEADER_BYTES + length);
    const { bytes, used } = block;
    bytes.writeUInt32BE(length, used);
    bytes[used + 4] = KIND_WHOLE;
    bytes.writeUInt32BE(id, used + 5);
    bytes.set(head, used + HEADER_BYTES);
    bytes.set(body, used + HEADER_BYTES + head.length);
    block.used += HEADER_BYTES + length;
    this.#shortBytes += HEADER_BYTES + length;
  }

  /** Adds an empty frame, which acknowledges what the peer sent where no message does so. */
  addEmpty(): void {
    const block = this.#blockFor(HEADER_BYTES);
    block.bytes.fill(0, block.used, block.used + HEADER_BYTES);
    block.bytes[block.used + 4] = KIND_EMPTY;
    block.used += HEADER_BYTES;
    this.#shortBytes += HEADER_BYTES;
  }

  /**
   * Takes all short messages and one chunk of each long message in progress.
   * @returns their pieces, none if there is nothing to send; they are valid until `sent`, which the caller must call
   * once for each non-empty result
   */
  take(): Buffer[] {
    const blocks = this.#full.splice(0);
    if (this.#block.used > this.#block.taken) blocks.push(this.#block);
    const pieces = blocks.map((block) => {
      block.unsent++;
      return block.bytes.subarray(block.taken, block.used);
    });
    for (const block of blocks) block.taken = block.used;
    this.#shortBytes = 0;
    for (const message of this.#long.slice(0, LONG_MESSAGES_MAX)) this.#chunk(message, pieces);
    if (pieces.length > 0) this.#unsent.push(blocks);
    return pieces;
  }

  /** The pieces of the earliest unsent `take` have been sent, so their memory may be reused. */
  sent(): void {
    for (const block of this.#unsent.shift() ?? []) {
      block.unsent--;
      if (block.unsent > 0 || block.taken < block.used) continue;
      block.used = 0;
      block.taken = 0;
      if (block !== this.#block && this.#spare.length < SPARE_BLOCKS) this.#spare.push(block);
    }
  }

  #chunk(message: LongMessage, chunks: Buffer[]): void {
    const total = message.head.length + message.body.length;
    const first = message.sent === 0;
    const length = Math.min(CHUNK_BYTES, total - message.sent);
    const header = Buffer.allocUnsafe(HEADER_BYTES + (first ? 4 + message.head.length : 0));
    header.writeUInt32BE(length, 0);
    header[4] = first ? KIND_FIRST : KIND_FURTHER;
    header.writeUInt32BE(message.id, 5);
    if (first) {
      header.writeUInt32BE(total, HEADER_BYTES);
      header.set(message.head, HEADER_BYTES + 4);
    }
    const from = first ? 0 : message.sent - message.head.length;
    const bodyBytes = first ? length - message.head.length : length;
    const { body } = message;
    chunks.push(header, Buffer.from(body.buffer, body.byteOffset + from, bodyBytes));
    message.sent += length;
    this.#longBytes -= length;
    if (message.sent === total) this.#long.splice(this.#long.indexOf(message), 1);
  }

  #blockFor(bytes: number): SendBlock {
    const block = this.#block;
    if (block.used + bytes <= BLOCK_BYTES) return block;
    if (block.taken < block.used) this.#full.push(block);
    this.#block = this.#spare.pop() ?? emptyBlock();
    return this.#block;
  }
}

function emptyBlock(): SendBlock {
  return { bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), used: 0, taken: 0, unsent: 0 };
}

interface Assembly {
  readonly length: number;
  /** Undefined for a message that is too long: its bytes are only counted. */
  readonly bytes: Buffer | undefined;
  received: number;
}

/** The peer broke the framing: the stream cannot be read any further, and must be closed. */
export class FramingBroken extends Error {
  override readonly name = 'FramingBroken';
}

/** A frame whose payload has not fully arrived. */
interface IncomingFrame {
  readonly id: number;
  /** The long message that the chunk belongs to; undefined when the frame is a whole message. */
  readonly assembly: Assembly | undefined;
  /** The memory that takes the payload; undefined when the payload is skipped. */
  readonly target: Buffer | undefined;
  /** The offset in `target` for the next byte. */
  at: number;
  left: number;
}

/** Turns the bytes of a stream back into messages. Each byte that stays is copied once, to where it stays. */
export class FrameReader {
  readonly #header = Buffer.allocUnsafe(HEADER_BYTES + TOTAL_BYTES);
  #headerUsed = 0;
  #incoming: IncomingFrame | undefined;
  readonly #assemblies = new Map<number, Assembly>();
  readonly #messageBytesMax: number;
  readonly #received: (id: number, message: Buffer) => void;
  readonly #tooLong: ((id: number) => void) | undefined;
  readonly #arriving: ((id: number) => void) | undefined;

  /**
   * @param messageBytesMax a longer message is not buffered
   * @param received takes each message, a view on the bytes given to `push`; copy what must last
   * @param tooLong called for each longer message, once all of it has passed; without it such a message breaks the
   * stream
   * @param arriving called whenever a chunk of a long message came that did not complete it
   */
  constructor(
    messageBytesMax: number,
    received: (id: number, message: Buffer) => void,
    tooLong?: (id: number) => void,
    arriving?: (id: number) => void,
  ) {
    this.#messageBytesMax = messageBytesMax;
    this.#received = received;
    this.#tooLong = tooLong;
    this.#arriving = arriving;
  }

  /** @throws FramingBroken */
  push(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length) {
      offset =
        this.#incoming === undefined
          ? this.#begin(bytes, offset)
          : this.#goOn(this.#incoming, bytes, offset);
    }
  }

  /** Reads the next frame from `offset` on. @returns the offset behind what was read of it */
  #begin(bytes: Buffer, offset: number): number {
    if (this.#headerUsed === 0 && bytes.length - offset >= this.#header.length) {
      return this.#headed(bytes, offset, bytes, offset + headerBytes(bytes[offset + 4]));
    }
    let next = offset;
    while (this.#headerUsed < headerBytes(this.#headerUsed > 4 ? this.#header[4] : undefined)) {
      const byte = bytes[next++];
      if (byte === undefined) return bytes.length;
      this.#header[this.#headerUsed++] = byte;
    }
    this.#headerUsed = 0;
    return this.#headed(this.#header, 0, bytes, next);
  }

  /** @param payload the offset in `bytes` where the payload begins */
  #headed(header: Buffer, at: number, bytes: Buffer, payload: number): number {
    const length = header.readUInt32BE(at);
    const kind = header.readUInt8(at + 4);
    const id = header.readUInt32BE(at + 5);
    if (length > CHUNK_BYTES) throw new FramingBroken(`frame of ${length} bytes`);
    if (kind === KIND_EMPTY && length === 0) return payload;
    if (kind !== KIND_WHOLE) {
      const total = kind === KIND_FIRST ? header.readUInt32BE(at + HEADER_BYTES) : undefined;
      if (kind > KIND_FURTHER) throw new FramingBroken(`frame of kind ${kind}`);
      const assembly = this.#assembly(id, total, length);
      this.#incoming = {
        id,
        assembly,
        target: assembly.bytes,
        at: assembly.received,
        left: length,
      };
      return this.#goOn(this.#incoming, bytes, payload);
    }
    if (length > this.#messageBytesMax) throw new FramingBroken(`message of ${length} bytes`);
    const end = payload + length;
    if (end <= bytes.length) {
      this.#received(id, bytes.subarray(payload, end));
      return end;
    }
    const target = Buffer.allocUnsafe(length);
    this.#incoming = { id, assembly: undefined, target, at: 0, left: length };
    return this.#goOn(this.#incoming, bytes, payload);
  }

  #goOn(incoming: IncomingFrame, bytes: Buffer, from: number): number {
    const to = Math.min(bytes.length, from + incoming.left);
    if (incoming.target !== undefined) bytes.copy(incoming.target, incoming.at, from, to);
    incoming.at += to - from;
    incoming.left -= to - from;
    if (incoming.left === 0) this.#finish(incoming);
    return to;
  }

  #finish({ id, assembly, target, at }: IncomingFrame): void {
    this.#incoming = undefined;
    if (assembly !== undefined) {
      assembly.received = at;
      if (at < assembly.length) {
        this.#arriving?.(id);
        return;
      }
      this.#assemblies.delete(id);
    }
    if (target === undefined) this.#tooLong?.(id);
    else this.#received(id, target);
  }

  /**
   * @param total the length of the message, which only a first chunk carries
   * @param chunkBytes the length of the chunk that now goes into it
   */
  #assembly(id: number, total: number | undefined, chunkBytes: number): Assembly {
    const known = this.#assemblies.get(id);
    if (total === undefined) {
      if (known === undefined) throw new FramingBroken(`chunk of the unknown message ${id}`);
      if (known.received + chunkBytes <= known.length) return known;
      throw new FramingBroken(`message ${id} longer than announced`);
    }
    const isTooLong = total > this.#messageBytesMax;
    if (isTooLong && this.#tooLong === undefined) {
      throw new FramingBroken(`message of ${total} bytes`);
    }
    if (chunkBytes >= total) throw new FramingBroken('a first chunk that is the whole message');
    if (known !== undefined) throw new FramingBroken(`message ${id} begun twice`);
    if (this.#assemblies.size >= LONG_MESSAGES_MAX)
      throw new FramingBroken('too many long messages');
    const bytes = isTooLong ? undefined : Buffer.allocUnsafe(total);
    const assembly = { length: total, bytes, received: 0 };
    this.#assemblies.set(id, assembly);
    return assembly;
  }
}

/** @param kind undefined while that byte has not arrived */
function headerBytes(kind: number | undefined): number {
  return kind === KIND_FIRST ? HEADER_BYTES + TOTAL_BYTES : HEADER_BYTES;
}
