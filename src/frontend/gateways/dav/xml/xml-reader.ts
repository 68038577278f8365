// Reads an XML document into its elements. The bodies of requests come from anybody, so everything is bounded, and there
// are neither document types nor entities of one's own: they are refused, for a few lines of them can stand for gigabytes,
// or for files of this machine. Comments and processing instructions are left out. Pure.

import { XML_NAMESPACE, type XmlAttribute, type XmlElement, type XmlNode } from './xml-element.ts';

/** An element may be inside of so many others. */
export const XML_DEPTH_MAX = 64;
/** So many elements and attributes may be in one document. */
export const XML_PARTS_MAX = 8192;
/** A namespace is written again with each name of an answer. */
export const XML_NAMESPACE_LENGTH_MAX = 1024;
/** So many prefixes may be declared at once: each element that declares one copies those around it. */
export const XML_PREFIXES_MAX = 128;

export type ReadXml =
  | { readonly element: XmlElement }
  /** What is wrong with the document: a sentence without a full stop. */
  | { readonly fault: string };

const START =
  'A-Z_a-z\\u{C0}-\\u{D6}\\u{D8}-\\u{F6}\\u{F8}-\\u{2FF}\\u{370}-\\u{37D}\\u{37F}-\\u{1FFF}\\u{200C}\\u{200D}' +
  '\\u{2070}-\\u{218F}\\u{2C00}-\\u{2FEF}\\u{3001}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFFD}\\u{10000}-\\u{EFFFF}';
const NAME = `[${START}][${START}\\-.0-9\\u{B7}\\u{300}-\\u{36F}\\u{203F}\\u{2040}]*`;
const QNAME = new RegExp(`(?:(${NAME}):)?(${NAME})`, 'uy');
const SPACES = /[ \t\n]*/y;
const QUOTED = /"[^"<]*"|'[^'<]*'/y;
const DECLARATION = /^<\?xml[ \t\n]+version[^?]*\?>/;
const ENCODING = /encoding[ \t\n]*=[ \t\n]*["']([^"']*)["']/;
const ENCODINGS: readonly string[] = ['utf-8', 'utf8', 'us-ascii'];
const NO_CHARACTER = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;
const REFERENCE = /&(?:#(\d{1,8})|#x([0-9a-fA-F]{1,8})|(\w{1,8}));|&/g;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

/** What is wrong with a document; never leaves this file. */
class Faulty extends Error {
  override readonly name = 'Faulty';
}

export function readXml(bytes: Buffer): ReadXml {
  try {
    return { element: new XmlReader(decoded(bytes)).read() };
  } catch (error) {
    if (error instanceof Faulty) return { fault: error.message };
    throw error;
  }
}

function decoded(bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Faulty('it is not in UTF-8');
  }
  if (NO_CHARACTER.test(text)) throw new Faulty('it has characters that XML does not have');
  return text.replace(/\r\n?/g, '\n');
}

/** An element whose end has not come yet. */
interface OpenElement {
  readonly element: Omit<XmlElement, 'children'>;
  readonly tag: string;
  readonly children: XmlNode[];
  /** What each prefix stands for inside of it. */
  readonly scope: ReadonlyMap<string, string>;
}

interface RawAttribute {
  readonly prefix: string;
  readonly name: string;
  readonly value: string;
}

class XmlReader {
  readonly #text: string;
  #at = 0;
  #parts = 0;
  readonly #open: OpenElement[] = [];
  #root: XmlElement | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  read(): XmlElement {
    this.#declaration();
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] === '<') this.#markup();
      else this.#characters();
    }
    if (this.#root === undefined) throw new Faulty('it ends before its elements do');
    return this.#root;
  }

  #declaration(): void {
    const [declaration] = DECLARATION.exec(this.#text) ?? [];
    if (declaration === undefined) return;
    const encoding = ENCODING.exec(declaration)?.[1]?.toLowerCase();
    if (encoding !== undefined && !ENCODINGS.includes(encoding)) {
      throw new Faulty('it says that it is not in UTF-8');
    }
    this.#at = declaration.length;
  }

  #markup(): void {
    const text = this.#text;
    if (text.startsWith('<!--', this.#at)) return this.#skipTo('-->', 4);
    if (text.startsWith('<![CDATA[', this.#at)) return this.#verbatim();
    if (text.startsWith('<!', this.#at)) {
      throw new Faulty('it declares a document type or entities, and those are not taken');
    }
    if (text.startsWith('<?', this.#at)) return this.#skipTo('?>', 2);
    if (text.startsWith('</', this.#at)) return this.#endTag();
    return this.#startTag();
  }

  #skipTo(end: string, from: number): void {
    const at = this.#text.indexOf(end, this.#at + from);
    if (at < 0) throw new Faulty('it ends in the midst of a comment or an instruction');
    this.#at = at + end.length;
  }

  #verbatim(): void {
    const from = this.#at + '<![CDATA['.length;
    const end = this.#text.indexOf(']]>', from);
    if (end < 0) throw new Faulty('it ends in the midst of a CDATA section');
    this.#at = end + 3;
    this.#addText(this.#text.slice(from, end));
  }

  #characters(): void {
    const next = this.#text.indexOf('<', this.#at);
    const end = next < 0 ? this.#text.length : next;
    const text = this.#text.slice(this.#at, end);
    this.#at = end;
    this.#addText(expanded(text));
  }

  #addText(text: string): void {
    const around = this.#open.at(-1);
    if (around !== undefined) around.children.push(text);
    else if (text.trim() !== '') throw new Faulty('it has text outside of its outermost element');
  }

  #startTag(): void {
    if (this.#root !== undefined) throw new Faulty('it has more than one outermost element');
    if (this.#open.length >= XML_DEPTH_MAX) {
      throw new Faulty(`its elements are more than ${XML_DEPTH_MAX} deep in one another`);
    }
    this.#at++;
    const [tag, prefix, name] = this.#name();
    const attributes: RawAttribute[] = [];
    for (;;) {
      const hasSpace = this.#skipSpaces();
      const next = this.#text[this.#at];
      if (next === '>' || next === '/') break;
      if (!hasSpace) throw new Faulty('a tag is not well-formed');
      attributes.push(this.#attribute());
    }
    this.#count(1 + attributes.length);
    const opened = this.#opened({ prefix, name }, attributes);
    this.#open.push({ ...opened, tag, children: [] });
    if (this.#text[this.#at] === '/') {
      if (this.#text[this.#at + 1] !== '>') throw new Faulty('a tag is not well-formed');
      this.#at += 2;
      return this.#close();
    }
    this.#at++;
  }

  #count(parts: number): void {
    this.#parts += parts;
    if (this.#parts > XML_PARTS_MAX) {
      throw new Faulty(`it has more than ${XML_PARTS_MAX} elements and attributes`);
    }
  }

  #endTag(): void {
    this.#at += 2;
    const [tag] = this.#name();
    this.#skipSpaces();
    if (this.#text[this.#at] !== '>') throw new Faulty('a tag is not well-formed');
    this.#at++;
    if (this.#open.at(-1)?.tag !== tag) throw new Faulty('an end tag has no start tag');
    return this.#close();
  }

  #close(): void {
    const last = this.#open.pop();
    if (last === undefined) throw new Faulty('an end tag has no start tag');
    const element = { ...last.element, children: last.children };
    const around = this.#open.at(-1);
    if (around === undefined) this.#root = element;
    else around.children.push(element);
  }

  /** Resolves the names of an element, which its own declarations may be for. */
  #opened(
    { prefix, name }: { readonly prefix: string; readonly name: string },
    raw: readonly RawAttribute[],
  ): Pick<OpenElement, 'element' | 'scope'> {
    const declared = new Map<string, string>();
    const others: RawAttribute[] = [];
    for (const attribute of raw) {
      const declares = declaredPrefix(attribute);
      if (declares === undefined) others.push(attribute);
      else if (declared.has(declares)) throw new Faulty('an element declares a prefix twice');
      else declared.set(declares, attribute.value);
    }
    const around = this.#open.at(-1);
    const outer = around?.scope ?? OUTERMOST;
    if (outer.size + declared.size > XML_PREFIXES_MAX) {
      throw new Faulty(`it declares more than ${XML_PREFIXES_MAX} prefixes at one place`);
    }
    const scope = declared.size === 0 ? outer : new Map([...outer, ...declared]);
    const attributes = others.map(
      (attribute): XmlAttribute => ({
        ...attribute,
        namespace: attribute.prefix === '' ? '' : resolved(scope, attribute.prefix),
      }),
    );
    const names = attributes.map((attribute) => `${attribute.namespace} ${attribute.name}`);
    if (new Set(names).size < names.length) {
      throw new Faulty('an element has two attributes of one name');
    }
    const spoken = attributes.find(
      (attribute) => attribute.namespace === XML_NAMESPACE && attribute.name === 'lang',
    );
    const language = spoken?.value ?? around?.element.language;
    const namespace = resolved(scope, prefix);
    return { element: { namespace, name, prefix, declared, attributes, language }, scope };
  }

  #attribute(): RawAttribute {
    const [, prefix, name] = this.#name();
    this.#skipSpaces();
    if (this.#text[this.#at] !== '=') throw new Faulty('an attribute has no value');
    this.#at++;
    this.#skipSpaces();
    QUOTED.lastIndex = this.#at;
    const [quoted] = QUOTED.exec(this.#text) ?? [];
    if (quoted === undefined) throw new Faulty('the value of an attribute is not well-formed');
    this.#at += quoted.length;
    return { prefix, name, value: expanded(quoted.slice(1, -1).replace(/[\t\n]/g, ' ')) };
  }

  /** @returns the name as it stands, its prefix, and the rest */
  #name(): readonly [whole: string, prefix: string, name: string] {
    QNAME.lastIndex = this.#at;
    const [whole, prefix = '', name = ''] = QNAME.exec(this.#text) ?? [];
    if (whole === undefined) throw new Faulty('a name is not well-formed');
    this.#at += whole.length;
    return [whole, prefix, name];
  }

  #skipSpaces(): boolean {
    SPACES.lastIndex = this.#at;
    const [spaces = ''] = SPACES.exec(this.#text) ?? [];
    this.#at += spaces.length;
    return spaces !== '';
  }
}

const OUTERMOST: ReadonlyMap<string, string> = new Map([
  ['', ''],
  ['xml', XML_NAMESPACE],
]);

const LONG_NAMESPACE = `a namespace is longer than ${XML_NAMESPACE_LENGTH_MAX} characters`;

/** @returns the prefix that the attribute declares, '' for the default; undefined for any other attribute */
function declaredPrefix({ prefix, name, value }: RawAttribute): string | undefined {
  if (prefix === '' && name === 'xmlns') {
    if (value.length > XML_NAMESPACE_LENGTH_MAX) throw new Faulty(LONG_NAMESPACE);
    return '';
  }
  if (prefix !== 'xmlns') return undefined;
  if (value === '') throw new Faulty('a prefix is declared for no namespace');
  if (value.length > XML_NAMESPACE_LENGTH_MAX) throw new Faulty(LONG_NAMESPACE);
  if (name === 'xmlns' || (name === 'xml' && value !== XML_NAMESPACE)) {
    throw new Faulty('a prefix is declared that XML keeps for itself');
  }
  return name;
}

function resolved(scope: ReadonlyMap<string, string>, prefix: string): string {
  const namespace = scope.get(prefix);
  if (namespace === undefined) throw new Faulty('a prefix is not declared');
  return namespace;
}

function expanded(text: string): string {
  if (!text.includes('&')) return text;
  return text.replaceAll(
    REFERENCE,
    (_reference, decimal?: string, hexadecimal?: string, name?: string) => {
      if (name !== undefined) {
        const known = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
        if (known === undefined) throw new Faulty('it refers to an entity that XML does not have');
        return known;
      }
      const code =
        decimal !== undefined
          ? Number.parseInt(decimal, 10)
          : Number.parseInt(hexadecimal ?? '', 16);
      if (!(code <= 0x10ffff)) throw new Faulty('a & stands alone, or for no character');
      const character = String.fromCodePoint(code);
      if (NO_CHARACTER.test(character)) {
        throw new Faulty('it has characters that XML does not have');
      }
      return character;
    },
  );
}
