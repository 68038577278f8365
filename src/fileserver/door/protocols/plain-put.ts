// PUT as RFC 9110 has it: the body is the file.

import { errorReply } from '../../../cluster/http/errors.ts';
import { encodingRefusal, readUploadHeaders } from '../../../files/http/upload-headers.ts';
import type { UploadProtocol } from './upload-protocol.ts';

export const PLAIN_PUT: UploadProtocol = {
  name: 'put',
  takes: ({ method }) => method === 'PUT',
  read: (request) => {
    if (request.header('content-range') !== undefined) {
      const what = 'a file is stored whole, and Content-Range is of a part; nothing was stored';
      return { refusal: errorReply('bad-parameter', what) };
    }
    const encoded = encodingRefusal(request);
    if (encoded !== undefined) return { refusal: encoded };
    const read = readUploadHeaders(request);
    return 'told' in read ? read : { refusal: errorReply('bad-parameter', read.fault) };
  },
  open: (_request, body, callback) => callback({ kind: 'content', content: body }),
  stored: (_request, { created }) => ({ status: created ? 201 : 204, headers: {}, body: '' }),
};
