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
    ['refused === undefined ? then(submitted) : refuse(refused),', 'then(submitted),'],
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
    'a-link-says-what-its-client-puts-into-it',
    'broker-request.ts',
    ['hrefOf(path, false)', 'request.target.split("?")[0]'],
    [TESTS, 'says nothing in a link that its client put there'],
  ),
  mutant(
    'the-head-of-a-redirect-has-no-bound',
    'file-links.ts',
    ['if (bytes > URL_BYTES_MAX) break;', ''],
    [HEAD_TESTS, 'fits where nginx has room'],
  ),
  mutant(
    'a-clone-is-hidden-by-what-the-broker-says',
    'own-paths.ts',
    [
      'if (name === undefined || !OWN_NAMES.has(name)) return undefined;',
      "if (name !== '.broker') return undefined;",
    ],
    [TESTS, 'is not hidden by what the broker says'],
  ),
  mutant(
    'a-move-hides-a-file',
    'own-paths.ts',
    [
      "const MAKE_ANOTHER: readonly string[] = ['COPY', 'MOVE'];",
      "const MAKE_ANOTHER: readonly string[] = ['COPY'];",
    ],
    [TESTS, 'is not hidden by what the broker says'],
  ),
  mutant(
    'a-misspelt-wish-is-lost',
    'broker-usage.ts',
    [
      "const TAKE_ANY_WORD: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];",
      "const TAKE_ANY_WORD: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'PUT'];",
    ],
    [TESTS, 'is not lost where a word is wrong'],
  ),
  mutant(
    'a-link-with-a-parameter-leads-nowhere',
    'broker-usage.ts',
    [
      "const TAKE_ANY_WORD: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];",
      "const TAKE_ANY_WORD: readonly string[] = ['HEAD', 'OPTIONS'];",
    ],
    [TESTS, 'is not lost where a word is wrong'],
  ),
  mutant(
    'a-wish-is-not-heard-through-the-broker',
    'broker.ts',
    [
      'dav.serve(request, spaceOf(domain, wishes), reply)',
      'dav.serve(request, spaceOf(domain), reply)',
    ],
    [TESTS, 'through the broker has a blob all the same'],
  ),
  mutant(
    'a-misspelt-change-is-lost',
    'rest/rest-usage.ts',
    [
      'return unknown === undefined ? shape(json) : wrong(unknown);',
      "return unknown === '' ? wrong(unknown) : shape(json);",
    ],
    [REST_TESTS, 'is not changed by'],
  ),
  mutant(
    'a-cursor-may-be-as-long-as-it-likes',
    'rest/rest-usage.ts',
    ['if (afterKey.length > STORED_KEY_BYTES_MAX) return undefined;', ''],
    [REST_TESTS, 'a list has what begins with the prefix'],
  ),
  mutant(
    'a-name-that-is-no-text-is-that-of-another-file',
    'rest/file-description.ts',
    [' : null, href };', ' : href, href };'],
    [REST_TESTS, 'names that look alike with escapes are told apart'],
  ),
  mutant(
    'only-the-first-name-of-a-domain-counts',
    'config/broker-config.ts',
    [
      'return domains.find((domain) => domain.name === name) ?? domainsByHost.get(hostNameOf(name));',
      'return domains.find((domain) => domain.name === name || domainsByHost.size === 0);',
    ],
    [REST_TESTS, 'any name of a domain stands for its Host'],
  ),
  mutant(
    'what-a-form-is-served-with-is-that-of-its-page',
    'issuing.ts',
    [
      "request.method === 'PUT' ? readServedHeaders(request)",
      'request.method ? readServedHeaders(request)',
    ],
    [TESTS, 'says how its file is served'],
  ),
  mutant(
    'a-clone-is-served-in-another-way',
    'rest/changes.ts',
    ['withServedHeaders(own, servedHeaders(all))', 'withServedHeaders(own, {})'],
    [REST_TESTS, 'is served as a change says'],
  ),
  mutant(
    'a-share-leads-in-a-circle',
    'reading.ts',
    ['return urls.filter((url) => placeOf(url) !== here);', 'return urls;'],
    [TESTS, 'a share that leads back to the broker'],
  ),
  mutant(
    'a-share-leads-in-a-circle-by-its-ticket',
    'reading.ts',
    ['if (SENT_BY_SHARE.test(asked.request.target)) return [];', ''],
    [TESTS, 'a share that leads back to the broker'],
  ),
  mutant(
    'a-collection-is-made-past-a-lock-that-came-meanwhile',
    'collections.ts',
    ["{ ifNoneMatch: 'any', lookAgain } as const", "{ ifNoneMatch: 'any' } as const"],
    [TESTS, 'that is given meanwhile is passed by nothing'],
  ),
  mutant(
    'a-change-passes-a-lock-that-came-meanwhile',
    'rest/changes.ts',
    ["lookAround(parts, self, { affected: 'resource', submitted })", 'undefined'],
    [TESTS, 'that is given meanwhile is passed by nothing'],
  ),
  mutant(
    'a-clone-passes-a-lock-that-came-meanwhile',
    'rest/changes.ts',
    [
      'const condition = { ...asJudged(way.self), lookAgain };',
      'const condition = { ...asJudged(way.self) };',
    ],
    [TESTS, 'that is given meanwhile is passed by nothing'],
  ),
  mutant(
    'a-completion-passes-a-lock-that-came-meanwhile',
    'completion.ts',
    ['{ ...asJudged(self), lookAgain }', 'asJudged(self)'],
    [TESTS, 'that is given meanwhile is passed by nothing'],
  ),
  mutant(
    'a-collection-is-made-in-a-locked-one-through-the-broker',
    'issuing.ts',
    [
      '    const refusal = refusalOf(way, submitted);\n    if (refusal !== undefined) return refuse(refusal);\n',
      '',
    ],
    [TESTS, 'that is given meanwhile is passed by nothing'],
  ),
  mutant(
    'fewer-copies-are-acknowledged-than-were-waited-for',
    'issuing.ts',
    ['replicate === undefined || replicate <= length', 'replicate === undefined || length > 0'],
    [TESTS, 'has the rule that it wishes for'],
  ),
  mutant(
    'a-mounted-domain-is-that-of-all-hosts',
    'dav-access.ts',
    ["domainOf(current, request.header('host') ?? '')", 'current.domains.at(-1)'],
    [TESTS, 'are mounted below'],
  ),
  mutant(
    'what-is-mounted-has-hrefs-of-another-place',
    'dav-access.ts',
    [
      'return { ...spaceOf(domain), root: ROOT };',
      "return { ...spaceOf(domain), root: '/.broker' };",
    ],
    [TESTS, 'are mounted below'],
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
      'if (file === undefined || !isFileOfUse(file, use)) {',
      'if (file !== undefined && isFileOfUse(file, use)) return answer(gone);\n    if (file === undefined || !isFileOfUse(file, use)) {',
    ],
    [TESTS, 'with another MD5 leaves nothing'],
  ),
  mutant(
    'a-wrong-digest-deletes-whatever-is-there',
    'completion.ts',
    ['if (file === undefined || !isFileOfUse(file, use)) {', 'if (file === undefined) {'],
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
    'a-withdrawal-believes-one-member',
    'completion.ts',
    ['if (isBack) return again();', 'if (isBack) return answer(gone);'],
    [TESTS, 'deletes what only one member has not any more'],
  ),
  mutant(
    'a-completion-believes-one-member',
    'completion.ts',
    [
      'return files.findSettled(ticket.key, (found) => {\n        if',
      'return files.find(ticket.key, (found) => {\n        if',
    ],
    [TESTS, 'tells what all members say of the file'],
  ),
  mutant(
    'another-upload-is-complete-by-the-word-of-one-member',
    'completion.ts',
    [
      '    return completeOther(files, ticket',
      '    return completeOther({ findSettled: (key, done) => files.find(key, done) }, ticket',
    ],
    [TESTS, 'tells what all members say of the file'],
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
    ['domainOf(current, host)', 'current.domains[0]'],
    [TESTS, 'a Host of no domain is told so'],
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
  {
    name: 'a-clone-takes-the-locks-along',
    rule: 'FILES.md, 4',
    edits: [
      {
        file: `${BROKER}/rest/changes.ts`,
        find: 'const own = withOwnAttributes(undefined, ownAttributes(all));',
        replace: 'const own = all;',
      },
      {
        file: `${BROKER}/rest/changes.ts`,
        find: 'withLocks(withServedHeaders(own, servedHeaders(all)), way.self.locks)',
        replace: 'withServedHeaders(own, servedHeaders(all))',
      },
    ],
    fate: tests(REST_TESTS, 'is not changed past a lock'),
  },
  mutant(
    'a-clone-has-the-copies-of-another-domain',
    'rest/changes.ts',
    [
      'const { replicationClass } = to.space.ruleOf(to.segments, from.manifest.replicationClass);',
      'const { replicationClass } = from.manifest;',
    ],
    [REST_TESTS, 'has a clone of the class'],
  ),
  mutant(
    'a-clone-loses-its-number-of-copies',
    'rest/changes.ts',
    [
      'to.space.ruleOf(to.segments, from.manifest.replicationClass)',
      'to.space.ruleOf(to.segments, undefined)',
    ],
    [REST_TESTS, 'has a clone of the class'],
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
  mutant(
    'a-broker-knows-no-token-of-a-lock',
    'rest/rest-usage.ts',
    ['{ submitted: tokensIn(lists.lists) }', '{ submitted: new Set() }'],
    [REST_TESTS, 'with the token of its lock, which stays'],
  ),
  mutant(
    'a-clone-takes-the-lock-of-what-it-replaces',
    'rest/changes.ts',
    [
      'withLocks(withServedHeaders(own, servedHeaders(all)), way.self.locks)',
      'withLocks(withServedHeaders(own, servedHeaders(all)), [])',
    ],
    [REST_TESTS, 'with the token of its lock, which stays'],
  ),
  mutant(
    'a-file-is-sent-elsewhere-with-the-rule-of-its-old-name',
    '../dav/transfer.ts',
    [
      'const { replicationClass } = to.space.ruleOf(to.segments, from.manifest.replicationClass);',
      'const { replicationClass } = from.manifest;',
    ],
    [REST_TESTS, 'has the rule of its new name after'],
  ),
  mutant(
    'an-upload-takes-the-number-of-copies-away',
    '../../../files/classes.ts',
    ['return copiesInName(present) === undefined ? said : present;', 'return said;'],
    [REST_TESTS, 'keeps a number of its own when it is stored anew'],
  ),
  mutant(
    'a-number-of-copies-is-said-once',
    '../../../files/classes.ts',
    ['present === undefined || copiesInName(said) !== undefined', 'present === undefined'],
    [REST_TESTS, 'keeps a number of its own when it is stored anew'],
  ),
  mutant(
    'a-number-of-copies-that-comes-during-an-upload-is-lost',
    '../../../files/file-record.ts',
    [
      'manifest: { ...manifest, ...fields } };',
      'manifest: { ...manifest, attributes: fields.attributes } };',
    ],
    ['test/files/file-put.test.ts', 'that it has by then'],
  ),
  mutant(
    'a-file-that-got-another-class-meanwhile-waits-for-its-turn',
    '../../../files/blob-naming.ts',
    ['holders.length < all || !isAsMade', 'holders.length < all'],
    ['test/files/file-put.test.ts', 'that it has by then'],
  ),
  mutant(
    'a-ticket-takes-the-number-of-copies-away',
    '../../../files/tickets/ticketed-put.ts',
    [
      'replicationClass: classOver(ticket.replicationClass, present?.manifest.replicationClass),',
      'replicationClass: ticket.replicationClass,',
    ],
    ['test/files/tickets/ticketed-put.test.ts', 'leaves a file the number of copies of its own'],
  ),
  mutant(
    'webdav-without-rules-takes-those-of-brokers-away',
    '../dav/dav-path.ts',
    ['replicationClass: present,', 'replicationClass: present && DEFAULT_CLASS,'],
    ['test/frontend/gateways/dav/dav.test.ts', 'keeps the class that a broker has given it'],
  ),
  mutant(
    'an-encoded-body-is-stored-as-it-comes',
    '../../../files/http/upload-headers.ts',
    ["if (coding === '' || coding === 'identity')", "if (coding !== 'x')"],
    [TESTS, 'is refused at once where its body is encoded'],
  ),
  mutant(
    'a-second-file-of-a-form-is-lost',
    '../../../files/form-file.ts',
    ['this.#hasFile && !this.#isForOne ?', 'this.#hasFile ?'],
    ['test/files/form-file.test.ts', 'is the only one where its reader wants no other'],
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
