// A watch over HTTP: a stream of events from one frontend, and from the next one when that ends or falls silent, from
// where it was. What comes faster than it is taken is held back, and in the end by the storage nodes forgotten, which
// then say so.

import type { PoolAnswer, PoolFlow, PoolHead, PoolOutcome } from '../cluster/http/http-pool.ts';
import type { Cancel, Timers } from '../cluster/ports.ts';
import { bytesOfText } from '../cluster/wire/key-text.ts';
import { encodeBytes } from '../cluster/wire/query.ts';
import { versionOfETag } from './batch-lines.ts';
import type { Outcome } from './calls.ts';
import { VelourError } from './errors.ts';
import { EventStreamParser, type ServerSentEvent } from './event-stream.ts';
import type { KnownFrontend, KnownFrontends } from './frontends.ts';
import { codeOf, isElsewhere, refusalIn } from './http-answers.ts';
import type { WatchEvent } from './velour.ts';
import type { CheckedWatch, PlacedEvent, WatchSource } from './watches.ts';

/** A frontend answers once it follows all partitions, or after its get deadline of 3 s. */
const HEAD_WITHIN_MS = 5000;
/** A frontend says something every ten seconds. */
const SILENT_MS = 25_000;
/** The pause after no frontend could be followed. */
const PAUSE_MS = 500;
/** As many events wait, or so many bytes of them; then the stream is paused until they were taken. */
const WAITING_MAX = 1024;
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

export interface HttpWatchOptions {
  readonly frontends: KnownFrontends;
  readonly timers: Timers;
  /** For how long nobody may answer. */
  readonly timeoutMs: number;
}

export class HttpWatch implements WatchSource {
  readonly #watch: CheckedWatch;
  readonly #options: HttpWatchOptions;
  #place: string | undefined;
  #candidates: readonly KnownFrontend[] = [];
  #next = 0;
  /** How many of the candidates are nodes of other roles: what a proxy answers for a frontend may pass. */
  #strangers = 0;
  #waiting: PlacedEvent[] = [];
  /** Their bytes, as they came. */
  #waitingBytes = 0;
  /** Why nobody answers, as far as it is known. */
  #failure: VelourError | undefined;
  /** With what the watch has ended. */
  #end: VelourError | undefined;
  #outcome: Outcome<readonly PlacedEvent[]> | undefined;
  /** That of the stream under way. */
  #flow: PoolFlow | undefined;
  #isBegun: boolean;
  #isOver = false;
  /** Gives the request up, and its timer. */
  #cancel: Cancel = () => undefined;
  /** Whether nobody has told anything since the stream before ended. */
  #isAwaited = false;
  /** Runs while nobody tells what is awaited, though he is listened to. */
  #cancelDeadline: Cancel | undefined;

  constructor(watch: CheckedWatch, options: HttpWatchOptions) {
    this.#watch = watch;
    this.#options = options;
    this.#place = watch.since;
    this.#isBegun = watch.since !== undefined;
    this.#tryNext();
  }

  next(outcome: Outcome<readonly PlacedEvent[]>): void {
    this.#outcome = outcome;
    this.#deliver();
  }

  stop(): void {
    this.#isOver = true;
    this.#outcome = undefined;
    this.#cancel();
    this.#waitLonger();
  }

  #tryNext(): void {
    if (this.#isOver) return;
    this.#flow = undefined;
    this.#waitNoLonger();
    const frontend = this.#candidates[this.#next++];
    if (frontend !== undefined) return this.#follow(frontend);
    const isFirst = this.#candidates.length === 0;
    // Where all are nodes of other roles, it is no use to wait for a frontend.
    if (!isFirst && this.#strangers === this.#candidates.length && this.#failure !== undefined) {
      return this.#fail(this.#failure);
    }
    const begin = () => {
      this.#candidates = this.#options.frontends.inOrder();
      this.#next = 0;
      this.#strangers = 0;
      this.#tryNext();
    };
    if (isFirst) return begin();
    this.#cancel = this.#options.timers.after(PAUSE_MS, begin);
    return undefined;
  }

  #follow(frontend: KnownFrontend): void {
    const { timers } = this.#options;
    const parser = new EventStreamParser();
    const goOn = () => {
      this.#cancel();
      frontend.failed();
      this.#tryNext();
    };
    let cancelTimer = timers.after(HEAD_WITHIN_MS, goOn);
    const heard = () => {
      cancelTimer();
      cancelTimer = timers.after(SILENT_MS, goOn);
    };
    const held = (flow: PoolFlow): PoolFlow => ({
      // Who is not listened to is not silent, nor can he tell anything in time.
      pause: () => {
        this.#waitLonger();
        cancelTimer();
        flow.pause();
      },
      resume: () => {
        if (this.#isAwaited) this.#waitNoLonger();
        heard();
        flow.resume();
      },
    });
    const cancelRequest = frontend.follow(
      { method: 'GET', path: this.#path(), headers: HEADERS, body: undefined },
      {
        answering: (head, flow) => {
          if (!isEvents(head)) return undefined;
          frontend.answered();
          heard();
          this.#flow = held(flow);
          this.#holdBack();
          return (piece) => {
            heard();
            const events = parser.push(piece);
            if (events === undefined || !this.#take(events)) goOn();
          };
        },
        ended: (outcome) => {
          cancelTimer();
          this.#judge(frontend, outcome);
        },
      },
    );
    this.#cancel = () => {
      cancelTimer();
      cancelRequest();
    };
  }

  #path(): string {
    const { prefix, values } = this.#watch;
    const since = this.#place === undefined ? '' : `&since=${encodeURIComponent(this.#place)}`;
    return `/v1/watch?prefix=${encodeBytes(prefix)}${values ? '&values=1' : ''}${since}`;
  }

  #judge(frontend: KnownFrontend, outcome: PoolOutcome): void {
    // It has ended of itself, as one that stops does.
    if (outcome.kind === 'answered' && isEvents(outcome)) return this.#tryNext();
    if (outcome.kind === 'answered' && codeOf(outcome) !== undefined && !isElsewhere(outcome)) {
      const refusal = refusalIn(outcome);
      if (!refusal.retryable) return this.#fail(refusal);
      this.#failure = refusal;
    } else {
      frontend.failed();
      this.#failure = failureOf(frontend, outcome);
      if (outcome.kind === 'answered' && isElsewhere(outcome)) this.#strangers++;
    }
    return this.#tryNext();
  }

  /** Nobody may be silent for longer than `timeoutMs` from now on. */
  #waitNoLonger(): void {
    const { timers, timeoutMs } = this.#options;
    this.#isAwaited = true;
    this.#cancelDeadline ??= timers.after(timeoutMs, () => {
      this.#fail(this.#failure ?? new VelourError('unreachable', 'no frontend tells changes'));
    });
  }

  #waitLonger(): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = undefined;
  }

  /** @returns false for what no frontend sends */
  #take(events: readonly ServerSentEvent[]): boolean {
    for (const each of events) {
      const { id } = each;
      if (id !== undefined) this.#isTold();
      if (!this.#isBegun && id !== undefined) {
        this.#isBegun = true;
        this.#waiting.push({ event: { kind: 'begun' }, place: id });
      }
      this.#place = id ?? this.#place;
      if (each.event === '') continue;
      const event = eventOf(each);
      if (event === undefined) return false;
      this.#waiting.push({ event, place: id });
      this.#waitingBytes += each.data.length;
    }
    this.#holdBack();
    this.#deliver();
    return true;
  }

  /** Somebody tells changes: only what a frontend has sent names a place. */
  #isTold(): void {
    this.#isAwaited = false;
    this.#waitLonger();
    this.#failure = undefined;
  }

  #holdBack(): void {
    if (this.#isFull) this.#flow?.pause();
  }

  get #isFull(): boolean {
    return this.#waiting.length > WAITING_MAX || this.#waitingBytes > WAITING_BYTES_MAX;
  }

  #deliver(): void {
    const outcome = this.#outcome;
    if (outcome === undefined) return;
    const waiting = this.#waiting;
    if (waiting.length === 0) {
      if (this.#end !== undefined) outcome.failed(this.#end);
      return;
    }
    this.#outcome = undefined;
    const wasFull = this.#isFull;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (wasFull) this.#flow?.resume();
    outcome.done(waiting);
  }

  /** Who has not asked for the next event hears of it when he does. */
  #fail(error: VelourError): void {
    const outcome = this.#outcome;
    this.stop();
    this.#end = error;
    outcome?.failed(error);
  }
}

const HEADERS = { accept: 'text/event-stream, application/problem+json' };

function isEvents({ status, header }: PoolHead): boolean {
  // A proxy may have named the encoding.
  return status === 200 && /^text\/event-stream *(;|$)/i.test(header('content-type') ?? '');
}

function failureOf(
  { url }: KnownFrontend,
  outcome: Extract<PoolOutcome, { kind: 'broken' }> | PoolAnswer,
): VelourError {
  if (outcome.kind === 'broken') {
    const { error } = outcome;
    return new VelourError('unreachable', `${url}: ${error.message}`, { cause: error });
  }
  const { status } = outcome;
  const what = `${url} answers ${status}, and no events of velour-fog: it is no frontend`;
  return new VelourError('not-a-frontend', what, { status });
}

/** @returns undefined for what no frontend sends */
function eventOf({ event, data }: ServerSentEvent): WatchEvent | undefined {
  if (event === 'missed') return { kind: 'missed' };
  const fields = fieldsIn(data);
  const key = bytesOfText(fields.key);
  if (key === undefined) return undefined;
  const named = { key: new Uint8Array(key) };
  const { etag, version, expiresAt } = fields;
  if (event === 'delete') {
    return typeof version === 'string' ? { kind: 'delete', ...named, version } : undefined;
  }
  if (event !== 'set' || typeof etag !== 'string') return undefined;
  const expiresAtMs = typeof expiresAt === 'number' ? expiresAt : undefined;
  const value = bytesOfText(fields.value);
  const stored = {
    kind: 'set',
    ...named,
    etag,
    version: versionOfETag(etag),
    expiresAtMs,
  } as const;
  return value === undefined ? stored : { ...stored, value: new Uint8Array(value) };
}

function fieldsIn(data: string): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = JSON.parse(data);
    return typeof fields === 'object' && fields !== null ? { ...fields } : {};
  } catch {
    return {};
  }
}
