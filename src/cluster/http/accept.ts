// Reads the Accept header of a request (RFC 9110, 12.5.1).

const JSON_TYPES: readonly string[] = ['application/problem+json', 'application/json'];

/**
 * Whether the client would rather have HTML than plain text, as browsers say and curl does not. A client that takes
 * any type gets plain text.
 */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const ranges = rangesIn(accept);
  return weightOf('text/html', ranges) > weightOf('text/plain', ranges);
}

/** Whether JSON is named, and wanted no less than plain text: whoever takes anything is a person at a prompt. */
export function prefersJson(accept: string | undefined): boolean {
  if (accept?.toLowerCase().includes('json') !== true) return false;
  const ranges = rangesIn(accept);
  const json = Math.max(...JSON_TYPES.map((type) => ranges.get(type) ?? 0));
  return json > 0 && json >= weightOf('text/plain', ranges);
}

/** How much each range is wanted, from 0 to 1. */
type Ranges = ReadonlyMap<string, number>;

function rangesIn(accept: string): Ranges {
  const ranges = new Map<string, number>();
  for (const part of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    if (!ranges.has(range)) ranges.set(range, qualityIn(parameters));
  }
  return ranges;
}

/** @returns how much the client wants the type; of several ranges that match, the most specific counts */
function weightOf(type: string, ranges: Ranges): number {
  const [main = ''] = type.split('/');
  const names = [type, `${main}/*`, '*/*'];
  const named = names.find((name) => ranges.has(name));
  return named === undefined ? 0 : (ranges.get(named) ?? 0);
}

function qualityIn(parameters: readonly string[]): number {
  const quality = parameters.find((parameter) => parameter.startsWith('q='));
  if (quality === undefined) return 1;
  const value = Number(quality.slice(2));
  return value >= 0 && value <= 1 ? value : 0;
}
