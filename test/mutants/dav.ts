// Wrong WebDAV: locks that are passed, trees that lose something, XML that harms.

import { type Mutant, SEEDS, tests } from './mutant.ts';

const DAV = 'src/frontend/gateways/dav';
const TESTS = 'test/frontend/gateways/dav';
const DAV_TESTS = `${TESTS}/dav.test.ts`;
const RULE = 'FILES.md, 4';

function mutant(
  name: string,
  file: string,
  [find, replace]: readonly [find: string, replace: string],
  [test, path = DAV_TESTS]: readonly [test: string, path?: string],
): Mutant {
  return {
    name,
    rule: RULE,
    edits: [{ file: file.startsWith('src/') ? file : `${DAV}/${file}`, find, replace }],
    fate: tests(path, test),
  };
}

const PASSED = 'is not passed by what was judged before it';

function undoing(
  name: string,
  [find, replace]: readonly [find: string, replace: string],
  test: string,
  file = 'src/files/second-look.ts',
): Mutant {
  return { name, rule: 'H39', edits: [{ file, find, replace }], fate: tests(LOOK_TESTS, test) };
}

const LOOK_TESTS = 'test/files/second-look.test.ts';
const UNDOING: readonly Mutant[] = [
  undoing(
    'a-change-without-its-second-look',
    [
      'return undo(conditional, change, callback);',
      "return change.key.length > 0 ? callback('kept') : undo(conditional, change, callback);",
    ],
    'is undone where it is barred',
  ),
  undoing(
    'an-undoing-of-what-others-have-made',
    [
      'own === undefined ? NOTHING : { ifMatch: [etagOf(own)] }',
      'own === undefined ? NOTHING : {}',
    ],
    'is left to whoever has changed it again',
  ),
  undoing(
    'a-delete-is-undone-over-what-came-since',
    ['own === undefined ? NOTHING', 'own === undefined ? {}'],
    'is left to whoever has changed it again',
  ),
  undoing(
    'what-is-not-undone-is-said-to-be',
    ["former === undefined ? 'undone' : 'unclear'", "former === undefined ? 'undone' : 'undone'"],
    'is left to whoever has changed it again',
  ),
  undoing(
    'what-nobody-can-look-at-is-acknowledged',
    ["        return callback('unclear');", "        return callback('kept');"],
    'is neither kept nor undone where nobody can look',
  ),
  undoing(
    'a-set-that-forgets-what-was-there',
    ["lookAgain === undefined ? 'put' : 'getset'", "lookAgain === undefined ? 'getset' : 'put'"],
    'is undone where it is barred',
    'src/files/file-record.ts',
  ),
];

export const DAV_MUTANTS: readonly Mutant[] = [
  {
    name: 'a-put-over-whatever-came-since-it-was-judged',
    rule: 'H39',
    edits: [
      {
        file: 'src/frontend/gateways/dav/store.ts',
        find: 'condition: { ...asJudged({ etag }), lookAgain }',
        replace: 'condition: { lookAgain }',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'a-lock-over-whatever-came-since-it-was-judged',
    rule: 'H39',
    edits: [
      {
        file: 'src/files/cluster-files.ts',
        find: 'const condition = { ifMatch: [etagOf(record)], lookAgain };',
        replace: 'const condition = { lookAgain };',
      },
    ],
    fate: SEEDS,
  },
  {
    name: 'a-file-has-a-slash-at-its-end',
    rule: 'RFC 4918, 5.2',
    edits: [
      {
        file: 'src/frontend/gateways/dav/resources.ts',
        find: "(kind === 'file' && !path.endsInSlash)",
        replace: "kind === 'file'",
      },
    ],
    fate: tests(DAV_TESTS, 'a file has no slash at the end'),
  },
  {
    name: 'a-collection-takes-the-lock-of-its-place-away',
    rule: 'RFC 4918, 7.6',
    edits: [
      {
        file: 'src/frontend/gateways/dav/transfer.ts',
        find: 'withLocks(withoutOrigin(attributes), kept)',
        replace: 'withLocks(withoutOrigin(attributes), [])',
      },
    ],
    fate: tests(DAV_TESTS, 'which is locked, keeps its lock'),
  },
  {
    name: 'a-move-goes-on-while-its-old-name-is-written',
    rule: 'FILES.md, COPY, MOVE',
    edits: [
      {
        file: 'src/frontend/gateways/dav/transfer.ts',
        find: 'const next = { ...target, attempts: attempts - 1 };',
        replace: 'const next = { ...target };',
      },
    ],
    fate: tests(DAV_TESTS, 'a MOVE ends though the old name'),
  },
  {
    name: 'a-refresh-has-a-depth',
    rule: 'RFC 4918, 9.10.2',
    edits: [
      {
        file: 'src/frontend/gateways/dav/locking.ts',
        find: "asked.kind === 'new' && usage.depth === '1'",
        replace: "usage.depth === '1'",
      },
    ],
    fate: tests(DAV_TESTS, 'is told, refreshed and taken away'),
  },
  {
    name: 'a-move-of-what-may-not-be-there',
    rule: 'FILES.md, COPY, MOVE',
    edits: [
      {
        file: 'src/frontend/gateways/dav/transfer.ts',
        find: 'context.failures.add({ path: to, kind: self.kind }, code, detail);\n        return',
        replace:
          "context.failures.add({ path: to, kind: self.kind }, code, detail);\n        if (context.moves) return removeRecord(parts, way, context, () => callback('transferred'));\n        return",
      },
    ],
    fate: tests(DAV_TESTS, 'a MOVE whose copy may not be there'),
  },
  mutant(
    'a-lock-of-a-collection-is-over-nothing-in-it',
    'src/files/locks.ts',
    ["...around.filter(({ depth }) => depth === 'infinity')", ''],
    ['of a collection is over all that is in it'],
  ),
  mutant(
    'a-lock-of-a-collection-alone-goes-deep',
    'src/files/locks.ts',
    ["...around.filter(({ depth }) => depth === 'infinity')", '...around'],
    ['of a collection alone is over what is in it by name only'],
  ),
  mutant(
    'anybodys-token-opens-a-lock',
    'src/files/locks.ts',
    ['locks.some(({ token }) => submitted.has(token))', 'submitted.size > 0'],
    ['lets only those change its file who know its token'],
  ),
  mutant(
    'a-lock-that-never-ends',
    'src/files/locks.ts',
    ['expiresAtMs > nowMs', 'expiresAtMs > 0'],
    ['that nobody releases ends by itself'],
  ),
  mutant(
    'a-lock-for-as-long-as-the-client-likes',
    'src/files/locks.ts',
    ['Math.min(Math.max(1, Number(seconds)), LOCK_SECONDS_MAX)', 'Number(seconds)'],
    ['Timeout: ', `${TESTS}/locks.test.ts`],
  ),
  mutant(
    'exclusive-beside-shared',
    'src/files/locks.ts',
    [
      "(scope === 'shared' && locks.every((lock) => lock.scope === scope))",
      "locks.every((lock) => lock.scope === 'shared')",
    ],
    ['may be shared with others that are'],
  ),
  mutant(
    'a-change-of-what-was-modified-since',
    'judgement.ts',
    ['sinceMs, modifiedMs: present.fields?.modifiedMs', 'sinceMs, modifiedMs: undefined'],
    ['is changed only if it was not modified since'],
  ),
  {
    name: 'a-date-counts-beside-an-etag',
    rule: RULE,
    edits: [
      {
        file: 'src/cluster/http/preconditions.ts',
        find: 'if (ifMatch !== undefined || sinceMs === undefined ||',
        replace: 'if (ifMatch === null || sinceMs === undefined ||',
      },
    ],
    fate: tests(DAV_TESTS, 'is changed only if it was not modified since'),
  },
  mutant(
    'a-lock-is-another-etag',
    'src/files/http/content-tag.ts',
    ['etag: contentTagOf(manifest),', 'etag: printVersion(recordVersion(record)),'],
    ['keeps its ETag whoever locks it'],
  ),
  mutant(
    'one-etag-for-all-contents',
    'src/files/http/content-tag.ts',
    ['sha512.slice(0, TAG_DIGITS)', "sha512.slice(0, 0).padEnd(TAG_DIGITS, '0')"],
    ['keeps its ETag whoever locks it'],
  ),
  mutant(
    'a-put-that-looks-for-locks-before-its-body-alone',
    'store.ts',
    ['        confirm,\n', ''],
    ['that is set while a body comes is not passed by it'],
  ),
  mutant(
    'a-put-over-whatever-is-there-by-then',
    'store.ts',
    ['condition: { ...asJudged({ etag }), lookAgain }', 'condition: { lookAgain }'],
    ['that is set in the last moment is not passed either'],
  ),
  mutant(
    'a-put-that-forgets-the-properties',
    'store.ts',
    [
      'withServedHeaders(file?.manifest.attributes, served)',
      'withServedHeaders(undefined, served)',
    ],
    ['are set, found, copied with their resource'],
  ),
  mutant(
    'a-put-that-forgets-what-was-set-meanwhile',
    'store.ts',
    [
      "again.kind === 'refused' ? undefined : setOver(parts, again.way.self, usage, told),",
      "again.kind === 'refused' ? undefined : { ...setOver(parts, again.way.self, usage, told), attributes: way.self.file?.manifest.attributes },",
    ],
    ['is refreshed, and properties are set, while its owner sends a file'],
  ),
  mutant(
    'a-put-over-another-content-than-the-client-knows',
    'store.ts',
    ['first !== undefined && isSameRecord(way.self, first.self)', "first?.self.kind === 'file'"],
    ['of another content that came meanwhile counts'],
  ),
  mutant(
    'a-put-under-a-lock-that-is-gone',
    'store.ts',
    [
      'first !== undefined && isSameRecord(way.self, first.self)',
      'first !== undefined && usage.lists.length > 0',
    ],
    ['is over what another lock is on by then'],
  ),
  mutant(
    'a-file-in-a-collection-that-is-gone',
    'look-around.ts',
    ['isPlaced && isFree', 'isFree'],
    ['that is gone when a file in it is stored keeps none either'],
  ),
  mutant(
    'a-change-that-passes-a-lock-given-since-it-was-judged',
    'look-around.ts',
    ['isPlaced && isFree', 'isPlaced'],
    [PASSED],
  ),
  {
    name: 'a-lock-of-a-collection-that-is-passed',
    rule: RULE,
    edits: [
      {
        file: 'src/frontend/gateways/dav/look-around.ts',
        find: 'isPlaced && isFree',
        replace: 'isPlaced || isFree',
      },
    ],
    fate: SEEDS,
  },
  mutant(
    'a-second-look-at-the-own-collection-alone',
    'look-around.ts',
    [
      'lockRefusal(wayInto(way, self), affected, submitted)',
      'lockRefusal(way, affected, new Set([...submitted, ...way.around.flatMap(({ locks }) => locks.map(({ token }) => token))]))',
    ],
    ['goes no further into what is locked'],
  ),
  mutant(
    'a-second-look-where-nobody-answers-is-clear',
    'look-around.ts',
    ["callback('unclear')", "callback('clear')"],
    ['that nobody can look at once more'],
  ),
  mutant(
    'a-put-that-looks-around-before-alone',
    'store.ts',
    ['condition: { ...asJudged({ etag }), lookAgain }', 'condition: asJudged({ etag })'],
    [PASSED],
  ),
  mutant(
    'a-look-that-began-before-the-change-counts',
    'look-around.ts',
    [
      'for (const callback of callbacks) callback(found);',
      'for (const callback of [...callbacks, ...waiting.splice(0)]) callback(found);',
    ],
    ['a look is for those who came before it began', `${TESTS}/look-around.test.ts`],
  ),
  mutant(
    'a-judgement-from-before-a-long-body-counts',
    'store.ts',
    [
      'isFirst && parts.clock.wallMs() <= freshUntilMs',
      'isFirst || parts.clock.wallMs() < 0 * freshUntilMs',
    ],
    ['once more where its body took long'],
  ),
  mutant(
    'a-collection-that-is-made-in-spite-of-a-lock',
    'store.ts',
    ['{ ...asJudged(NOTHING_THERE), lookAgain }', 'asJudged(NOTHING_THERE)'],
    [PASSED],
  ),
  mutant(
    'a-property-that-is-set-in-spite-of-a-lock',
    'proppatch.ts',
    ['{ key, file, change, lookAgain }', '{ key, file, change }'],
    [PASSED],
  ),
  mutant(
    'a-refusal-believes-one-member',
    'judgement.ts',
    [
      'first.reply.status >= 500) return callback(first);',
      'first.reply.status >= 400) return callback(first);',
    ],
    ['of what only one member has not any more has its effect'],
  ),
  mutant(
    'a-put-believes-one-member',
    'store.ts',
    ['settleRefusal(parts, usage, judge, callback);', 'judge(callback);'],
    ['of what only one member has not any more has its effect'],
  ),
  mutant(
    'a-destination-of-which-one-member-tells',
    'judgement.ts',
    ['const others = [destination, ...tagged', 'const others = [...tagged'],
    ['settles its Destination as well'],
  ),
  mutant(
    'a-refusal-though-nobody-could-tell',
    'judgement.ts',
    [
      "callback({ kind: 'refused', reply: failedReply(failure) }),\n    );\n  });",
      'callback(first),\n    );\n  });',
    ],
    ['is not refused while not all members answer'],
  ),
  mutant(
    'a-delete-that-looks-around-before-alone',
    'removal.ts',
    ['{ ...asJudged(self), lookAgain }', 'asJudged(self)'],
    [PASSED],
  ),
  mutant(
    'a-copy-that-looks-around-before-alone',
    'transfer.ts',
    ['{ ...asJudged(there), lookAgain }', 'asJudged(there)'],
    [PASSED],
  ),
  mutant(
    'a-stopped-move-leaves-its-copy',
    'transfer.ts',
    [
      'return takeBack(parts, { to, copy, former: former?.file }, context, () =>',
      'return attempts < 99 ? callback("failed") : takeBack(parts, { to, copy, former: former?.file }, context, () =>',
    ],
    [PASSED],
  ),
  mutant(
    'a-stopped-move-takes-its-copy-back-under-a-lock',
    'take-back.ts',
    [
      "if (lockRefusal(found.way, 'membership', submitted) !== undefined) return stays(LOCKED);",
      'if (lockRefusal.length < 0) return stays(LOCKED);',
    ],
    ['a MOVE that is stopped leaves its copy where the new name is locked by then'],
  ),
  mutant(
    'what-is-new-is-looked-for-in-its-last-collection-alone',
    'look-around.ts',
    ['isUnbroken(way);', "way.self.kind === 'collection';"],
    ['whose outer collection is deleted meanwhile'],
  ),
  mutant(
    'a-move-that-is-stopped-twice-leaves-its-first-copy',
    'transfer.ts',
    ['former.file === present)', 'former.file !== present || isUndone)'],
    ['is not passed by a MOVE during which it is given, released and given again'],
  ),
  mutant(
    'a-stopped-move-leaves-nothing-in-the-place-of-its-copy',
    'take-back.ts',
    [
      'parts.files.restore({ key, file: former, condition }, ended)',
      'parts.files.delete(key, condition, ended)',
    ],
    [PASSED],
  ),
  mutant(
    'a-stopped-move-takes-back-what-is-no-longer-its-copy',
    'take-back.ts',
    [
      'const condition = { ifMatch: [etagOf(copy.record)], lookAgain };',
      'const condition = etagOf(copy.record) ? { lookAgain } : { lookAgain };',
    ],
    ['a MOVE that is stopped takes back its own copy'],
  ),
  ...UNDOING,
  mutant(
    'a-delete-that-lists-once',
    'removal.ts',
    ["removeEntries(true, () => callback('removed'))", "callback('removed')"],
    ['that is deleted while somebody stores a file in it'],
  ),
  mutant(
    'a-delete-of-a-tree-passes-the-locks-in-it',
    'removal.ts',
    ["lockRefusal(entry, 'membership', context.submitted) !== undefined", 'attempts === 0'],
    ['lets only those change its file who know its token'],
  ),
  mutant(
    'a-walk-that-looks-around-once',
    'tree.ts',
    ['if (batch === undefined || next === batch.end)', 'if (batch === undefined)'],
    ['is deleted no further'],
  ),
  mutant(
    'a-collection-goes-in-spite-of-a-lock-around-it',
    'standing.ts',
    ['callback(isRefused ? LOCKED_MEANWHILE : undefined)', 'callback(undefined)'],
    ['keeps the collection whose last entry is gone'],
  ),
  mutant(
    'a-second-listing-of-another-collection',
    'standing.ts',
    [
      "if (isDeleted && way.self.kind === 'collection')",
      "if (isDeleted && way.self.kind === 'file')",
    ],
    ['leaves the next collection of its name alone'],
  ),
  mutant(
    'a-copy-into-a-place-that-was-locked-while-it-was-emptied',
    'transfer.ts',
    ['late === undefined ? transfer(undefined) : answer(late)', 'transfer(undefined)'],
    ['takes no place that was emptied for it'],
  ),
  mutant(
    'a-move-deletes-what-it-has-not-copied',
    'removal.ts',
    ['{ ...asJudged(self), lookAgain }', '{ lookAgain }'],
    ['a MOVE moves what was written meanwhile as well'],
  ),
  mutant(
    'a-move-takes-the-lock-along',
    'transfer.ts',
    ['attributes: withLocks(attributes, locks)', 'attributes'],
    ['lets only those change its file who know its token'],
  ),
  mutant(
    'a-collection-moves-into-itself',
    'transfer-refusal.ts',
    ['isWithin(destination, self.path)', 'destination === self.path'],
    ['goes neither onto itself'],
  ),
  mutant(
    'a-copy-replaces-what-it-is-in',
    'transfer-refusal.ts',
    ['isWithin(self.path, destination)', 'destination === self.path'],
    ['goes neither onto itself'],
  ),
  mutant(
    'overwrite-f-overwrites',
    'transfer.ts',
    ['!isNew && !goesOn && !usage.overwrites', 'isNew && !usage.overwrites'],
    ['of a file, over another one or not'],
  ),
  mutant(
    'a-source-that-leaves-in-spite-of-its-lock',
    'transfer-refusal.ts',
    ["return moves ? lockRefusal(way, 'membership', submitted) : undefined;", 'return undefined;'],
    ['lets only those change its file who know its token'],
  ),
  mutant(
    'a-lock-that-looks-around-once',
    'locking.ts',
    ['if (over !== undefined) return yieldOrWait(over);', ''],
    ['of a file gives way to one of its collection'],
  ),
  mutant(
    'a-lock-that-looks-below-once',
    'locking.ts',
    ['      if (below !== undefined) return yieldOrWait(below);\n', ''],
    ['of a collection gives way to one in it'],
  ),
  mutant(
    'two-locks-that-both-give-way',
    'locking.ts',
    ['others.every(({ token }) => token > own)', 'false'],
    ['is given to one of two that are asked for at once'],
  ),
  mutant(
    'two-locks-that-wait-for-each-other',
    'locking.ts',
    ['others.every(({ token }) => token > own)', 'true'],
    ['is given to one of two that are asked for at once'],
  ),
  mutant(
    'a-lock-beside-one-that-does-not-give-way',
    'locking.ts',
    [
      'if (!givesWay || looks <= 1) return refuse(refusal);',
      'if (!givesWay) return refuse(refusal);\n    if (looks <= 1) return answer(lockReply(parts, way, 200, lock.token));',
    ],
    ['gives way to one'],
  ),
  mutant(
    'a-lock-over-locked-files',
    'locking.ts',
    ['if (!isCompatible(lock.scope, locks)) {', 'if (locks.length > 99) {'],
    ['of a collection is refused where one of its files is locked'],
  ),
  mutant(
    'a-refused-lock-leaves-its-file',
    'locking.ts',
    ['if (isNew) return parts.files.delete', 'if (key.length === 0) return parts.files.delete'],
    ['of nothing gives way to one of its collection'],
  ),
  mutant(
    'a-property-over-what-somebody-else-has-set',
    'judgement.ts',
    ['return attempts < ATTEMPTS_MAX', 'return attempts > ATTEMPTS_MAX'],
    ['that somebody else sets at the same time are all kept'],
  ),
  mutant(
    'half-of-a-proppatch',
    'proppatch.ts',
    [
      "if (isLive(element)) return refuse(403, 'cannot-modify-protected-property');",
      'if (isLive(element)) continue;',
    ],
    ['are changed all together or not at all'],
  ),
  mutant(
    'an-if-that-holds-with-any-term',
    'if-header.ts',
    ['return terms.every(', 'return terms.some('],
    [': ', `${TESTS}/if-header.test.ts`],
  ),
  mutant(
    'not-means-nothing',
    'if-header.ts',
    ['return holds !== isNegated;', 'return holds;'],
    [': ', `${TESTS}/if-header.test.ts`],
  ),
  mutant(
    'a-document-type-is-read-over',
    'xml/xml-reader.ts',
    [
      "throw new Faulty('it declares a document type or entities, and those are not taken');",
      "return this.#skipTo('>', 2);",
    ],
    ['is refused', `${TESTS}/xml/xml-reader.test.ts`],
  ),
  mutant(
    'xml-of-any-depth',
    'xml/xml-reader.ts',
    ['this.#open.length >= XML_DEPTH_MAX', 'this.#open.length < 0'],
    ['is as deep as it may be', `${TESTS}/xml/xml-reader.test.ts`],
  ),
  mutant(
    'paths-without-end',
    'dav-path.ts',
    ['segments.length > SEGMENTS_MAX', 'segments.length > 1000'],
    ['is refused', `${TESTS}/dav-path.test.ts`],
  ),
  mutant(
    'a-move-that-is-sent-again-deletes-what-it-has-moved',
    'transfer.ts',
    ['if (goesOn) return transfer(target.self.file);', ''],
    ['goes on when it is sent again, as its frontend died'],
  ),
  mutant(
    'a-move-sent-twice-deletes-what-the-other-has-moved',
    'transfer.ts',
    ["if (!isSameRecord(found.way.self, way.self)) return callback('overtaken');", ''],
    ['was sent twice at once loses nothing'],
  ),
  mutant(
    'a-move-never-forgets-where-from',
    'moved-from.ts',
    [
      'const change = { attributes: withoutOrigin(file.manifest.attributes) };',
      'const change = {};',
    ],
    ['says nothing of what is moved to the same name later'],
  ),
  mutant(
    'any-collection-of-the-name-goes-on-with-a-move',
    'moved-from.ts',
    ['fields?.modifiedMs ?? 0', "fields?.modifiedMs ? '' : ''"],
    ['is not taken for a MOVE of another collection'],
  ),
  mutant(
    'a-copy-is-taken-for-a-move',
    'transfer.ts',
    ['withLocks(withoutOrigin(attributes), kept)', 'withLocks(attributes, kept)'],
    ['leaves copies that nobody takes for it'],
  ),
  mutant(
    'a-namespace-of-any-length',
    'xml/xml-reader.ts',
    [
      'if (value.length > XML_NAMESPACE_LENGTH_MAX) throw new Faulty(LONG_NAMESPACE);\n  if (name',
      'if (name',
    ],
    ['namespaces of a bounded length', `${TESTS}/xml/xml-reader.test.ts`],
  ),
  mutant(
    'prefixes-without-end',
    'xml/xml-reader.ts',
    ['outer.size + declared.size > XML_PREFIXES_MAX', 'declared.size > XML_PREFIXES_MAX'],
    ['so many prefixes at one place', `${TESTS}/xml/xml-reader.test.ts`],
  ),
  mutant(
    'names-without-end',
    'property-requests.ts',
    ['if (bytes > NAMES_BYTES_MAX) return false;', ''],
    ['by names that an answer has room for'],
  ),
  mutant(
    'properties-without-end',
    'dead-properties.ts',
    ['this.#all.size <= FILE_ATTRIBUTES_MAX &&', ''],
    ['as many as a record keeps'],
  ),
  mutant(
    'a-property-that-went-takes-its-room-along',
    'dead-properties.ts',
    ['this.#bytes -= entryBytes([key, value]);', ''],
    ['are taken away before they count'],
  ),
  mutant(
    'a-value-loses-its-namespace',
    'xml/xml-writer.ts',
    ['declares(element.namespace, prefix),', ''],
    ['takes along what stands around it', `${TESTS}/xml/xml-reader.test.ts`],
  ),
  mutant(
    'a-listing-that-breaks-off-looks-whole',
    'propfind.ts',
    ["return callback({ kind: 'broken', why: 'failed' })", "return callback({ kind: 'end' })"],
    ['of many entries is listed whole'],
  ),
  mutant(
    'a-name-is-markup',
    'collection-page.ts',
    ['xmlText(name)', 'name'],
    ['is a page for a browser'],
  ),
  mutant(
    'two-dots-are-a-name',
    'dav-path.ts',
    ["text === '.' || text === '..'", "text === '.'"],
    ['is refused', `${TESTS}/dav-path.test.ts`],
  ),
  mutant(
    'a-destination-of-another-server',
    'dav-path.ts',
    ['if (!isServer({ scheme, authority }, hostHeader(request)))', "if (authority === '')"],
    ['is ', `${TESTS}/dav-path.test.ts`],
  ),
  mutant(
    'another-body-than-its-sum',
    'src/files/http/checked-body.ts',
    ['if (sum !== wanted) this.#fault', "if (sum === '') this.#fault"],
    ['has the type and the time that its client says'],
  ),
  mutant(
    'a-digest-that-nobody-looks-at',
    'store.ts',
    ['expected: { md5: sums.md5, sha512: sums.sha512 }', 'expected: { md5: sums.md5 }'],
    ['is what each check sum says that came with it'],
  ),
  mutant(
    'the-first-of-two-digests',
    'src/files/http/upload-sums.ts',
    ['(sums[name] ?? sum) !== sum', "sum === ''"],
    ['those of other kinds are not looked at'],
  ),
  mutant(
    'the-default-port-is-another-server',
    'dav-path.ts',
    ['(port ? Number(port) : otherwise)', '(port ? Number(port) : undefined)'],
    [' at ', `${TESTS}/dav-path.test.ts`],
  ),
  mutant(
    'user-information-is-the-server',
    'dav-path.ts',
    ['(?:[^@]*@)?', ''],
    [' at ', `${TESTS}/dav-path.test.ts`],
  ),
];
