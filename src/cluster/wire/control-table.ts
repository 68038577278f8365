// Every control message between the roles, one entry each. Processes exchange them as frames on a stream
// (peers/control-client.ts); `curl` and the operator's commands send the same messages by plain HTTP
// (http/control-routes.ts).

import type { ErrorCode } from '../http/errors.ts';
import {
  accepted,
  acceptLossReply,
  acceptLossRequest,
  deathRequest,
  fetchRequest,
  forgetReply,
  goodbyeRequest,
  grantReply,
  grantRequest,
  heartbeatReply,
  heartbeatRequest,
  joinFileServerReply,
  joinFileServerRequest,
  mapPush,
  mapPushReply,
  mapReply,
  nodeRequest,
  planReply,
  planRequest,
  pollRequest,
  prepareReply,
  prepareRequest,
  registerReply,
  registerRequest,
  reportRequest,
} from './control-messages.ts';
import type { Shape } from './shapes.ts';

/** The reply to a message that was understood and is refused. */
export class Refused {
  readonly error: ErrorCode;
  readonly detail: string;

  constructor(error: ErrorCode, detail: string) {
    this.error = error;
    this.detail = detail;
  }
}

export type Parameters = ReadonlyMap<string, Buffer>;

/** The plain HTTP form of a message: JSON in the body of a POST, or the query of a GET. */
export type HttpForm =
  | { readonly method: 'POST'; readonly path: string }
  | {
      readonly method: 'GET';
      readonly path: string;
      /** @returns the value that is then checked against the message's shape */
      readonly parse: (parameters: Parameters) => unknown;
    };

export interface ControlKind<Request, Reply> {
  /** The first byte of the message's frame. A code that was ever used is never given to another message. */
  readonly code: number;
  readonly http: HttpForm;
  readonly request: Shape<Request>;
  readonly reply: Shape<Reply>;
}

function posted<Request, Reply>(
  code: number,
  path: string,
  request: Shape<Request>,
  reply: Shape<Reply>,
): ControlKind<Request, Reply> {
  return { code, http: { method: 'POST', path }, request, reply };
}

function asked<Request, Reply>(
  code: number,
  { path, parse }: { path: string; parse: (parameters: Parameters) => unknown },
  request: Shape<Request>,
  reply: Shape<Reply>,
): ControlKind<Request, Reply> {
  return { code, http: { method: 'GET', path, parse }, request, reply };
}

const CONTROLLER_MAP = {
  path: '/c/map',
  parse: (parameters: Parameters) => ({
    since: textOf(parameters, 'since'),
    waitMs: wholeOf(parameters, 'wait'),
    timeScale: numberOf(parameters, 'timeScale'),
    deltas: parameters.has('deltas'),
    frontend: textOf(parameters, 'frontend'),
  }),
};
const STORAGE_MAP = {
  path: '/s/map',
  parse: (parameters: Parameters) => ({ since: textOf(parameters, 'since') }),
};
const PLAN = {
  path: '/c/admin/plan',
  parse: (parameters: Parameters) => ({
    add: numberOf(parameters, 'add'),
    drain: textOf(parameters, 'drain'),
  }),
};

export const CONTROL = {
  register: posted(1, '/c/register', registerRequest, registerReply),
  heartbeat: posted(2, '/c/heartbeat', heartbeatRequest, heartbeatReply),
  goodbye: posted(3, '/c/goodbye', goodbyeRequest, accepted),
  death: posted(4, '/c/death', deathRequest, accepted),
  report: posted(5, '/c/report', reportRequest, accepted),
  pollMap: asked(6, CONTROLLER_MAP, pollRequest, mapReply),
  pushMap: posted(7, STORAGE_MAP.path, mapPush, mapPushReply),
  fetchMap: asked(8, STORAGE_MAP, fetchRequest, mapReply),
  grant: posted(9, '/s/grant', grantRequest, grantReply),
  prepare: posted(10, '/s/prepare', prepareRequest, prepareReply),
  drain: posted(11, '/c/admin/drain', nodeRequest, accepted),
  undrain: posted(12, '/c/admin/undrain', nodeRequest, accepted),
  remove: posted(13, '/c/admin/remove', nodeRequest, accepted),
  forget: posted(14, '/c/admin/forget', nodeRequest, forgetReply),
  acceptLoss: posted(15, '/c/admin/accept-loss', acceptLossRequest, acceptLossReply),
  plan: asked(16, PLAN, planRequest, planReply),
  joinFileServer: posted(17, '/c/join-file-server', joinFileServerRequest, joinFileServerReply),
} as const;

function textOf(parameters: Parameters, name: string): string | undefined {
  return parameters.get(name)?.toString('latin1');
}

function numberOf(parameters: Parameters, name: string): number | undefined {
  const said = textOf(parameters, name);
  return said === undefined ? undefined : Number(said);
}

/** @returns undefined also for a text that is not a number: the reply to such a poll then comes at once */
function wholeOf(parameters: Parameters, name: string): number | undefined {
  const said = numberOf(parameters, name);
  if (said === undefined || !Number.isFinite(said) || said < 0) return undefined;
  return Math.min(Math.floor(said), Number.MAX_SAFE_INTEGER);
}
