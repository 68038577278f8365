// Makes the reply to `GET /`: what this process is, and its paths as lines for curl, from the route tables. It is plain
// text for curl, and for browsers a page without scripts and without anything from elsewhere.

import { prefersHtml } from './accept.ts';
import { type ClientRoute, methodsOf } from './client-route.ts';
import { type ReplyHeaders, textReply, type WholeReply } from './http.ts';
import { type Example, type RouteTask, TASKS } from './route-description.ts';

export interface Sheet {
  readonly role: string;
  /** The address of the process, or the one that the client used if the process does not know its own. */
  readonly address: string;
  /** The address that the client used. */
  readonly host: string;
  readonly version: string;
  /** Why the process is not ready; undefined when it is. */
  readonly problem: string | undefined;
  /** What people also have to know here. */
  readonly note: string | undefined;
  readonly routes: readonly ClientRoute[];
}

interface Line {
  /** A command for a shell; methods and path of a route without an example. */
  readonly command: string;
  readonly text: string;
  /** The link of a page to the same request; undefined for a request that a browser cannot make, or must not. */
  readonly link: string | undefined;
}

/** A line longer than this would be wrapped anyway, so its text need not stand under that of the others. */
const ALIGNED_COLUMNS_MAX = 70;

/** Of a cached page the same browser could show the plain text, and the reverse; a proxy must not keep either. */
const NEGOTIATED: ReplyHeaders = { vary: 'accept' };
const PAGE: ReplyHeaders = {
  ...NEGOTIATED,
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
};

export function sheetReply(sheet: Sheet, accept: string | undefined): WholeReply {
  return prefersHtml(accept)
    ? textReply(200, pageOf(sheet), PAGE)
    : textReply(200, textOf(sheet), NEGOTIATED);
}

function textOf(sheet: Sheet): string {
  const lines = [headingOf(sheet), ...(sheet.note === undefined ? [] : [sheet.note])];
  for (const [title, group] of groupsOf(sheet)) {
    const widths = group.map(({ command }) => command.length);
    const width = Math.max(...widths.filter((columns) => columns <= ALIGNED_COLUMNS_MAX), 0);
    lines.push('', title);
    // A shell takes the text behind the # for a comment, so a whole line can be pasted.
    for (const { command, text } of group) lines.push(`  ${command.padEnd(width)}  # ${text}`);
  }
  return lines.join('\n');
}

function headingOf({ role, address, version, problem }: Sheet): string {
  const state = problem === undefined ? 'ready' : `not ready: ${problem}`;
  return `velour-fog ${role} at ${address}, version ${version}, ${state}`.replace(/\s+/g, ' ');
}

function groupsOf({ routes, host }: Sheet): readonly (readonly [string, readonly Line[]])[] {
  return (Object.keys(TASKS) as RouteTask[]).flatMap((task) => {
    const group = routes
      .filter((route) => (route.task ?? 'other') === task)
      .flatMap((route) => linesOf(route, host));
    return group.length === 0 ? [] : [[TASKS[task], group] as const];
  });
}

function linesOf(route: ClientRoute, host: string): readonly Line[] {
  const { examples = [], text, path } = route;
  if (examples.length === 0) {
    return [{ command: `${route.methods.join(', ')} ${path}`, text, link: undefined }];
  }
  return examples.map((example) => ({
    command: curlLine(example, host),
    text: example.text ?? text,
    link: isSafeGet(route, example) ? example.target : undefined,
  }));
}

function curlLine({ target, flags }: Example, host: string): string {
  return `curl ${flags === undefined ? '' : `${flags} `}'http://${host}${target}'`;
}

function isSafeGet(route: ClientRoute, { flags }: Example): boolean {
  // Whatever changes something by GET has no HEAD, and must not be one careless click away.
  return flags === undefined && methodsOf(route).includes('HEAD');
}

const STYLE = `:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:50rem;margin:0 auto;padding:1rem}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin:1.5rem 0 .5rem}
ul{list-style:none;margin:0;padding:0}li{margin:.6rem 0}
code{font:.9rem/1.4 ui-monospace,monospace;overflow-wrap:anywhere;display:block}`;

function pageOf(sheet: Sheet): string {
  const heading = escaped(headingOf(sheet));
  const sections = groupsOf(sheet).map(
    ([title, group]) => `<h2>${escaped(title)}</h2>
<ul>
${group.map(itemOf).join('\n')}
</ul>`,
  );
  const note = sheet.note === undefined ? '' : `<p>${escaped(sheet.note)}</p>\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(`velour-fog ${sheet.role} ${sheet.address}`)}</title>
<style>
${STYLE}
</style>
</head>
<body>
<h1>${heading}</h1>
${note}${sections.join('\n')}
</body>
</html>`;
}

function itemOf({ command, text, link }: Line): string {
  const code = escaped(command);
  const shown = link === undefined ? code : `<a href="${escaped(link)}">${code}</a>`;
  return `<li><code>${shown}</code>${escaped(text)}</li>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
