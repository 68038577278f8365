// The door of a file server: whoever has a ticket reads or stores a file here, and needs nothing else. No client is sent on to
// another place that has the file, so none is sent in a circle. Tickets are opened here; what is done with them is in
// ticket-downloads.ts and ticket-uploads.ts.

import type { PathParameters } from '../../cluster/http/client-route.ts';
import { errorReply } from '../../cluster/http/errors.ts';
import {
  type HttpReply,
  type HttpRequest,
  isWhole,
  type WholeReply,
} from '../../cluster/http/http.ts';
import type { Handler, ReplyCallback, Routes } from '../../cluster/http/routes.ts';
import type { ClusterClock } from '../../cluster/model/cluster-clock.ts';
import type { Timers } from '../../cluster/ports.ts';
import type { ClusterFiles } from '../../files/cluster-files.ts';
import type { OpenedTicket } from '../../files/tickets/sealing.ts';
import type { Ticket } from '../../files/tickets/ticket.ts';
import type { BlobServer, OpenedStore } from '../blob-server.ts';
import type { BlobSource } from '../downloads/blob-source.ts';
import { EXPIRED, FORGED, forAnyPage, OPTIONS, OTHER_PURPOSE } from './door-replies.ts';
import { DOOR_ROUTES } from './door-routes.ts';
import { TicketDownloads } from './ticket-downloads.ts';
import { TicketUploads } from './ticket-uploads.ts';
import { WatchedBody } from './watched-body.ts';

/** So long a request waits for the time of the cluster, in ms. */
const TIME_WITHIN_MS = 5000;

/** A ticket of one of the purposes. */
type TicketFor<Purpose extends Ticket['purpose']> = Extract<Ticket, { purpose: Purpose }>;

export interface DoorParts {
  readonly clock: ClusterClock;
  readonly timers: Timers;
  /** Whether the map that this file server goes by has it; where it does not, a newer one is asked for. */
  readonly isInMap: () => boolean;
}

export class Door {
  readonly #server: BlobServer;
  readonly #files: ClusterFiles;
  readonly #clock: ClusterClock;
  readonly #timers: Timers;
  readonly #isInMap: () => boolean;
  readonly #downloads: TicketDownloads;
  readonly #uploads: TicketUploads;

  constructor(
    server: BlobServer,
    files: ClusterFiles,
    source: BlobSource,
    { clock, timers, isInMap }: DoorParts,
  ) {
    this.#server = server;
    this.#files = files;
    this.#clock = clock;
    this.#timers = timers;
    this.#isInMap = isInMap;
    this.#downloads = new TicketDownloads(files, source);
    this.#uploads = new TicketUploads({ files, records: files.tickets.records, clock });
  }

  /** @param measured counts and times the requests of a handler under this name */
  addTo(routes: Routes, measured: (name: string, handler: Handler) => Handler): void {
    const open =
      (handler: Handler): Handler =>
      (request, reply, parameters) =>
        handler(request, (answer) => reply(forAnyPage(answer)), parameters);
    const put = measured(
      'ticket-put',
      open((...asked) => this.#put(...asked)),
    );
    routes.add(
      DOOR_ROUTES.get,
      measured(
        'ticket-get',
        open((...asked) => this.#get(...asked)),
      ),
    );
    routes.add(DOOR_ROUTES.put, put);
    routes.add(DOOR_ROUTES.post, put);
    routes.add(DOOR_ROUTES.options, (_request, reply) => reply(OPTIONS));
  }

  #get(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    return this.#onceTimed(reply, () =>
      this.#open(parameters, 'read', reply, (ticket) =>
        this.#server.inTurn(this.#server.ticketDownloads, request, reply, (release) => {
          const { opened } = this.#server;
          const name = parameters.get('name')?.toString() ?? '';
          if ('status' in opened) return releasing(release, reply)(opened);
          const asked = { ticket, name };
          return this.#downloads.answer(request, opened, asked, releasing(release, reply));
        }),
      ),
    );
  }

  /** What can be told before the body is told before its first byte is read: a client that asks first does not send it then. */
  #put(request: HttpRequest, reply: ReplyCallback, parameters: PathParameters): void {
    const { body } = request;
    const refuse: ReplyCallback = (refusal) => {
      if (body.kind === 'stream') body.stream.discard();
      reply(refusal);
    };
    return this.#onceTimed(refuse, () => {
      const storing = this.#storing;
      if ('status' in storing) return refuse(storing);
      return this.#open(parameters, 'write', refuse, (ticket) =>
        this.#server.inTurn(this.#server.ticketed, request, refuse, (release) =>
          this.#uploads.store(request, ticket, releasing(release, reply)),
        ),
      );
    });
  }

  /**
   * Its first sets must not be stamped by a clock that is days off, by which tickets that have ended would be good as well. Clients
   * come as soon as it was started again, so it lets them wait for the moment until a storage node has told the time.
   */
  #onceTimed(refuse: ReplyCallback, begin: () => void): void {
    if (this.#clock.isKnown) return begin();
    const cancelWait = this.#timers.after(TIME_WITHIN_MS, () => {
      cancelTold();
      refuse(errorReply('not-ready', 'no storage node has told its time yet'));
    });
    const cancelTold = this.#clock.onceTold(() => {
      cancelWait();
      begin();
    });
    return undefined;
  }

  /** @returns the store, or the reply while no upload may begin */
  get #storing(): OpenedStore | WholeReply {
    if (this.#server.isStopping) return errorReply('not-ready', 'this file server is stopping');
    const { opened } = this.#server;
    if ('status' in opened || this.#isInMap()) return opened;
    // F1: brokers know that it is in the map, and it does not yet, where the map was lost on its way. By an older map it would count
    // fewer file servers than there are, and acknowledge an upload with fewer copies.
    return errorReply('not-ready', 'the map that has this file server has not come to it yet');
  }

  #open<Purpose extends Ticket['purpose']>(
    parameters: PathParameters,
    purpose: Purpose,
    refuse: (reply: HttpReply) => void,
    use: (ticket: TicketFor<Purpose>) => void,
  ): void {
    this.#files.tickets.open(tokenIn(parameters), (opened) => {
      if (opened.kind === 'failed') return refuse(errorReply(opened.code, opened.detail));
      const ticket = ticketFor(purpose, opened);
      return 'status' in ticket ? refuse(ticket) : use(ticket);
    });
  }
}

function tokenIn(parameters: PathParameters): string {
  return parameters.get('token')?.toString('latin1') ?? '';
}

/** @returns the ticket, or the refusal of one that does not permit this */
function ticketFor<Purpose extends Ticket['purpose']>(
  purpose: Purpose,
  opened: OpenedTicket,
): TicketFor<Purpose> | WholeReply {
  switch (opened.kind) {
    case 'forged':
      return FORGED;
    case 'expired':
      return EXPIRED;
    case 'valid':
      return isFor(purpose, opened.ticket) ? opened.ticket : OTHER_PURPOSE;
  }
}

function isFor<Purpose extends Ticket['purpose']>(
  purpose: Purpose,
  ticket: Ticket,
): ticket is TicketFor<Purpose> {
  return ticket.purpose === purpose;
}

/** @returns what gives the slot back when the reply is sent, or nobody wants it any more */
function releasing(release: () => void, reply: ReplyCallback): ReplyCallback {
  return (answer) => {
    if (!isWhole(answer)) return reply({ ...answer, body: new WatchedBody(answer.body, release) });
    release();
    return reply(answer);
  };
}
