// Why a form of request is answered otherwise here than by bare node:http or by nginx.

const PIPELINED =
  'Each request is answered, also when its client closes its side behind the last one; the others close after the first answer.';
const DUE_FIRST =
  'What was done is answered before what came behind it is refused; node:http answers the error alone, or nothing.';
const MEANT_FOR_NOBODY = 'The path is the one of streams between storage nodes, here.';
const LATER =
  'HTTP/1.1 is the only version that is spoken, and an answer in it to another one would not be understood.';
const CODING =
  '501 is for codings that are not known; here nobody knows where the body ends, so 400 (6.3).';
const ONE_HOST = '3.2: a server MUST answer 400; node:http takes the first.';
const TOO_MUCH =
  'A body that is too large is refused as what it is; bare node:http knows no limit.';

export const REASONS: Readonly<Record<string, string>> = {
  'authority form': 'Refused in words: this is no proxy. node:http closes without one.',
  'asterisk form': 'OPTIONS * is a request like others; there is nothing at that path.',
  'asterisk form of GET': '3.2.4: the asterisk is for OPTIONS alone.',
  'another scheme':
    'Nothing but http and https can be meant here; the others look at the path alone.',
  'LF alone': '2.2 lets a server take it; it is a means to make two servers see two requests.',
  'HTTP/1.0 that stays open': PIPELINED,
  'HTTP/1.0 that ends':
    '9.6: what comes behind the last answer is not looked at; node:http calls it an error.',
  'HTTP/0.9': LATER,
  'HTTP/1.2': "node:http's parser knows 1.0 and 1.1; nobody sends it.",
  'HTTP/2.0 as a line': LATER,
  'the preface of HTTP/2': LATER,
  'two Hosts': ONE_HOST,
  'two Hosts in two cases': ONE_HOST,
  'an empty Host':
    '3.2: what the client sends where the URL has none; nginx wants a name for its virtual servers.',
  'a Host that is none': ONE_HOST,
  'a second Host behind 1,100 headers': ONE_HOST,
  'an offer and a length behind 1,100 headers':
    'Headers are bounded by their bytes here, not by their number.',
  'headers of 20 KB': '431 is the status for it (RFC 6585); nginx uses 400.',
  'a URL of 20 KB':
    'The parser does not tell whether the target or the headers were too long, so 431 is the answer to both; its text names the way out.',
  'a Content-Length': PIPELINED,
  'none, of a POST': PIPELINED,
  'of a GET': PIPELINED,
  'beyond what is taken': TOO_MUCH,
  chunks: PIPELINED,
  'chunks with extensions and trailers': PIPELINED,
  'chunks of a GET': PIPELINED,
  'chunks of more than is taken': TOO_MUCH,
  'chunks that end too early':
    '8: told, for its client may still read; nginx closes without a word.',
  'gzip and chunks':
    '6.1: a coding that is not known is 501; node:http hands on what it cannot undo.',
  'gzip alone': CODING,
  'a coding that is misspelt': CODING,
  'chunks of HTTP/1.0':
    '6.1: whoever forwards it may not know of chunks, so it is taken for faulty.',
  'a body that ends too early':
    '8: told, for its client may still read; nginx closes without a word.',
  'an offer of h2c, pipelined': PIPELINED,
  'an offer of h2c with a body': PIPELINED,
  'a stream that is refused': MEANT_FOR_NOBODY,
  'a stream of another version': MEANT_FOR_NOBODY,
  'Expect: 100-continue': PIPELINED,
  'Expect: 100-continue behind a set':
    '10.1.1: it is its own turn when the body is asked for; the others ask too early, or never.',
  'Expect: 100-continue of too much':
    '10.1.1: refused before the body is sent; node:http asks for it.',
  'an Expect that is not known': '10.1.1: 417 is for this; nginx ignores it.',
  'gets, pipelined': PIPELINED,
  'the last one, and more':
    '9.6: what comes behind the last answer is not looked at; node:http calls it an error.',
  'a set, then bytes that are no request': DUE_FIRST,
  'a set, then a head that is too large': DUE_FIRST,
  'a set, then no Host, then a set': DUE_FIRST,
  'a set, then a body that ends too early': DUE_FIRST,
  'a set, then CONNECT': DUE_FIRST,
};
