// The API that carries records from one cluster to another: exports them as lines of JSON, and imports such lines.

import { assert } from '../../../../cluster/assert.ts';
import { errorReply } from '../../../../cluster/http/errors.ts';
import type { HttpRequest } from '../../../../cluster/http/http.ts';
import type { ReplyCallback, Routes } from '../../../../cluster/http/routes.ts';
import { IMPORTS_MAX, LINE_BYTES_CEILING } from '../../../../cluster/model/limits.ts';
import type { StoredRecord } from '../../../../cluster/model/record.ts';
import type { Gateway, GatewayContext } from '../../gateway.ts';
import { linesReply, type PageLines, ScanStream, TOO_MANY_SCANS } from '../scan-stream.ts';
import { misuseReply } from '../scan-usage.ts';
import { Import } from './import.ts';
import { LineReader } from './line-reader.ts';
import { printRecordLine } from './record-line.ts';
import { V1_TRANSFER_ROUTES } from './transfer-routes.ts';
import { readExport, readImport } from './transfer-usage.ts';

const NO_MAP = 'no cluster map yet';
/** What a line has besides its value, at the most: a key of control characters, and attributes. */
const LINE_BYTES_BESIDES = 32 * 1024;

export class TransferGateway implements Gateway {
  readonly #context: GatewayContext;
  #imports = 0;

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  addTo(routes: Routes): void {
    routes.add(V1_TRANSFER_ROUTES.export, (request, reply) => this.#export(request, reply));
    routes.add(V1_TRANSFER_ROUTES.import, (request, reply) => this.#import(request, reply));
  }

  #export(request: HttpRequest, reply: ReplyCallback): void {
    const { scanner } = this.#context;
    const { digits } = scanner;
    if (digits === undefined) return reply(errorReply('not-ready', NO_MAP));
    const usage = readExport(request, digits);
    if (usage.kind === 'misuse') return reply(misuseReply(request, usage));
    if (scanner.isBusy) return reply(TOO_MANY_SCANS);
    const { prefix, from, since, deletes } = usage;
    const query = { prefix, since, deletes, values: true, limit: Number.POSITIVE_INFINITY };
    const scan = scanner.scan(query, digits, from);
    return scan.next((step) => {
      if (step.kind === 'failed') return reply(errorReply(step.code, step.detail));
      return reply(linesReply(new ScanStream(scan, step, EXPORTED, { digits })));
    });
  }

  #import(request: HttpRequest, reply: ReplyCallback): void {
    const { writer, versionedWriter, clock, valueBytesMax } = this.#context;
    const usage = readImport(request);
    if (usage.kind === 'misuse') return reply(misuseReply(request, usage));
    if (!this.#context.hasMap()) return reply(errorReply('not-ready', NO_MAP));
    const { body } = request;
    if (body.kind === 'none') {
      return reply(errorReply('bad-line', 'the request has no body; nothing was stored'));
    }
    assert(body.kind === 'stream', 'the body of an import is read piece by piece');
    if (this.#imports >= IMPORTS_MAX) {
      return reply(errorReply('overloaded', 'too many imports are under way at this frontend'));
    }
    this.#imports++;
    const ended: ReplyCallback = (answer) => {
      this.#imports--;
      reply(answer);
    };
    const lineBytesMax = Math.min(2 * valueBytesMax + LINE_BYTES_BESIDES, LINE_BYTES_CEILING);
    const lines = new LineReader(body.stream, lineBytesMax);
    const parts = { writer, versionedWriter, wallMs: () => clock.wallMs() };
    return new Import(parts, lines, usage.asNew, ended).start();
  }
}

/** The cursor behind each page lets a cut export go on; `null` says that this is all. */
const EXPORTED: PageLines = {
  record: ({ key, head }) => printRecordLine(key, head as StoredRecord),
  endOfPage: (cursor) => `${JSON.stringify({ cursor: cursor ?? null })}\n`,
};
