// Makes the replies to /livez and /readyz, in the manner of etcd and kube-apiserver: the status is the contract, and
// `?verbose` is for people. Each role adds its own checks.

import { parsePairs } from '../wire/query.ts';
import { OFF, ON } from './common-routes.ts';
import { errorReply } from './errors.ts';
import { type HttpReply, type HttpRequest, queryOf, textReply } from './http.ts';
import type { WorkerAnswer } from './worker-group.ts';

export interface CheckResult {
  readonly name: string;
  /** What is wrong; undefined when the check passes. */
  readonly problem: string | undefined;
  /** A warning leaves the process ready: other processes lack the same, or only a part of the work is affected. */
  readonly isWarning?: boolean;
  /** The check could not be judged, and `problem` says why: it does not pass, but nothing was found wrong either. */
  readonly isUnknown?: boolean;
}

/** @returns what is wrong; why that cannot be judged now; or undefined when the check passes */
export type HealthCheck = () => string | { readonly unknown: string } | undefined;

export function checked(name: string, check: HealthCheck): CheckResult {
  const found = check();
  return typeof found === 'object'
    ? { name, problem: found.unknown, isUnknown: true }
    : { name, problem: found };
}

interface HealthQuery {
  readonly verbose: boolean;
  /** Whether warnings fail the reply as well. */
  readonly complete: boolean;
  readonly excluded: ReadonlySet<string>;
}

export function healthReply(request: HttpRequest, results: readonly CheckResult[]): HttpReply {
  const asked = readQuestion(queryOf(request.target), results);
  if (typeof asked === 'string') return errorReply('bad-parameter', asked);
  const counted = results.filter(({ name }) => !asked.excluded.has(name));
  const fails = ({ problem, isWarning = false }: CheckResult) =>
    problem !== undefined && (asked.complete || !isWarning);
  const isWell = !counted.some(fails);
  const lines = counted.map((result) => {
    const { name, problem, isUnknown } = result;
    if (problem === undefined) return `[+]${name} ok`;
    if (isUnknown === true) return `[?]${name} unknown: ${problem}`;
    return fails(result) ? `[-]${name} failed: ${problem}` : `[!]${name} warning: ${problem}`;
  });
  const summary = isWell ? 'ok' : 'not ready';
  return textReply(
    isWell ? 200 : 503,
    asked.verbose || !isWell ? [...lines, summary].join('\n') : summary,
    isWell ? {} : { 'retry-after': '1' },
  );
}

/** @returns what keeps the process from being ready, each with its check; undefined when nothing does */
export function whyNotReady(results: readonly CheckResult[]): string | undefined {
  const failed = results.filter(({ problem, isWarning = false }) => problem && !isWarning);
  if (failed.length === 0) return undefined;
  // A check that cannot be judged waits for another one that failed.
  const known = failed.filter(({ isUnknown = false }) => !isUnknown);
  const named = known.length === 0 ? failed : known;
  return named.map(({ name, problem }) => `${name}: ${problem}`).join('; ');
}

/** @returns the question, or a text that names the parameters not understood, which must not be silently ignored */
function readQuestion(query: string, results: readonly CheckResult[]): HealthQuery | string {
  const pairs = parsePairs(query);
  if (pairs === undefined) return 'a % in the query is not followed by two hex digits';
  const flags = { verbose: false, complete: false };
  const excluded = new Set<string>();
  const names = results.map(({ name }) => name);
  const strange: string[] = [];
  for (const [name, value] of pairs) {
    const isFlag = name === 'verbose' || name === 'complete';
    if (isFlag && (ON.includes(value) || OFF.includes(value))) flags[name] = ON.includes(value);
    else if (name === 'exclude' && names.includes(value)) excluded.add(value);
    else strange.push(shown(isFlag || name === 'exclude' ? `${name}=${value}` : name));
  }
  if (strange.length === 0) return { ...flags, excluded };
  const checks =
    names.length === 0 ? 'there is no check here' : `the checks are ${names.join(', ')}`;
  return `not understood: ${strange.join(', ')}; there are verbose, complete, and exclude=NAME, as often as needed, and ${checks}`;
}

/** @returns a parameter of the request in a form that fits on a line of the reply */
function shown(text: string): string {
  return text.replace(/[^\w=.:,-]/g, '?').slice(0, 64);
}

/**
 * Combines the checks of all workers that take connections: the frontend is ready when each of them is, because the
 * caller reaches one of them, and the clients that it then sends may reach any. A crashed worker takes no connections,
 * so the others are ready without it.
 */
export function checkedTogether(told: readonly WorkerAnswer[]): readonly CheckResult[] {
  const silent = told.filter(({ answer }) => answer === undefined);
  const results = new Map<string, CheckResult>();
  for (const { worker, answer = [] } of told) {
    for (const { name, problem, ...rest } of answer as readonly CheckResult[]) {
      const known = results.get(name);
      if (known?.problem !== undefined) continue;
      results.set(name, {
        ...rest,
        name,
        problem: problem === undefined ? undefined : `worker ${worker}: ${problem}`,
      });
    }
  }
  const problem =
    silent.length === 0
      ? undefined
      : `no answer of ${silent.map(({ worker }) => `worker ${worker}`).join(', ')}`;
  return [...results.values(), { name: 'workers', problem }];
}
