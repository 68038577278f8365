// A request to a broker whose Host and path were read.

import { type HttpRequest, hostHeader } from '../../../cluster/http/http.ts';
import type { ReplyCallback } from '../../../cluster/http/routes.ts';
import { type DavPath, hrefOf } from '../dav/dav-path.ts';
import type { BrokerDomain } from './config/broker-config.ts';

export interface BrokerRequest {
  readonly request: HttpRequest;
  /** That of its Host. */
  readonly domain: BrokerDomain;
  /** In the tree of the domain. */
  readonly path: DavPath;
  readonly reply: ReplyCallback;
}

/**
 * @returns the URL of the file, without a query. Its path is written anew: what a client puts into its target may end a header's URL
 *   early, and say something of its own behind that
 */
export function urlOf({ request, path }: Pick<BrokerRequest, 'request' | 'path'>): string {
  return `http://${hostHeader(request)}${hrefOf(path, false)}`;
}
