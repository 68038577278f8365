// The blob service at its own port, as an interface of the frontend: its routes, and the parts that carry them out. It
// holds no content; who stores and reads is dtfc.ts.

import type { HttpRequest } from '../../../cluster/http/http.ts';
import { rawPathOf } from '../../../cluster/http/http.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import { type ReplyCallback, Routes } from '../../../cluster/http/routes.ts';
import type { WorkerGroup } from '../../../cluster/http/worker-group.ts';
import { type Address, parseAddress } from '../../../cluster/model/identity.ts';
import type {
  FurtherInterface,
  HttpService,
  MediaProbe,
  OperatorFiles,
  RequestTraits,
  Runtime,
} from '../../../cluster/ports.ts';
import { decodePath } from '../../../cluster/wire/query.ts';
import type { FileLayer } from '../../../files/outcomes.ts';
import { DenySwitches } from './deny-switches.ts';
import { DtfcGateway } from './dtfc.ts';
import { NOT_FOUND } from './dtfc-replies.ts';
import { MediaMetadata } from './media-metadata.ts';
import { PeerDeletes } from './peer-deletes.ts';
import { PeerList } from './peer-list.ts';
import { PeerLoads } from './peer-loads.ts';
import { RateLimit } from './rate-limit.ts';

export interface BlobOptions {
  /** Where clients reach it. */
  readonly address: Address;
  readonly operatorFiles: OperatorFiles;
  /** What the paths of the files begin with that switch a method off. */
  readonly denyPrefix?: string | undefined;
  /** The path of the list of peers. */
  readonly peerList?: string | undefined;
  /** The URL by which that list names this frontend. */
  readonly me?: string | undefined;
  /** How many requests a second of one client address are taken; 0, the default, for any number. */
  readonly requestsPerSecond?: number;
  readonly mediaProbe: MediaProbe;
}

/** What it has of its frontend. */
export interface BlobContext {
  readonly files: FileLayer;
  /** Those at the frontend's own port. */
  readonly routes: Routes;
  readonly metrics: Metrics;
  readonly workerGroup: WorkerGroup | undefined;
}

export class BlobInterface implements HttpService, FurtherInterface {
  readonly port: number;
  readonly #routes: Routes;

  constructor(runtime: Runtime, context: BlobContext, options: BlobOptions) {
    const { files, metrics, routes: beside, workerGroup } = context;
    const { address, operatorFiles, denyPrefix, peerList, me } = options;
    this.port = parseAddress(address)?.port ?? 0;
    this.#routes = new Routes('blobs', runtime, metrics, { address, workerGroup, beside });
    const { clock, logger } = runtime;
    const peers = new PeerList({ files: operatorFiles, clock, logger }, peerList, me);
    const deletes = new PeerDeletes({ runtime, files, peers });
    const gateway = new DtfcGateway({
      files,
      clock,
      switches: new DenySwitches(operatorFiles, denyPrefix),
      peers,
      loads: new PeerLoads({ runtime, files, peers }),
      deletes,
      limit: new RateLimit(options.requestsPerSecond ?? 0),
      metadata: new MediaMetadata(options.mediaProbe, address),
    });
    gateway.addTo(this.#routes, metrics);
    metrics.gauge(
      'velourfog_pending_peer_deletes',
      'Deletes at peers of the blob service that were away, to be asked again.',
      () => deletes.pending,
      {},
      'sum',
    );
  }

  get service(): HttpService {
    return this;
  }

  traits(request: Pick<HttpRequest, 'method' | 'target'>): RequestTraits {
    return this.#routes.traits(request);
  }

  handle(request: HttpRequest, reply: ReplyCallback): void {
    // As any path that names no blob: a malformed hash is 404 there, and never 400.
    const isMalformed = decodePath(rawPathOf(request.target)) === undefined;
    if (isMalformed && request.method !== 'PUT') return reply(NOT_FOUND);
    return this.#routes.handle(request, reply);
  }

  accept(): { refused: string } {
    return { refused: 'a frontend takes no streams' };
  }
}
