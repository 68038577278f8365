// What /livez and /readyz say, in the manner of etcd and kube-apiserver: the status is the contract, `?verbose`
// is for people. What is checked is each role's.

import { type HttpReply, type HttpRequest, queryOf, textReply } from './http.ts';
import { parseQuery } from './query.ts';
import type { Told } from './siblings.ts';

export interface CheckResult {
  readonly name: string;
  /** Undefined when it is well. */
  readonly problem: string | undefined;
}

export function healthReply(request: HttpRequest, results: readonly CheckResult[]): HttpReply {
  const query = parseQuery(queryOf(request.target));
  const parameters = query.kind === 'query' ? query.parameters : new Map<string, Buffer>();
  const excluded = parameters.get('exclude')?.toString('latin1');
  const counted = results.filter(({ name }) => name !== excluded);
  const isWell = counted.every(({ problem }) => problem === undefined);
  const lines = counted.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  );
  const summary = isWell ? 'ok' : 'not ready';
  return textReply(
    isWell ? 200 : 503,
    parameters.has('verbose') || !isWell ? [...lines, summary].join('\n') : summary,
    isWell ? {} : { 'retry-after': '1' },
  );
}

/**
 * Ready when every worker that takes connections is: who asks reaches one of them, and whoever it sends here
 * then reaches any. One that crashed takes none, so the others are ready without it.
 */
export function checkedTogether(told: readonly Told[]): readonly CheckResult[] {
  const silent = told.filter(({ answer }) => answer === undefined);
  const results = new Map<string, CheckResult>();
  for (const { worker, answer = [] } of told) {
    for (const { name, problem } of answer as readonly CheckResult[]) {
      const known = results.get(name);
      if (known?.problem !== undefined) continue;
      results.set(name, {
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
