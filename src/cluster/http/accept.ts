// Reads the Accept header of a request (RFC 9110, 12.5.1).

/**
 * Whether the client would rather have HTML than plain text, as browsers say and curl does not. A client that takes
 * any type gets plain text.
 */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  return weightOf('text/html', accept) > weightOf('text/plain', accept);
}

/** @returns how much the client wants the type, from 0 to 1; of several ranges that match, the most specific counts */
function weightOf(type: string, accept: string): number {
  const [main = ''] = type.split('/');
  const ranges = [type, `${main}/*`, '*/*'];
  let weight = 0;
  let best = ranges.length;
  for (const part of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    const specificity = ranges.indexOf(range);
    if (specificity < 0 || specificity >= best) continue;
    best = specificity;
    weight = qualityIn(parameters);
  }
  return weight;
}

function qualityIn(parameters: readonly string[]): number {
  const quality = parameters.find((parameter) => parameter.startsWith('q='));
  if (quality === undefined) return 1;
  const value = Number(quality.slice(2));
  return value >= 0 && value <= 1 ? value : 0;
}
