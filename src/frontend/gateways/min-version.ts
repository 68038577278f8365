// Parses `X-Fog-Min-Version`, by which a read demands what is as new as the client knows of already (H21). Pure.

import { type HttpRequest, hostHeader } from '../../cluster/http/http.ts';
import type { RouteParameter } from '../../cluster/http/route-description.ts';
import { parseVersion, VERSION_ZERO, type Version } from '../../cluster/model/version.ts';

const NAME = 'X-Fog-Min-Version';

export const MIN_VERSION: RouteParameter = {
  name: NAME,
  in: 'header',
  text: 'Nothing older is answered: 16 hex digits, as X-Fog-Version has them.',
  schema: { type: 'string', minLength: 16, maxLength: 16 },
};

export const WRONG_MIN_VERSION = `${NAME} is not 16 hex digits in lower case, as X-Fog-Version has them`;

/** @returns undefined where the header is not a version; the lowest one where there is no header */
export function minVersionOf(request: Pick<HttpRequest, 'header'>): Version | undefined {
  const text = request.header('x-fog-min-version');
  return text === undefined ? VERSION_ZERO : parseVersion(text);
}

/** @param target where to ask, as a shell reads it within single quotes @returns a line that is right */
export function minVersionLine(request: Pick<HttpRequest, 'header'>, target: string): string {
  return `curl -H '${NAME}: 0196c6f1f2c40000' 'http://${hostHeader(request)}${target}'`;
}
