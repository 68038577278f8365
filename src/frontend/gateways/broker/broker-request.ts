// A request to a broker whose Host and path were read.

import type { HttpRequest } from '../../../cluster/http/http.ts';
import type { ReplyCallback } from '../../../cluster/http/routes.ts';
import type { DavPath } from '../dav/dav-path.ts';
import type { BrokerDomain } from './config/broker-config.ts';

export interface BrokerRequest {
  readonly request: HttpRequest;
  /** That of its Host. */
  readonly domain: BrokerDomain;
  /** In the tree of the domain. */
  readonly path: DavPath;
  readonly reply: ReplyCallback;
}
