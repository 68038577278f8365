// Wrong tickets: such that permit what they should not, store more than one file, or pass a lock.

import { type Mutant, tests } from './mutant.ts';

const TICKETS = 'src/files/tickets';
const TICKETS_TESTS = 'test/files/tickets';
const DOOR = 'src/fileserver/door';
const SEALING_TESTS = `${TICKETS_TESTS}/sealing.test.ts`;
const SECRET_TESTS = `${TICKETS_TESTS}/ticket-secret.test.ts`;
const PUT_TESTS = `${TICKETS_TESTS}/ticketed-put.test.ts`;
const DOOR_TESTS = 'test/processes/tickets.test.ts';

function mutant(
  name: string,
  file: string,
  [find, replace]: readonly [find: string, replace: string],
  [path, test]: readonly [path: string, test: string],
): Mutant {
  return {
    name,
    rule: 'FILES.md, 4',
    edits: [{ file, find, replace }],
    fate: tests(path, test),
  };
}

export const TICKET_MUTANTS: readonly Mutant[] = [
  mutant(
    'a-file-is-stored-in-what-is-no-directory',
    `${TICKETS}/ticketed-put.ts`,
    [
      "around.every((file) => file?.manifest.kind === 'directory')",
      "around.every((file) => file?.manifest.kind !== 'inline')",
    ],
    [PUT_TESTS, 'is refused where what it is to be in has gone'],
  ),
  mutant(
    'any-seal-is-good',
    `${TICKETS}/sealing.ts`,
    [
      'if (!timingSafeEqual(bytes.subarray(-SEAL_BYTES), sealOf(body, secret))) return FORGED;',
      'if (sealOf(body, secret).length !== SEAL_BYTES) return FORGED;',
    ],
    [SEALING_TESTS, 'is forged if any of its characters is another one'],
  ),
  mutant(
    'a-ticket-never-ends',
    `${TICKETS}/sealing.ts`,
    ["nowMs < ticket.expiresMs ? 'valid' : 'expired'", "nowMs < Infinity ? 'valid' : 'expired'"],
    [SEALING_TESTS, 'has expired from its last millisecond on'],
  ),
  mutant(
    'the-id-of-a-ticket-is-not-sealed',
    `${TICKETS}/sealing.ts`,
    [
      "return createHmac('sha256', secret).update(body).digest().subarray(0, SEAL_BYTES);",
      "return createHmac('sha256', secret).update(body.subarray(17)).digest().subarray(0, SEAL_BYTES);",
    ],
    [SEALING_TESTS, 'is forged if any of its characters is another one'],
  ),
  mutant(
    'a-ticket-has-many-tokens',
    `${TICKETS}/sealing.ts`,
    ["bytes.toString('base64url') !== token", 'bytes.length > token.length'],
    [SEALING_TESTS, 'is forged if any of its characters is another one'],
  ),
  mutant(
    'a-ticket-for-reading-has-its-digests-in-digits',
    `${TICKETS}/ticket.ts`,
    ['const SHA512_BYTES = 64;', 'const SHA512_BYTES = 128;'],
    [SEALING_TESTS, 'is short for reading'],
  ),
  mutant(
    'a-ticket-that-is-cut-off-crashes-who-opens-it',
    `${TICKETS}/ticket.ts`,
    ['if (bytes.length < READ_BYTES_MIN) throw', 'if (bytes.length < ID_BYTES) throw'],
    [SEALING_TESTS, 'is forged where other software has sealed one'],
  ),
  {
    name: 'a-header-of-a-file-ends-a-process',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: 'src/files/http/served-headers.ts',
        find: 'return text.length <= SERVED_CHARACTERS_MAX && VALUE.test(text);',
        replace: 'return text.length <= SERVED_CHARACTERS_MAX;',
      },
    ],
    fate: tests('test/frontend/gateways/broker/rest.test.ts', 'is not changed by'),
  },
  {
    name: 'what-a-file-is-served-with-is-kept-and-not-told',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: 'src/files/http/file-answer.ts',
        find: '    ...servedHeaders(attributes),\n',
        replace: '',
      },
    ],
    fate: tests('test/frontend/gateways/broker/broker.test.ts', 'says how its file is served'),
  },
  mutant(
    'a-ticket-lives-as-long-as-anybody-likes',
    `${TICKETS}/cluster-tickets.ts`,
    ['Math.min(lifetimeMs, TICKET_MS_MAX)', 'lifetimeMs'],
    [SECRET_TESTS, 'lives for an hour at most'],
  ),
  mutant(
    'a-ticket-of-a-wrong-clock-lives-for-days',
    `${TICKETS}/cluster-tickets.ts`,
    ['const isWithin = opened.ticket.expiresMs <=', 'const isWithin = 0 <='],
    [SECRET_TESTS, 'that ends later than any may'],
  ),
  mutant(
    'tickets-are-issued-by-any-clock',
    `${TICKETS}/cluster-tickets.ts`,
    ['if (this.#runtime.clock.isKnown === false) return callback(NO_TIME);', ''],
    [SECRET_TESTS, 'by nobody who was not told the time'],
  ),
  mutant(
    'each-process-has-its-own-secret',
    `${TICKETS}/ticket-secret.ts`,
    [
      ": this.#noted({ kind: 'known', secret: recordValue(outcome.record) }),",
      ": this.#noted({ kind: 'known', secret: value }),",
    ],
    [SECRET_TESTS, 'is the first one where two make one'],
  ),
  mutant(
    'an-upload-is-refused-by-one-member',
    `${TICKETS}/ticketed-put.ts`,
    [
      "if (first.kind === 'judged' || first.kind === 'not-stored') return",
      'if (first.kind.length > 0) return',
    ],
    [PUT_TESTS, 'is not refused for what only one member has'],
  ),
  mutant(
    'a-secret-that-one-member-has',
    `${TICKETS}/ticket-secret.ts`,
    [
      'this.#operations.linearizable.get(',
      '(this.#operations as unknown as FileOperations).reader.get(',
    ],
    [SECRET_TESTS, 'is the word of all members'],
  ),
  mutant(
    'a-secret-that-was-absent-is-so-for-a-second',
    `${TICKETS}/ticket-secret.ts`,
    ["this.#latest?.kind === 'known' && nowMs", 'this.#latest !== undefined && nowMs'],
    [SECRET_TESTS, 'is heard of at once'],
  ),
  mutant(
    'who-opens-a-ticket-makes-a-secret',
    `${TICKETS}/cluster-tickets.ts`,
    ['this.#secret.look((known) => {', 'this.#secret.make((known) => {'],
    [SECRET_TESTS, 'is made by nobody who only opens tickets'],
  ),
  mutant(
    'each-wrong-token-asks-for-the-secret',
    `${TICKETS}/ticket-secret.ts`,
    ['nowMs - this.#askedMs < ASK_AGAIN_MS', 'nowMs < this.#askedMs'],
    [SECRET_TESTS, 'at most once a second'],
  ),
  mutant(
    'a-new-secret-is-never-heard-of',
    `${TICKETS}/ticket-secret.ts`,
    ['nowMs - this.#askedMs < ASK_AGAIN_MS', 'nowMs >= this.#askedMs'],
    [SECRET_TESTS, 'at most once a second'],
  ),
  mutant(
    'one-ticket-for-two-files',
    `${TICKETS}/ticket-record.ts`,
    [
      "const request = { key, condition: { ifNoneMatch: 'any' }, change } as const;",
      'const request = { key, condition: {}, change } as const;',
    ],
    [PUT_TESTS, 'is refused where another one was faster while the body came'],
  ),
  {
    name: 'one-ticket-for-two-files-in-a-run',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: `${TICKETS}/ticket-record.ts`,
        find: "const request = { key, condition: { ifNoneMatch: 'any' }, change } as const;",
        replace: 'const request = { key, condition: {}, change } as const;',
      },
    ],
    fate: { kind: 'seeds', first: 100, count: 60 },
  },
  mutant(
    'a-file-is-stored-that-only-some-members-have',
    `${TICKETS}/ticket-record.ts`,
    ['this.#operations.linearizable.get(use.key', 'this.#operations.reader.get(use.key'],
    [PUT_TESTS, 'is not told by a record that only some members have'],
  ),
  mutant(
    'a-ticket-is-not-claimed',
    `${TICKETS}/ticketed-put.ts`,
    [
      "if (outcome.kind !== 'claimed') return refuse(outcome);",
      "if (outcome.kind !== 'claimed') return set(judged.set);",
    ],
    [PUT_TESTS, 'is refused where another one was faster while the body came'],
  ),
  mutant(
    'a-ticket-is-claimed-before-its-condition-is-judged',
    `${TICKETS}/ticketed-put.ts`,
    [
      "      if (judged.kind !== 'judged') return refuse(judged);\n      // Somebody",
      "      if (judged.kind !== 'judged') return claim(parts, ticket, useOf(ticket, manifest), () => refuse(judged));\n      // Somebody",
    ],
    [PUT_TESTS, 'judges its condition when its body has come'],
  ),
  mutant(
    'a-ticket-is-claimed-at-each-try',
    `${TICKETS}/ticketed-put.ts`,
    ['if (claimed !== undefined) return set(judged.set);', ''],
    [PUT_TESTS, 'claims its ticket once'],
  ),
  mutant(
    'a-ticketed-upload-looks-for-locks-before-its-body-alone',
    `${TICKETS}/ticketed-put.ts`,
    [
      "      if (judged.kind !== 'judged') return refuse(judged);\n      // Somebody",
      "      if (judged.kind !== 'judged') return set({ condition: NO_CONDITION, attributes: undefined });\n      // Somebody",
    ],
    [PUT_TESTS, 'does not pass a lock on'],
  ),
  mutant(
    'a-ticket-passes-the-lock-of-a-folder',
    `${TICKETS}/ticketed-put.ts`,
    ['[...keysAround(key), key]', '[key]'],
    [PUT_TESTS, 'does not pass a lock on a folder around it'],
  ),
  mutant(
    'a-ticket-passes-a-lock-that-comes-before-its-record',
    `${TICKETS}/ticketed-put.ts`,
    ['{ ...asFound(present), lookAgain }', '{ ...asFound(present) }'],
    [PUT_TESTS, 'before a lock of it is answered is undone'],
  ),
  mutant(
    'a-former-file-comes-back-to-a-folder-that-is-deleted',
    `${TICKETS}/ticketed-put.ts`,
    ["refusal?.kind === 'no-directory' && present !== undefined", 'false'],
    [PUT_TESTS, 'in a folder which is deleted meanwhile'],
  ),
  mutant(
    'a-file-stays-in-a-folder-that-nobody-could-look-at',
    `${TICKETS}/ticketed-put.ts`,
    [
      "if ('kind' in around) return callback('unclear');",
      "if ('kind' in around) return callback('clear');",
    ],
    [PUT_TESTS, 'of which nobody can say whether it may stay'],
  ),
  mutant(
    'a-ticket-is-used-up-by-what-was-not-stored',
    `${TICKETS}/ticketed-put.ts`,
    [
      "if (claimed === undefined || ended.kind === 'unknown') return callback(ended);",
      'if (claimed === undefined || id !== undefined) return callback(ended);',
    ],
    [PUT_TESTS, 'gives its ticket back'],
  ),
  mutant(
    'the-ticket-of-what-may-be-stored-is-given-back',
    `${TICKETS}/ticketed-put.ts`,
    ["claimed === undefined || ended.kind === 'unknown'", 'claimed === undefined'],
    [PUT_TESTS, 'leaves its ticket used where it may be stored'],
  ),
  mutant(
    'a-lock-hides-that-the-ticket-is-used-up',
    `${TICKETS}/ticketed-put.ts`,
    [
      '{ ...ended, isTicketSpent: true }',
      "ended.kind === 'not-stored' ? { ...ended, isTicketSpent: true } : ended",
    ],
    ['test/fileserver/door/ticket-uploads.test.ts', 'says whether that is used up'],
  ),
  mutant(
    'a-door-never-says-that-a-ticket-is-used-up',
    `${DOOR}/ticket-uploads.ts`,
    ['outcome.isTicketSpent === true ? withSpentTicket(refusal) : refusal', 'refusal'],
    ['test/fileserver/door/ticket-uploads.test.ts', 'says whether that is used up'],
  ),
  mutant(
    'a-ticket-of-another-is-given-back',
    `${TICKETS}/ticket-record.ts`,
    [
      'const condition = { ifMatch: [etagOf(claim)] };',
      "const condition = { ifMatch: claim && 'any' } as const;",
    ],
    [PUT_TESTS, 'or another one has it'],
  ),
  mutant(
    'what-is-new-passes-the-lock-of-its-folder',
    `${TICKETS}/ticketed-put.ts`,
    ['present === undefined ? [way, way.slice(0, -1)] : [way]', '[way]'],
    [PUT_TESTS, 'of what is new in it'],
  ),
  mutant(
    'a-ticketed-upload-drops-what-is-beside-the-content',
    `${TICKETS}/ticketed-put.ts`,
    ['{ ...kept, ...attributes }', '{ ...attributes }'],
    [PUT_TESTS, 'passes a lock with its token, and leaves it'],
  ),
  mutant(
    'a-folder-becomes-a-file-by-a-ticket',
    `${TICKETS}/ticketed-put.ts`,
    ["if (present?.manifest.kind === 'directory')", 'if (present === null)'],
    [PUT_TESTS, 'stores no file over a folder'],
  ),
  mutant(
    'an-upload-without-end-uses-its-ticket-again',
    `${TICKETS}/ticketed-put.ts`,
    ['clock.wallMs() > ticket.expiresMs + TICKETED_UPLOAD_MS_MAX', 'clock.wallMs() < 0'],
    [PUT_TESTS, 'that nobody knows any more'],
  ),
  mutant(
    'a-used-ticket-is-forgotten-too-soon',
    `${TICKETS}/ticket-record.ts`,
    [
      'const RECORD_MS = TICKETED_UPLOAD_MS_MAX + 60 * 60 * 1000;',
      'const RECORD_MS = 60 * 60 * 1000;',
    ],
    [PUT_TESTS, 'may end long after its ticket'],
  ),
  mutant(
    'a-file-that-is-there-is-not-of-its-ticket',
    `${TICKETS}/ticket-record.ts`,
    ["kind: isThere ? 'stored' : 'used'", "kind: 'used'"],
    [PUT_TESTS, 'is told by the record of the file'],
  ),
  mutant(
    'any-file-of-the-name-is-of-the-ticket',
    `${TICKETS}/ticket-record.ts`,
    ['return manifest.blob === blob;', 'return blob !== undefined;'],
    [PUT_TESTS, 'is used where the file is of another upload'],
  ),
  mutant(
    'the-end-of-a-ticketed-upload-is-not-noted',
    `${TICKETS}/ticketed-put.ts`,
    ['return parts.records.stored(ticket, use, () => callback(ended));', 'return callback(ended);'],
    [PUT_TESTS, 'stores what the ticket says, and notes it'],
  ),
  mutant(
    'a-ticket-for-reading-stores',
    `${DOOR}/door.ts`,
    ['return ticket.purpose === purpose;', 'return true;'],
    [DOOR_TESTS, 'reads with a ticket nothing without one'],
  ),
  mutant(
    'the-id-of-a-ticket-is-that-of-each-upload',
    'src/files/file-put.ts',
    [': linkedBlobId(placedAs, random.token());', ': placedAs;'],
    [DOOR_TESTS, 'one of many that are sent at the same time'],
  ),
  mutant(
    'a-ticketed-blob-is-placed-anywhere',
    'src/files/file-put.ts',
    ['return placedAs === undefined', 'return placedAs !== null'],
    [DOOR_TESTS, 'on as many file servers as its class says'],
  ),
  mutant(
    'a-blob-that-has-moved-is-gone-for-its-ticket',
    `${DOOR}/ticket-downloads.ts`,
    [
      ': this.#files.open(file, range, callback),',
      ": callback({ kind: 'failed', code: 'file-unreadable', detail: '' }),",
    ],
    [DOOR_TESTS, 'the whole content, whether the blob is there'],
  ),
  mutant(
    'pages-of-other-origins-may-not-use-tickets',
    'src/cluster/http/routes.ts',
    ['entry.traits.changes && entry.route.forAnyPage !== true', 'entry.traits.changes'],
    [DOOR_TESTS, 'for pages of any origin'],
  ),
  mutant(
    'a-form-leads-anywhere',
    'src/files/http/form-redirect.ts',
    ['isWeb && given.length', 'given.length > 0 && given.length'],
    [
      'test/frontend/gateways/broker/broker.test.ts',
      'is refused at once where its body is encoded, or a browser would go on',
    ],
  ),
  mutant(
    'the-dates-of-webdav-are-not-told-of',
    `${DOOR}/protocols/webdav-put.ts`,
    ["{ 'x-oc-mtime': 'accepted' }", '{}'],
    [DOOR_TESTS, 'what WebDAV clients say of a file'],
  ),
  mutant(
    'a-body-comes-before-its-ticket-is-looked-up',
    `${TICKETS}/ticketed-put.ts`,
    ["if (state.kind !== 'unused') return refuse({ kind: 'used' });", ''],
    [DOOR_TESTS, 'sends no body with a ticket that is none'],
  ),
];
