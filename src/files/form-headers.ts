// What the headers of a form and of its parts say (RFC 7578): the boundary in Content-Type, the name of a part in
// Content-Disposition. Pure; form-file.ts reads the form.

/** `name=token` or `name="any text"`, behind a semicolon. */
const PARAMETER = /;[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\[\s\S])*)"|([^;\s"]*))[ \t]*/y;
/** RFC 2046, 5.1.1; a space is not its last character. */
const BOUNDARY = /^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/;
/** These say that the content stands as it is. */
const PLAIN_ENCODINGS: readonly string[] = ['', '7bit', '8bit', 'binary'];

export type FormBoundary =
  /** The body is no form, but the content itself. */
  | { readonly kind: 'none' }
  | { readonly kind: 'boundary'; readonly boundary: string }
  /** It says that it is a form, and not where its parts begin. */
  | { readonly kind: 'wrong' };

/** @param contentType the header of a request, one character per byte */
export function boundaryOf(contentType: string | undefined): FormBoundary {
  const [type = '', ...others] = (contentType ?? '').split(/(?=;)/);
  if (type.trim().toLowerCase() !== 'multipart/form-data') return { kind: 'none' };
  const boundary = parametersIn(others.join('')).get('boundary');
  const isBoundary = boundary !== undefined && BOUNDARY.test(boundary);
  return isBoundary ? { kind: 'boundary', boundary } : { kind: 'wrong' };
}

export interface PartDescription {
  /** Undefined for a part that is none of a form. */
  readonly name: string | undefined;
  /** As it stands in `filename*`, or else in `filename`; undefined for a part without either. */
  readonly fileName: string | undefined;
  /** Whether its content is not as it stands (RFC 7578, 4.7: nobody should do that any more). */
  readonly isEncoded: boolean;
}

/** @param head its lines, without the empty one at their end, one character per byte */
export function describePart(head: string): PartDescription {
  let [disposition, encoding] = ['', ''];
  // A line that begins with a space goes on with the one before.
  for (const line of head.replace(/\r\n(?=[ \t])/g, '').split('\r\n')) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).trim();
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (name === 'content-disposition') disposition = value;
    else if (name === 'content-transfer-encoding') encoding = value.toLowerCase();
  }
  const [kind = '', ...others] = disposition.split(/(?=;)/);
  const isOfForm = kind.trim().toLowerCase() === 'form-data';
  const parameters = parametersIn(others.join(''));
  return {
    name: isOfForm ? parameters.get('name') : undefined,
    fileName: parameters.get('filename*') ?? parameters.get('filename'),
    isEncoded: !PLAIN_ENCODINGS.includes(encoding),
  };
}

/** @returns by their names in lower case those up to the first that is not understood; the first one of a name counts */
function parametersIn(text: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  for (;;) {
    const [whole, name = '', quoted, token = ''] = PARAMETER.exec(text) ?? [];
    if (whole === undefined) return parameters;
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted?.replace(/\\([\s\S])/g, '$1') ?? token);
  }
}
