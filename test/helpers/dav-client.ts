// A client of WebDAV for tests: one request, one answer, nothing repeated, and methods that HTTP itself does not have.

import { request } from 'undici';
import type { Answer } from './client.ts';

/** The body of a LOCK that asks for an exclusive one. @param owner XML, by which it is told from others */
export function lockInfo(owner = ''): string {
  const ownerXml = owner === '' ? '' : `<D:owner>${owner}</D:owner>`;
  return `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>${ownerXml}</D:lockinfo>`;
}

export async function dav(
  address: string,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): Promise<Answer> {
  const reply = await request(`http://${address}${path}`, {
    method: method as 'GET',
    headers,
    ...(body.length === 0 ? {} : { body }),
  });
  const bytes = Buffer.from(await reply.body.arrayBuffer());
  return { status: reply.statusCode, headers: reply.headers, bytes, text: bytes.toString() };
}
