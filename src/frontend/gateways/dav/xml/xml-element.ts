// The elements of XML documents, as the bodies of WebDAV have them: names with their namespaces, and no more of a document
// than that. xml-reader.ts reads them, xml-writer.ts writes them.

/** The namespace of WebDAV itself. */
export const DAV = 'DAV:';
/** The namespace of `xml:lang`, whose prefix needs no declaration. */
export const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';

export interface XmlName {
  /** Empty where the name is in none. */
  readonly namespace: string;
  /** Without its prefix. */
  readonly name: string;
}

export interface XmlAttribute extends XmlName {
  readonly prefix: string;
  readonly value: string;
}

export interface XmlElement extends XmlName {
  /** Empty where the name has none. Values may name it (QNames), so it is kept. */
  readonly prefix: string;
  /** The namespaces that the element itself declares, by prefix; that of '' is the default one. */
  readonly declared: ReadonlyMap<string, string>;
  readonly attributes: readonly XmlAttribute[];
  /** The `xml:lang` of the element or of the nearest one around it. */
  readonly language: string | undefined;
  readonly children: readonly XmlNode[];
}

export type XmlNode = XmlElement | string;

export function isNamed({ namespace, name }: XmlName, local: string): boolean {
  return namespace === DAV && name === local;
}

export function elementsOf({ children }: XmlElement): readonly XmlElement[] {
  return children.filter((child): child is XmlElement => typeof child !== 'string');
}

/** @returns the first child of that name in the namespace of WebDAV */
export function childOf(element: XmlElement, local: string): XmlElement | undefined {
  return elementsOf(element).find((child) => isNamed(child, local));
}

/** @returns all text of the element and what is in it, without white space at its ends */
export function textOf(element: XmlElement): string {
  const inner = ({ children }: XmlElement): string =>
    children.map((child) => (typeof child === 'string' ? child : inner(child))).join('');
  return inner(element).trim();
}
