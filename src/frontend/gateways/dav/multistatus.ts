// Writes what WebDAV says of several resources at once (RFC 4918, 13), and the elements of its errors. Pure.

import { DAV, type XmlName } from './xml/xml-element.ts';
import { XML_HEAD, xmlText, xmlValue } from './xml/xml-writer.ts';

/** The statuses that one of several resources or properties may have. */
const STATUS_TEXTS: Readonly<Record<number, string>> = {
  200: 'OK',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  412: 'Precondition Failed',
  414: 'URI Too Long',
  423: 'Locked',
  424: 'Failed Dependency',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  507: 'Insufficient Storage',
};

export const MULTISTATUS_BEGIN = `${XML_HEAD}<D:multistatus xmlns:D="DAV:">\n`;
export const MULTISTATUS_END = '</D:multistatus>\n';

/** @param inner as XML; @returns an element that may stand where `D` is the prefix of WebDAV, and nothing is the default */
export function elementText({ namespace, name }: XmlName, inner = ''): string {
  const [tag, declaration] =
    namespace === DAV
      ? [`D:${name}`, '']
      : namespace === ''
        ? [name, '']
        : [`p:${name}`, ` xmlns:p="${xmlValue(namespace)}"`];
  return inner === '' ? `<${tag}${declaration}/>` : `<${tag}${declaration}>${inner}</${tag}>`;
}

/** Properties that have one fate. */
export interface PropertyStatus {
  readonly status: number;
  /** Elements. */
  readonly properties: readonly string[];
  /** The precondition that does not hold, as the name of an element of WebDAV. */
  readonly violated?: string | undefined;
}

/** @returns what a PROPFIND or PROPPATCH says of one resource; groups without properties are left out */
export function propertiesText(href: string, groups: readonly PropertyStatus[]): string {
  const some = groups.filter(({ properties }) => properties.length > 0);
  const stats = (some.length === 0 ? groups.slice(0, 1) : some).map(
    ({ status, properties, violated }) =>
      `<D:propstat><D:prop>${properties.join('')}</D:prop>${statusText(status)}${violatedText(violated)}</D:propstat>`,
  );
  return `<D:response><D:href>${xmlText(href)}</D:href>${stats.join('')}</D:response>\n`;
}

/** @returns what happened to one resource; @param violated as in PropertyStatus */
export function resourceText(href: string, status: number, violated?: string): string {
  return `<D:response><D:href>${xmlText(href)}</D:href>${statusText(status)}${violatedText(violated)}</D:response>\n`;
}

function statusText(status: number): string {
  return `<D:status>HTTP/1.1 ${status} ${STATUS_TEXTS[status] ?? ''}</D:status>`;
}

function violatedText(violated: string | undefined): string {
  return violated === undefined ? '' : `<D:error><D:${violated}/></D:error>`;
}

/** What people are told of a precondition beside its name, in an element that programs of WebDAV pass over. */
const MESSAGES: Readonly<Record<string, string>> = {
  'propfind-finite-depth':
    'PROPFIND takes Depth: 0 or Depth: 1, and without the header it is infinity',
  'lock-token-submitted': 'it is locked there: send the token of the lock, If: (<TOKEN>)',
  'no-conflicting-lock': 'another lock is there, which this one cannot be beside',
  'lock-token-matches-request-uri': 'no lock with this token is over it',
};

function messageText(violated: string): string {
  const message = MESSAGES[violated];
  if (message === undefined) return '';
  return `<m:message xmlns:m="urn:velour-fog">${xmlText(message)}</m:message>`;
}

/** @returns the body of a refusal: the precondition that does not hold, and the resources that it is about */
export function errorText(violated: string, hrefs: readonly string[] = []): string {
  const inner = hrefs.map((href) => `<D:href>${xmlText(href)}</D:href>`).join('');
  const element = elementText({ namespace: DAV, name: violated }, inner);
  return `${XML_HEAD}<D:error xmlns:D="DAV:">${element}${messageText(violated)}</D:error>\n`;
}
