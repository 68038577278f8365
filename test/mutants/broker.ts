// Wrong brokers: such that lead clients astray, take any ticket for a right one, or delete what is somebody else's.

import { type Mutant, tests } from './mutant.ts';

const BROKER = 'src/frontend/gateways/broker';
const TESTS = 'test/frontend/gateways/broker/broker.test.ts';
const HEAD_TESTS = 'test/frontend/gateways/broker/redirect-head.test.ts';
const REST_TESTS = 'test/frontend/gateways/broker/rest.test.ts';

function mutant(
  name: string,
  file: string,
  [find, replace]: readonly [find: string, replace: string],
  [path, test]: readonly [path: string, test: string],
): Mutant {
  return {
    name,
    rule: 'FILES.md, 4',
    edits: [{ file: `${BROKER}/${file}`, find, replace }],
    fate: tests(path, test),
  };
}

export const BROKER_MUTANTS: readonly Mutant[] = [
  mutant(
    'an-upload-is-redirected-as-a-download-is',
    'issuing.ts',
    ['status: 307', 'status: 302'],
    [TESTS, 'with 307 and the ticket in a header as well'],
  ),
  mutant(
    'a-broker-shows-files-in-no-collection',
    'issuing.ts',
    ['if (refused !== undefined) return answer(refused);', ''],
    [TESTS, 'is refused where a collection is, below a file'],
  ),
  mutant(
    'an-upload-at-a-broker-slips-past-a-lock',
    'issuing.ts',
    [
      "return lockRefusal(way, kind === 'absent' ? 'membership' : 'resource', submitted);",
      'return undefined;',
    ],
    [TESTS, 'slips past no lock'],
  ),
  mutant(
    'the-type-of-a-form-is-that-of-its-file',
    'issuing.ts',
    ['multipart\\/|', ''],
    [TESTS, 'as a form goes to a file server'],
  ),
  mutant(
    'a-redirect-leads-to-one-server-alone',
    'file-links.ts',
    ['const DUPLICATES_MAX = 4;', 'const DUPLICATES_MAX = 1;'],
    [TESTS, 'is there: GET says where'],
  ),
  mutant(
    'a-redirect-names-all-copies',
    'file-links.ts',
    ['urls.slice(0, DUPLICATES_MAX)', 'urls'],
    [HEAD_TESTS, 'names four copies'],
  ),
  mutant(
    'the-head-of-a-redirect-has-no-bound',
    'file-links.ts',
    ['if (bytes > URL_BYTES_MAX) break;', ''],
    [HEAD_TESTS, 'fits where nginx has room'],
  ),
  mutant(
    'a-ticket-completes-the-file-of-any-path',
    'completion.ts',
    [
      "ticket?.purpose === 'write' && key?.equals(ticket.key) === true",
      "ticket?.purpose === 'write'",
    ],
    [TESTS, 'is refused for a ticket that is none, of another path'],
  ),
  mutant(
    'a-wrong-digest-is-only-told-of',
    'completion.ts',
    [
      'if (file === undefined || !isFileOfUse(file, use)) return answer(gone);',
      'if (file === undefined || isFileOfUse(file, use)) return answer(gone);',
    ],
    [TESTS, 'with another MD5 leaves nothing'],
  ),
  mutant(
    'a-wrong-digest-deletes-whatever-is-there',
    'completion.ts',
    [
      'if (file === undefined || !isFileOfUse(file, use)) return answer(gone);',
      'if (file === undefined) return answer(gone);',
    ],
    [TESTS, 'deletes nothing that another upload has stored since'],
  ),
  mutant(
    'a-wrong-digest-deletes-the-empty-file-of-another-one',
    'completion.ts',
    ['!isFileOfUse(file, use)', '!hasContentOfUse(file, use)'],
    [TESTS, 'deletes no empty file that somebody else has stored'],
  ),
  mutant(
    'a-wrong-digest-deletes-what-is-locked',
    'completion.ts',
    ['if (refusal !== undefined) return answer(refusal);', ''],
    [TESTS, 'deletes no file that is locked'],
  ),
  mutant(
    'what-was-stored-once-is-said-to-be-there',
    'completion.ts',
    ["found.kind === 'found' && hasContentOfUse(found.file, use);", 'true;'],
    [TESTS, 'is not told that its file is stored once it was withdrawn'],
  ),
  mutant(
    'an-ended-ticket-completes-nothing-any-more',
    'completion.ts',
    [
      'const { use } = state;',
      'const { use } = state;\n      if (isExpired) return answer(EXPIRED);',
    ],
    [TESTS, 'is refused before anything is stored, and gone when the ticket has ended'],
  ),
  mutant(
    'completion-goes-by-the-size-alone',
    'completion.ts',
    ['if (told.md5 !== undefined && told.md5 !== md5)', 'if (told.md5 === md5)'],
    [TESTS, 'with another MD5 leaves nothing'],
  ),
  mutant(
    'a-stranger-is-taken-for-the-first-domain',
    'broker.ts',
    ['domainOf(this.#parts.rules.current, host)', 'this.#parts.rules.current.domains[0]'],
    [TESTS, 'a Host of no domain is told so'],
  ),
  mutant(
    'a-file-hides-what-a-process-says-of-itself',
    'broker.ts',
    [
      "if (OWN_PATHS.includes(pathOf(target)) && (method === 'PUT' || method === 'POST')) {",
      "if (OWN_PATHS.includes(pathOf(target)) && method === 'POST') {",
    ],
    [TESTS, 'is refused where a collection is, below a file, and where the broker itself answers'],
  ),
  mutant(
    'what-passes-through-a-broker-has-no-blob',
    'broker.ts',
    ['inlineMax: 0', 'inlineMax: undefined'],
    [TESTS, 'through the broker has a blob all the same'],
  ),
  mutant(
    'a-change-beside-the-content-slips-past-a-lock',
    'rest/changes.ts',
    ['if (locked !== undefined) return refuse(locked);', ''],
    [REST_TESTS, 'is not changed past a lock'],
  ),
  mutant(
    'a-clone-takes-the-locks-along',
    'rest/changes.ts',
    [
      'withOwnAttributes(undefined, ownAttributes(from.manifest.attributes))',
      'from.manifest.attributes',
    ],
    [REST_TESTS, 'is not changed past a lock'],
  ),
  mutant(
    'an-attribute-takes-the-place-of-all-others',
    'rest/file-description.ts',
    ['new Map(Object.entries(attributes ?? {}))', 'new Map<string, string>()'],
    [REST_TESTS, 'has attributes, a type and a number of copies'],
  ),
  mutant(
    'a-list-ends-with-its-first-page',
    'rest/rest.ts',
    ['page.next === undefined ? null : printListCursor(page.next)', 'null'],
    [REST_TESTS, 'a list has what begins with the prefix'],
  ),
  {
    name: 'clients-are-sent-to-a-server-that-has-said-nothing-yet',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: 'src/files/cluster-files.ts',
        find: 'return heard.length > 0 ? heard : up;',
        replace: 'return up;',
      },
    ],
    fate: tests('test/files/cluster-files.test.ts', 'not to one that has just joined'),
  },
  {
    name: 'clients-are-sent-to-servers-that-are-down',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: 'src/files/cluster-files.ts',
        find: 'const up = servers.filter(({ id }) => watch.isUp(id));',
        replace: 'const up = servers;',
      },
    ],
    fate: tests(
      'test/files/cluster-files.test.ts',
      'to the servers that should have a copy and are up',
    ),
  },
];
