// The Metalink document of a file (RFC 5854): its size, its digests, and where it is. Pure.

import type { WholeReply } from '../../../cluster/http/http.ts';
import { xmlText, xmlValue } from '../dav/xml/xml-writer.ts';
import { type LinkedFile, METALINK_TYPE } from './file-links.ts';

/** @param name that of the file, without its directories */
export function metalinkReply({ fields, urls, tag }: LinkedFile, name: string): WholeReply {
  const { size, sha512, md5 } = fields;
  const body = `<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="${xmlValue(name)}">
    <size>${size}</size>
    <hash type="sha-512">${sha512}</hash>
    <hash type="md5">${md5}</hash>
${urls.map((url, index) => `    <url priority="${index + 1}">${xmlText(url)}</url>\n`).join('')}  </file>
</metalink>
`;
  return {
    status: 200,
    headers: { 'content-type': METALINK_TYPE, 'cache-control': 'no-store', ...tag },
    body,
  };
}
