// What is read of a document, that what is written means the same, and which documents are refused: bombs, entities, depths.

import { describe, expect, test } from 'vitest';
import {
  childOf,
  elementsOf,
  textOf,
  type XmlElement,
} from '../../../../../src/frontend/gateways/dav/xml/xml-element.ts';
import {
  readXml,
  XML_DEPTH_MAX,
  XML_NAMESPACE_LENGTH_MAX,
  XML_PARTS_MAX,
  XML_PREFIXES_MAX,
} from '../../../../../src/frontend/gateways/dav/xml/xml-reader.ts';
import {
  writeElement,
  xmlText,
  xmlValue,
} from '../../../../../src/frontend/gateways/dav/xml/xml-writer.ts';

function elementIn(text: string): XmlElement {
  const read = readXml(Buffer.from(text));
  if ('fault' in read) throw new Error(read.fault);
  return read.element;
}

function faultOf(text: string | Buffer): string {
  const read = readXml(Buffer.from(text));
  return 'fault' in read ? read.fault : 'read';
}

/** The element without what only its notation has: prefixes and declarations. */
function meaning({ namespace, name, attributes, children, language }: XmlElement): unknown {
  return {
    name: `{${namespace}}${name}`,
    language,
    attributes: attributes.map((one) => `{${one.namespace}}${one.name}=${one.value}`),
    children: children.map((child) => (typeof child === 'string' ? child : meaning(child))),
  };
}

describe('a document', () => {
  test('has names with their namespaces, attributes, texts', () => {
    const element = elementIn(
      '\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n<!-- a --><?b c?>\r\n' +
        '<D:a xmlns:D="DAV:" xmlns="urn:x" D:p="1" q=\'"2"\t\'>x<b/>&lt;&#65;&#x1F600;<![CDATA[<&]]>\r\n' +
        '<b xmlns=""><c xml:lang="de"><d/></c></b></D:a>\n<!-- - -->',
    );
    expect(meaning(element)).toEqual({
      name: '{DAV:}a',
      language: undefined,
      attributes: ['{DAV:}p=1', '{}q="2" '],
      children: [
        'x',
        { name: '{urn:x}b', language: undefined, attributes: [], children: [] },
        '<A\u{1F600}',
        '<&',
        '\n',
        {
          name: '{}b',
          language: undefined,
          attributes: [],
          children: [
            {
              name: '{}c',
              language: 'de',
              attributes: ['{http://www.w3.org/XML/1998/namespace}lang=de'],
              children: [{ name: '{}d', language: 'de', attributes: [], children: [] }],
            },
          ],
        },
      ],
    });
    expect(elementsOf(element)).toHaveLength(2);
    expect(childOf(element, 'b')).toBeUndefined();
    expect(textOf(element)).toBe('x<A\u{1F600}<&');
  });

  test.each([
    ['', 'ends before'],
    ['text', 'text outside'],
    ['<a>', 'ends before'],
    ['<a></b>', 'no start tag'],
    ['</a>', 'no start tag'],
    ['<a/><b/>', 'more than one'],
    ['<a/>x', 'text outside'],
    ['<a b></a>', 'no value'],
    ['<a b=c></a>', 'not well-formed'],
    ['<a b="<"/>', 'not well-formed'],
    ['<a b="1"c="2"/>', 'not well-formed'],
    ['<a / >', 'not well-formed'],
    ['<a b="1" b="2"/>', 'two attributes'],
    ['<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>', 'two attributes'],
    ['<a xmlns:p="u" xmlns:p="v"/>', 'twice'],
    ['<p:a/>', 'not declared'],
    ['<a p:b="1"/>', 'not declared'],
    ['<a xmlns:p=""/>', 'for no namespace'],
    ['<a xmlns:xml="u"/>', 'keeps for itself'],
    ['<a xmlns:xmlns="u"/>', 'keeps for itself'],
    ['<a:b:c xmlns:a="u"/>', 'not well-formed'],
    ['<1/>', 'not well-formed'],
    ['<a>&b;</a>', 'an entity'],
    ['<a>&toString;</a>', 'an entity'],
    ['<a>&</a>', 'stands alone'],
    ['<a>&#x110000;</a>', 'for no character'],
    ['<a>&#0;</a>', 'characters'],
    ['<a>&#xD800;</a>', 'characters'],
    ['<a>\u0001</a>', 'characters'],
    ['<a><!-- </a>', 'in the midst'],
    ['<a><![CDATA[ </a>', 'in the midst'],
    ['<?xml version="1.0" encoding="ISO-8859-1"?><a/>', 'not in UTF-8'],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'document type'],
    ['<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 'document type'],
    ['<a><!ENTITY b "c"></a>', 'document type'],
  ])('%s is refused', (text, fault) => {
    expect(faultOf(text)).toContain(fault);
  });

  test('that is no UTF-8 is refused', () => {
    expect(faultOf(Buffer.from('<a>\xff</a>', 'latin1'))).toContain('not in UTF-8');
    expect(faultOf(Buffer.from('\ufeff<a/>', 'utf16le'))).not.toBe('read');
  });

  test('is as deep as it may be, and no deeper; and as large', () => {
    const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth);
    expect(faultOf(nested(XML_DEPTH_MAX))).toBe('read');
    expect(faultOf(nested(XML_DEPTH_MAX + 1))).toContain('deep');
    expect(faultOf('<a>'.repeat(100_000))).toContain('deep');
    expect(faultOf(`<a>${'<b c=""/>'.repeat(XML_PARTS_MAX / 2)}</a>`)).toContain('more than');
    expect(faultOf(`<a>${'<b/>'.repeat(XML_PARTS_MAX - 1)}</a>`)).toBe('read');
  });
});

describe('the names of a document', () => {
  test('have namespaces of a bounded length, by whatever prefix', () => {
    const long = 'u'.repeat(XML_NAMESPACE_LENGTH_MAX);
    for (const declaration of ['xmlns', 'xmlns:p']) {
      expect(faultOf(`<a ${declaration}="${long}"/>`)).toBe('read');
      expect(faultOf(`<a ${declaration}="${long}u"/>`)).toContain('namespace is longer');
    }
  });

  test('have so many prefixes at one place, which each declaration would copy', () => {
    const declared = (count: number) =>
      Array.from({ length: count }, (_, at) => `xmlns:p${at}="u"`).join(' ');
    // Two there are in every document: the default, and xml.
    expect(faultOf(`<a ${declared(XML_PREFIXES_MAX - 2)}><b/></a>`)).toBe('read');
    expect(faultOf(`<a ${declared(XML_PREFIXES_MAX - 2)}><b xmlns:q="u"/></a>`)).toContain(
      'prefixes',
    );
    expect(faultOf(`<a ${declared(XML_PREFIXES_MAX - 1)}/>`)).toContain('prefixes');
  });
});

describe('an element that is written', () => {
  test.each([
    '<a/>',
    '<a xmlns="urn:x" b="1&quot;&#10;&lt;"> &amp; <b xmlns=""/>]]&gt;</a>',
    '<p:a xmlns:p="u" xmlns:q="v" p:x="1" q:x="2"><q:b xmlns:q="w" q:x="3"/><q:b/>p:a</p:a>',
    '<a xml:lang="de"><b xml:lang="en"/></a>',
  ])('%s means the same', (text) => {
    const element = elementIn(text);
    const again = elementIn(writeElement(element));
    expect(meaning(again)).toEqual(meaning(element));
    expect(writeElement(again)).toBe(writeElement(element));
  });

  test('takes along what stands around it', () => {
    const outer = elementIn(
      '<D:o xmlns:D="DAV:" xmlns:p="u" xmlns="d" xml:lang="fr"><p:a><b/></p:a></D:o>',
    );
    const [inner] = elementsOf(outer);
    if (inner === undefined) throw new Error('it has one');
    expect(writeElement(inner)).toBe('<p:a xmlns:p="u" xml:lang="fr"><b xmlns="d"/></p:a>');
    expect(meaning(elementIn(writeElement(inner)))).toMatchObject({ name: '{u}a', language: 'fr' });
  });

  test('keeps a prefix that only its value names', () => {
    const element = elementIn('<a xmlns:q="urn:q">q:name</a>');
    expect(writeElement(element)).toBe('<a xmlns:q="urn:q">q:name</a>');
  });

  test('has no character that XML does not have', () => {
    expect(xmlText('a\u0000<\u{FFFF}>')).toBe('a\u{FFFD}&lt;\u{FFFD}&gt;');
    expect(xmlValue('"\n\u0007')).toBe('&quot;&#10;\u{FFFD}');
  });
});
