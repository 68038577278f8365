// The page for people who open a collection with a browser: its entries, sorted, with links to them. It has no scripts, and nothing
// from elsewhere.

import type { HttpReply } from '../../../cluster/http/http.ts';
import { printHttpDate } from '../../../cluster/http/http-date.ts';
import { hrefOf, isRoot, nameTextOf, parentOf } from './dav-path.ts';
import { failedReply } from './dav-replies.ts';
import { listPage } from './listing.ts';
import type { DavParts, Way } from './resources.ts';
import { xmlText, xmlValue } from './xml/xml-writer.ts';

/** Nobody reads more lines than this on one page; PROPFIND lists all. */
const LINES_MAX = 10_000;

const STYLE = `:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.3rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;text-align:left}
td:nth-child(2),th:nth-child(2){text-align:right}td:first-child{overflow-wrap:anywhere}`;

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-cache',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
};

interface PageLine {
  readonly name: string;
  readonly href: string;
  readonly size: string;
  readonly modified: string;
}

export function collectionPage(parts: DavParts, way: Way, reply: (reply: HttpReply) => void): void {
  const lines: PageLine[] = [];
  const take = (page: Parameters<Parameters<typeof listPage>[3]>[0]): void => {
    if (page.kind === 'failed') return reply(failedReply(page));
    lines.push(...page.entries.map(lineOf));
    if (page.next !== undefined && lines.length < LINES_MAX) {
      return listPage(parts, way, page.next, take);
    }
    const isWhole = page.next === undefined;
    return reply({ status: 200, headers: HEADERS, body: pageText(way, lines, isWhole) });
  };
  listPage(parts, way, undefined, take);
}

function lineOf({ self }: Way): PageLine {
  const isCollection = self.kind === 'collection';
  const { fields } = self;
  return {
    name: `${nameTextOf(self.path)}${isCollection ? '/' : ''}`,
    href: hrefOf(self.path, isCollection),
    size: isCollection ? '' : String(fields?.size ?? ''),
    modified: fields === undefined ? '' : printHttpDate(fields.modifiedMs),
  };
}

function pageText({ self }: Way, lines: readonly PageLine[], isWhole: boolean): string {
  const title = xmlText(`${self.path.space.root}/${self.path.segments.map(String).join('/')}`);
  const rows = [...lines]
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(
      ({ name, href, size, modified }) =>
        `<tr><td><a href="${xmlValue(href)}">${xmlText(name)}</a></td><td>${size}</td><td>${modified}</td></tr>`,
    );
  const up = isRoot(self.path)
    ? ''
    : `<p><a href="${xmlValue(hrefOf(parentOf(self.path), true))}">..</a></p>\n`;
  const more = isWhole ? '' : '<p>There are more entries than this page shows.</p>\n';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
${STYLE}
</style>
</head>
<body>
<h1>${title}</h1>
${up}<table>
<tr><th>Name</th><th>Bytes</th><th>Changed</th></tr>
${rows.join('\n')}
</table>
${more}</body>
</html>
`;
}
