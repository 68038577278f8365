// PUT as clients of WebDAV send it, ownCloud's among them: with a date and a check sum in headers of their own, of which they want to hear
// that they were taken. Locks are judged for every protocol (files/tickets/ticketed-put.ts).

import { contentTagOf } from '../../../files/http/content-tag.ts';
import { PLAIN_PUT } from './plain-put.ts';
import type { UploadProtocol } from './upload-protocol.ts';

/** Only clients of WebDAV send one of these. */
const HEADERS: readonly string[] = ['x-oc-mtime', 'oc-checksum', 'oc-total-length', 'if'];

export const WEBDAV_PUT: UploadProtocol = {
  ...PLAIN_PUT,
  name: 'webdav',
  takes: (request) =>
    request.method === 'PUT' && HEADERS.some((name) => request.header(name) !== undefined),
  stored: (request, stored) => {
    const { headers, ...reply } = PLAIN_PUT.stored(request, stored);
    const { modifiedMs } = stored.told;
    return {
      ...reply,
      headers: {
        ...headers,
        'oc-etag': contentTagOf(stored.file.manifest),
        ...(modifiedMs === undefined ? {} : { 'x-oc-mtime': 'accepted' }),
      },
    };
  },
};
