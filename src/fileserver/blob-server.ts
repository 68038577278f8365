// What the handlers of a file server work with: the store once it is open, and how much is under way. All of it is bounded.

import { errorReply } from '../cluster/http/errors.ts';
import type { HttpRequest, WholeReply } from '../cluster/http/http.ts';
import type { ReplyCallback } from '../cluster/http/routes.ts';
import type { MapVersion } from '../cluster/model/cluster-map.ts';
import type { ClusterId } from '../cluster/model/identity.ts';
import type { Cancel, Timers } from '../cluster/ports.ts';
import type { BlobId } from '../files/blob-id.ts';
import type { Rebuilt } from '../files/provenance.ts';
import type { BlobStore } from './blob-store/blob-store.ts';
import { Slots } from './slots.ts';

/** Each upload holds up to a MiB of its body. */
const UPLOADS_MAX = 64;
const UPLOADS_WAITING_MAX = 256;
/** Each download holds at least one block of 256 KiB, until its client has read that. */
const DOWNLOADS_MAX = 256;
const DOWNLOADS_WAITING_MAX = 1024;
/** Other work on the disk: the threads that do it are few, and what waits for them holds its message. */
const WORKS_MAX = 64;
const WORKS_WAITING_MAX = 2048;
/** While no more downloads than this are under way each of them reads ahead. */
const READ_AHEAD_DOWNLOADS_MAX = 64;
const BLOCKS_AHEAD = 3;

/** So long something waits for its turn, in ms: clients that are slow keep their slots for as long as they like. */
const TURN_MS = 10_000;
/**
 * The same for reads of `/blobs/`. Gateways leave a copy that sends nothing for the next one, and are told that it is busy while
 * they still listen, in the third round (files/download.ts): so they know it from one that is slow.
 */
export const BLOB_TURN_MS = 3000;

const UPLOADS = { max: UPLOADS_MAX, waitingMax: UPLOADS_WAITING_MAX, turnMs: TURN_MS };
const DOWNLOADS = { max: DOWNLOADS_MAX, waitingMax: DOWNLOADS_WAITING_MAX, turnMs: TURN_MS };

const TOO_MANY = errorReply('overloaded', 'too many requests are under way on this file server');

export interface OpenedStore {
  readonly store: BlobStore;
  /** The cluster whose blobs these are. */
  readonly cluster: ClusterId;
  readonly rebuilt?: Rebuilt | undefined;
}

/** What the rest of its file server says of itself. */
export interface BlobServerParts {
  readonly timers: Timers;
  /** The factor of all times. */
  readonly scale: number;
  readonly opened: () => OpenedStore | undefined;
  /** Why the store is not open yet, as text for people. */
  readonly whyNot: () => string;
  /** The version of the map by which blobs are placed. */
  readonly map: () => MapVersion | undefined;
  /** Called when somebody says that a blob may lack copies, or that nobody names it any more. */
  readonly check: (id: BlobId) => void;
}

export class BlobServer {
  readonly uploads = new Slots(UPLOADS);
  /** Of `/blobs/`: by gateways, and by file servers that make copies. */
  readonly downloads = new Slots({ ...DOWNLOADS, turnMs: BLOB_TURN_MS });
  /** Downloads with tickets, whose clients may read nothing for as long as they like: the cluster's own work goes on (F4). */
  readonly ticketDownloads = new Slots(DOWNLOADS);
  /** Uploads with tickets, each of which makes uploads of the other kind, also here: it must not wait for its own. */
  readonly ticketed = new Slots(UPLOADS);
  readonly works = new Slots({ max: WORKS_MAX, waitingMax: WORKS_WAITING_MAX, turnMs: TURN_MS });
  readonly #parts: BlobServerParts;
  readonly check: BlobServerParts['check'];
  readonly map: BlobServerParts['map'];
  isStopping = false;

  constructor(parts: BlobServerParts) {
    this.#parts = parts;
    this.check = parts.check;
    this.map = parts.map;
  }

  /** Uploads and downloads under way. */
  get busy(): number {
    return this.uploads.taken + this.ticketed.taken + this.reads;
  }

  /** Downloads under way, of both kinds. */
  get reads(): number {
    return this.downloads.taken + this.ticketDownloads.taken;
  }

  /** @returns the store, or the reply while it cannot be asked */
  get opened(): OpenedStore | WholeReply {
    return this.#parts.opened() ?? errorReply('not-ready', this.#parts.whyNot());
  }

  /** @returns the store, or the reply while no upload may begin */
  get taking(): OpenedStore | WholeReply {
    if (this.isStopping) return errorReply('not-ready', 'this file server is stopping');
    return this.writable;
  }

  /** @returns the store, or the reply while nothing can be written to it; what has begun is ended while it stops */
  get writable(): OpenedStore | WholeReply {
    const { opened } = this;
    if ('status' in opened) return opened;
    const { problem } = opened.store.health;
    return problem === undefined
      ? opened
      : errorReply('disk-failed', `nothing is written to this file server: ${problem}`);
  }

  /** How many blocks a download may hold. */
  get blocksAhead(): number {
    return this.reads <= READ_AHEAD_DOWNLOADS_MAX ? BLOCKS_AHEAD : 1;
  }

  /** Runs the work in its turn; a client that leaves before gives it up, and one whose turn does not come is refused. */
  inTurn(
    slots: Slots,
    request: Pick<HttpRequest, 'onceLeft'>,
    reply: ReplyCallback,
    work: (release: () => void) => void,
  ): void {
    let hasBegun = false;
    let stay: Cancel = () => undefined;
    const cancel = slots.take((release) => {
      hasBegun = true;
      stay();
      work(release);
    });
    if (cancel === undefined) return reply(TOO_MANY);
    if (hasBegun) return undefined;
    const giveUp = () => {
      stay();
      cancel();
      reply(TOO_MANY);
    };
    const { timers, scale } = this.#parts;
    const cancelWait = timers.after(slots.turnMs * scale, giveUp);
    const remain = request.onceLeft(giveUp);
    stay = () => {
      cancelWait();
      remain();
    };
    return undefined;
  }
}
