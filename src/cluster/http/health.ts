// What /livez and /readyz say, in the manner of etcd and kube-apiserver: the status is the contract, `?verbose`
// is for people. What is checked is each role's.

import { parsePairs } from '../wire/query.ts';
import { errorReply } from './errors.ts';
import { type HttpReply, type HttpRequest, queryOf, textReply } from './http.ts';
import type { WorkerAnswer } from './worker-group.ts';

export interface CheckResult {
  readonly name: string;
  /** Undefined when it is well. */
  readonly problem: string | undefined;
  /** The process is ready all the same: what is missing here is missing elsewhere too, or not all of the work. */
  readonly isWarning?: boolean;
}

interface HealthQuery {
  readonly verbose: boolean;
  /** Warnings count as well. */
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
  const lines = counted.map((result) =>
    result.problem === undefined
      ? `[+]${result.name} ok`
      : `${fails(result) ? '[-]' : '[!]'}${result.name} ${fails(result) ? 'failed' : 'warning'}: ${result.problem}`,
  );
  const summary = isWell ? 'ok' : 'not ready';
  return textReply(
    isWell ? 200 : 503,
    asked.verbose || !isWell ? [...lines, summary].join('\n') : summary,
    isWell ? {} : { 'retry-after': '1' },
  );
}

const ON = ['', '1', 'true', 'yes', 'on'];
const OFF = ['0', 'false', 'no', 'off'];

/** @returns a text that names what is not understood: it must not count as if it had not been said */
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

/** What came from outside, so that it fits a line. */
function shown(text: string): string {
  return text.replace(/[^\w=.:,-]/g, '?').slice(0, 64);
}

/**
 * Ready when every worker that takes connections is: who asks reaches one of them, and whoever it sends here
 * then reaches any. One that crashed takes none, so the others are ready without it.
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
