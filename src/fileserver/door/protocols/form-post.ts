// POST of a form (multipart/form-data, RFC 7578): `curl -F file=@FILE`, and a page with a form, whose browser goes on afterwards
// where `redirect` in the query says.

import { brokenBodyReply, errorReply } from '../../../cluster/http/errors.ts';
import { textReply } from '../../../cluster/http/http.ts';
import { openFormFile } from '../../../files/form-file.ts';
import { boundaryOf } from '../../../files/form-headers.ts';
import { readFormRedirect } from '../../../files/http/form-redirect.ts';
import { readUploadHeaders } from '../../../files/http/upload-headers.ts';
import type { UploadProtocol } from './upload-protocol.ts';

/** The part that is the file, also where it has no file name; otherwise the first that has one. */
const FIELD = 'file';

export const FORM_POST: UploadProtocol = {
  name: 'form',
  takes: ({ method }) => method === 'POST',
  read: (request) => {
    if (boundaryOf(request.header('content-type')).kind !== 'boundary') {
      const what =
        'a POST is a form here, multipart/form-data with a boundary, as curl -F file=@FILE sends it; a file as the body is a PUT';
      return { refusal: errorReply('bad-form', what) };
    }
    const redirect = readFormRedirect(request.target);
    if ('fault' in redirect) return { refusal: errorReply('bad-parameter', redirect.fault) };
    const read = readUploadHeaders(request);
    if ('fault' in read) return { refusal: errorReply('bad-parameter', read.fault) };
    // What the headers say is of the form, and not of the file in it.
    const { modifiedMs } = read.told;
    return { told: { contentType: undefined, modifiedMs, sums: {}, served: {} } };
  },
  open: (request, body, callback) => {
    const form = boundaryOf(request.header('content-type'));
    const boundary = form.kind === 'boundary' ? form.boundary : '';
    openFormFile(body, { boundary, field: FIELD, isForOne: true }, (opened) => {
      switch (opened.kind) {
        case 'file':
          return callback({ kind: 'content', content: opened.content });
        case 'wrong': {
          const reply = errorReply('bad-form', `${opened.detail}; nothing was stored`);
          return callback({ kind: 'refused', reply });
        }
        case 'broken':
          return callback({ kind: 'refused', reply: brokenBodyReply(opened.why) });
      }
    });
  },
  stored: ({ target }, { file }) => {
    const redirect = readFormRedirect(target);
    const { size, sha512 } = file.manifest;
    const line = `stored: ${size} bytes, SHA-512 ${sha512}`;
    return 'fault' in redirect || redirect.url === undefined
      ? textReply(201, line)
      : // 303: the browser fetches that page, and does not send the form there.
        textReply(303, line, { location: redirect.url });
  },
};
