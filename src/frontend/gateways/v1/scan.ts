// The API of many keys: lists them, and deletes them by their prefix. Parsing is scan-usage.ts's, the operations are the
// coordinator's.

import { errorReply } from '../../../cluster/http/errors.ts';
import type { HttpRequest } from '../../../cluster/http/http.ts';
import type { Metrics } from '../../../cluster/http/metrics.ts';
import type { ReplyCallback, Routes } from '../../../cluster/http/routes.ts';
import { etagOf, printETag } from '../../../cluster/model/condition.ts';
import { type RecordHead, recordValue, type StoredRecord } from '../../../cluster/model/record.ts';
import { VERSION_ZERO } from '../../../cluster/model/version.ts';
import { jsonOfBytes } from '../../../cluster/wire/key-text.ts';
import type { Gateway, GatewayContext } from '../gateway.ts';
import { PrefixDelete } from './prefix-delete.ts';
import { V1_SCAN_ROUTES } from './scan-routes.ts';
import { linesReply, type PageLines, ScanStream, TOO_MANY_SCANS } from './scan-stream.ts';
import { misuseReply, readDelete, readScan } from './scan-usage.ts';

const NO_MAP = 'no cluster map yet';

export class ScanGateway implements Gateway {
  readonly #context: GatewayContext;

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  addTo(routes: Routes, metrics: Metrics): void {
    routes.add(V1_SCAN_ROUTES.scan, (request, reply) => this.#scan(request, reply));
    routes.add(V1_SCAN_ROUTES.deleteByPrefix, (request, reply) => this.#delete(request, reply));
    metrics.gauge(
      'velourfog_scans',
      'Scans under way: exports and deletes by prefix as well.',
      () => this.#context.scanner.underWay,
      {},
      'sum',
    );
  }

  #scan(request: HttpRequest, reply: ReplyCallback): void {
    const { scanner } = this.#context;
    const { digits } = scanner;
    if (digits === undefined) return reply(errorReply('not-ready', NO_MAP));
    const usage = readScan(request, digits);
    if (usage.kind === 'misuse') return reply(misuseReply(request, usage));
    if (scanner.isBusy) return reply(TOO_MANY_SCANS);
    const { prefix, from, limit, bytes, values } = usage;
    const query = { prefix, limit, values, deletes: false, since: VERSION_ZERO };
    const scan = scanner.scan(query, digits, from);
    return scan.next((step) => {
      if (step.kind === 'failed') return reply(errorReply(step.code, step.detail));
      const lines = values ? WITH_VALUES : KEYS_ALONE;
      return reply(linesReply(new ScanStream(scan, step, lines, { digits, bytesMax: bytes })));
    });
  }

  #delete(request: HttpRequest, reply: ReplyCallback): void {
    const { scanner, writer } = this.#context;
    const { digits } = scanner;
    const usage = readDelete(request);
    if (usage.kind === 'misuse') return reply(misuseReply(request, usage));
    if (digits === undefined) return reply(errorReply('not-ready', NO_MAP));
    if (scanner.isBusy) return reply(TOO_MANY_SCANS);
    const query = {
      prefix: usage.prefix,
      limit: Number.POSITIVE_INFINITY,
      values: false,
      deletes: false,
      since: VERSION_ZERO,
    };
    return new PrefixDelete(scanner.scan(query, digits), writer, reply).start();
  }
}

const KEYS_ALONE: PageLines = {
  record: ({ key, head }) => `{"key":${jsonOfBytes(key)},"etag":${jsonETag(head)}}\n`,
  endOfPage: lastCursor,
};

const WITH_VALUES: PageLines = {
  record: ({ key, head }) => {
    const value = jsonOfBytes(recordValue(head as StoredRecord));
    return `{"key":${jsonOfBytes(key)},"etag":${jsonETag(head)},"value":${value}}\n`;
  },
  endOfPage: lastCursor,
};

/** @returns JSON of the ETag */
function jsonETag(head: RecordHead): string {
  return JSON.stringify(printETag(etagOf(head)));
}

function lastCursor(cursor: string | undefined, isLast: boolean): string {
  return isLast && cursor !== undefined ? `${JSON.stringify({ cursor })}\n` : '';
}
