// The secret under which tickets are sealed: one for the whole cluster, made by whoever needs it first, and by nobody who only opens tickets.

import { beforeEach, describe, expect, test } from 'vitest';
import type { BlobId } from '../../../src/files/blob-id.ts';
import { ticketSecretKey } from '../../../src/files/file-key.ts';
import { ClusterTickets, TICKET_SLACK_MS } from '../../../src/files/tickets/cluster-tickets.ts';
import { TICKET_MS_MAX, type TicketTerms } from '../../../src/files/tickets/ticket.ts';
import { MemoryOperations } from '../../helpers/memory-operations.ts';
import { SeededRandom } from '../../helpers/random.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

const TERMS: TicketTerms = {
  purpose: 'read',
  id: '0198c0de000000112233445566778899' as BlobId,
  contentType: undefined,
  size: 3,
  sha512: '0a'.repeat(64),
  md5: '0b'.repeat(16),
  modifiedMs: 0,
  served: {},
};

let memory: MemoryOperations;
let time: VirtualTime;
beforeEach(() => {
  memory = new MemoryOperations();
  time = new VirtualTime();
});

function all() {
  return { ...memory.operations, pages: { page: () => undefined } };
}

/** A process of the cluster. */
function aProcess(seed: number): ClusterTickets {
  return new ClusterTickets({ clock: time, random: new SeededRandom(seed) }, all());
}

function issue(tickets: ClusterTickets, terms = TERMS, lifetimeMs = 60_000): string {
  let token = '';
  tickets.issue(terms, lifetimeMs, (outcome) => {
    token = outcome.kind === 'issued' ? outcome.token : `(${outcome.code}: ${outcome.detail})`;
  });
  return token;
}

function open(tickets: ClusterTickets, token: string): string {
  let kind = '(nothing)';
  tickets.open(token, (outcome) => {
    kind = outcome.kind;
  });
  return kind;
}

describe('the secret of tickets', () => {
  test('is made once, and opens in every process what any other has sealed', () => {
    const [one, other] = [aProcess(1), aProcess(2)];
    const token = issue(one);
    expect(open(other, token)).toBe('valid');
    expect(open(one, issue(other))).toBe('valid');
    expect(memory.recordOf(ticketSecretKey())).toBeDefined();
    expect(memory.done.filter((what) => what === 'write k tickets')).toHaveLength(1);
    // Remembered from then on.
    expect(memory.done.filter((what) => what === 'get k tickets')).toHaveLength(2);
  });

  test('is the first one where two make one at the same time', () => {
    const [one, other] = [aProcess(1), aProcess(2)];
    const { linearizable } = memory.operations;
    let answer: (() => void) | undefined;
    const late = {
      ...memory.operations,
      pages: { page: () => undefined },
      linearizable: {
        get: (key: Buffer, callback: Parameters<typeof linearizable.get>[1]) =>
          linearizable.get(key, (outcome) => {
            answer = () => callback(outcome);
          }),
      },
    };
    const slow = new ClusterTickets({ clock: time, random: new SeededRandom(3) }, late);
    let token = '';
    slow.issue(TERMS, 1000, (outcome) => {
      token = outcome.kind === 'issued' ? outcome.token : '';
    });
    issue(one);
    answer?.();
    expect(open(other, token)).toBe('valid');
  });

  test('is made by nobody who only opens tickets', () => {
    expect(open(aProcess(1), 'a token')).toBe('forged');
    expect(memory.recordOf(ticketSecretKey())).toBeUndefined();
  });

  test('is heard of at once where there was none a moment before', () => {
    const [one, other] = [aProcess(1), aProcess(2)];
    expect(open(one, 'a token')).toBe('forged');
    expect(open(one, issue(other))).toBe('valid');
  });

  test('is asked for again where a token does not fit, and at most once a second', () => {
    const [one, other] = [aProcess(1), aProcess(2)];
    issue(one);
    const asked = () => memory.done.filter((what) => what === 'get k tickets').length;
    const before = asked();
    for (let turn = 0; turn < 10; turn++) expect(open(one, 'a token')).toBe('forged');
    expect(asked()).toBe(before);
    time.runTo(1000);
    for (let turn = 0; turn < 10; turn++) expect(open(one, 'a token')).toBe('forged');
    expect(asked()).toBe(before + 1);
    // The records were lost, and another process was the first to issue a ticket.
    memory.keep(ticketSecretKey(), Buffer.alloc(32, 9));
    const token = issue(other);
    time.runTo(2000);
    expect(open(one, token)).toBe('valid');
  });

  test('is the word of all members (H21)', () => {
    const token = issue(aProcess(1));
    const record = memory.recordOf(ticketSecretKey());
    if (record === undefined) throw new Error('it was made');
    memory.settled = { kind: 'value', record };
    const value = Buffer.alloc(32, 9);
    memory.gets = { kind: 'value', record: memory.keep(ticketSecretKey(), value) };
    expect(open(aProcess(2), token)).toBe('valid');
  });

  test('that cannot be asked for is no verdict on a token', () => {
    const token = issue(aProcess(1));
    memory.gets = { kind: 'failed', code: 'unanswered', detail: 'scripted' };
    const later = aProcess(2);
    expect(open(later, token)).toBe('failed');
    expect(issue(later)).toContain('unanswered');
    memory.gets = undefined;
    expect(open(later, token)).toBe('valid');
  });
});

describe('a ticket', () => {
  test('lives for an hour at most, whatever it is asked for', () => {
    const tickets = aProcess(1);
    const token = issue(tickets, TERMS, 10 * TICKET_MS_MAX);
    time.runTo(TICKET_MS_MAX - 1);
    expect(open(tickets, token)).toBe('valid');
    time.runTo(TICKET_MS_MAX);
    expect(open(tickets, token)).toBe('expired');
  });

  test('that ends later than any may was issued by a wrong clock, and is taken for ended', () => {
    const ahead = new VirtualTime();
    ahead.runTo(TICKET_SLACK_MS);
    const issuer = () => new ClusterTickets({ clock: ahead, random: new SeededRandom(1) }, all());
    expect(open(aProcess(2), issue(issuer(), TERMS, TICKET_MS_MAX))).toBe('valid');
    ahead.runTo(TICKET_SLACK_MS + 1);
    expect(open(aProcess(2), issue(issuer(), TERMS, TICKET_MS_MAX))).toBe('expired');
  });

  test('is issued by nobody who was not told the time', () => {
    const clock = { isKnown: false, monotonicMs: () => 0, wallMs: () => 0 };
    const tickets = new ClusterTickets({ clock, random: new SeededRandom(1) }, all());
    expect(issue(tickets)).toContain('not-ready');
    clock.isKnown = true;
    expect(open(tickets, issue(tickets))).toBe('valid');
  });

  test('that no URL has room for is not issued', () => {
    const terms = { ...TERMS, contentType: 'x'.repeat(7000) };
    expect(issue(aProcess(1), terms)).toContain('bad-parameter');
  });
});
