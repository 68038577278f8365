// A run as one page that needs nothing else: no script, no other file, no network. All plotted numbers are in tables as
// well, for readers who cannot see the plots or who want the numbers.

import {
  type Context,
  type Latency,
  type LoadResult,
  type OperationResult,
  total,
} from '../result.ts';
import {
  describeLateness,
  describeParameters,
  describeVerification,
  notesOn,
  printCount,
  printMs,
  printSeconds,
} from '../words.ts';
import { escaped, plotOf } from './plot.ts';
import { percentilePlot, type Span, spansOf, timePlots } from './plots.ts';
import { STYLE } from './style.ts';

/** The page's own policy forbids loading anything, and browsers enforce it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";
const LATENCY_COLUMNS = ['mean', 'p50', 'p90', 'p99', 'p99.9', 'max'];
const SHOWN_PERCENTILES = [50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999, 100];

export function pageOf(result: LoadResult, context: Context): string {
  const { parameters, timeline, seconds } = result;
  const title = `velour load: workload ${parameters.workload.toUpperCase()}, ${parameters.frontends.join(', ')}`;
  const spans = spansOf(timeline);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escaped(title)}</title>
<style>
${STYLE}
</style>
</head>
<body>
<main>
<header>
<h1>Workload ${parameters.workload.toUpperCase()} on ${escaped(parameters.frontends.join(', '))}</h1>
<p class="soft">${escaped(context.startedAt)}, ${printSeconds(seconds)} measured</p>
</header>
${tilesOf(result)}
${notesOf(result, context)}
${operationsOf(result)}
${latencyOf(result)}
${timeOf(spans, seconds)}
${errorsOf(result, spans)}
${parametersOf(result)}
<footer>Written by velour load. ${explanationOf(result)}</footer>
</main>
</body>
</html>
`;
}

function tilesOf(result: LoadResult): string {
  const { all, fill, violations, parameters } = result;
  // If nothing was measured, zero errors are nothing good.
  const isMeasured = fill === null || fill.problem === null;
  const errors = total(all.errors);
  const broken = total(violations);
  const verified = parameters.verify && result.verifiedReads > 0 ? printCount(broken) : '-';
  const tile = (value: string, name: string, style = '') =>
    `<div class="tile"><b class="${style}">${escaped(value)}</b><span>${escaped(name)}</span></div>`;
  return `<section class="tiles" aria-label="In short">
${tile(printCount(all.perSecond), 'operations/s')}
${tile(printMs(all.latencyMs?.p50), 'median latency')}
${tile(printMs(all.latencyMs?.p99), '99th percentile')}
${tile(printMs(all.latencyMs?.p999), '99.9th percentile')}
${tile(isMeasured ? printCount(errors) : 'fill failed', `error${errors === 1 ? '' : 's'}`, isMeasured && errors === 0 ? 'good' : 'bad')}
${tile(verified, `broken promise${broken === 1 ? '' : 's'}`, broken > 0 ? 'bad' : verified === '-' ? '' : 'good')}
</section>`;
}

function notesOf(result: LoadResult, context: Context): string {
  const verification = `<p class="${total(result.violations) > 0 ? 'bad' : ''}">${escaped(capital(describeVerification(result)))}.</p>`;
  const notes = notesOn(result, context).map((note) => `<p>${escaped(note)}</p>`);
  const examples = result.violationExamples.map((example) => `<li>${escaped(example)}</li>`);
  const list = examples.length === 0 ? '' : `<ul>${examples.join('')}</ul>`;
  return `<section class="card"><h2>What to know</h2>
${[...notes, verification].join('\n')}
${list}</section>`;
}

function operationsOf({ operations, all }: LoadResult): string {
  const kinds = Object.entries(operations);
  if (kinds.length === 0) return '';
  const rows = kinds.flatMap(([kind, operation]) => rowsOf(kind, operation));
  if (kinds.length > 1) rows.push(...rowsOf('all', all));
  const head = ['operation', 'count', 'per s', ...LATENCY_COLUMNS, 'errors'];
  return `<section class="card"><h2>Operations</h2><div class="scroll">
${tableOf({ head, rows, wide: true })}
</div></section>`;
}

function rowsOf(kind: string, operation: OperationResult): string[][] {
  const { count, perSecond, latencyMs, serviceMs, errors } = operation;
  const cells = [kind, printCount(count), printCount(perSecond), ...latencyCells(latencyMs)];
  const rows = [[...cells, printCount(total(errors))]];
  if (serviceMs !== null)
    rows.push([`${UNDER}service time`, '', '', ...latencyCells(serviceMs), '']);
  return rows;
}

function latencyCells(latency: Latency | null): string[] {
  const { mean, p50, p90, p99, p999, max } = latency ?? {};
  return [mean, p50, p90, p99, p999, max].map(printMs);
}

function latencyOf(result: LoadResult): string {
  const { latencyPercentilesMs, servicePercentilesMs } = result;
  if (latencyPercentilesMs.length === 0) return '';
  const isOpen = servicePercentilesMs.length > 0;
  const largest = latencyPercentilesMs.at(-2)?.[0] ?? 100;
  const rows = SHOWN_PERCENTILES.filter((percent) => percent === 100 || percent <= largest).map(
    (percent) => {
      const of = (points: LoadResult['latencyPercentilesMs']) =>
        printMs(points.find(([at]) => at >= percent)?.[1]);
      const name = percent === 100 ? 'slowest' : `${percent} %`;
      return [name, of(latencyPercentilesMs), ...(isOpen ? [of(servicePercentilesMs)] : [])];
    },
  );
  const head = ['within', 'latency', ...(isOpen ? ['service time'] : [])];
  return `<section class="card"><h2>Latency by percentile</h2>
<p class="soft">${isOpen ? `From the time at which each request was to be sent, and from when it was. ${describeLateness(result) ?? ''}` : 'From sending to the whole answer.'}</p>
<div class="aside"><div>${plotOf(percentilePlot(result))}</div><div>${tableOf({ head, rows })}</div></div></section>`;
}

function timeOf(spans: readonly Span[], seconds: number): string {
  if (spans.length === 0) return '';
  const card = (title: string, text: string, body: string) =>
    `<section class="card"><h2>${title}</h2><p class="soft">${text}</p>${body}</section>`;
  const { throughput, latency } = timePlots(spans, seconds);
  const unit = unitOf(spans);
  return `<div class="pair">
${card('Throughput', `Operations answered in ${unit}.`, plotOf(throughput))}
${card('Latency over time', `Of what ended in ${unit}: median and 99th percentile.`, plotOf(latency))}
</div>`;
}

function errorsOf({ operations, all, seconds }: LoadResult, spans: readonly Span[]): string {
  if (spans.length === 0) return '';
  const rows = Object.entries(operations).flatMap(([kind, operation]) =>
    Object.entries(operation.errors).map(([error, times]) => [kind, error, printCount(times)]),
  );
  const table = tableOf({ head: ['operation', 'error', 'count'], rows });
  const body =
    total(all.errors) === 0
      ? '<p class="soft">None.</p>'
      : `<p class="soft">Operations that failed or were never sent, in ${unitOf(spans)}.</p>
<div class="aside"><div>${plotOf(timePlots(spans, seconds).errors)}</div><div>${table}</div></div>`;
  return `<section class="card"><h2>Errors</h2>
${body}
<details><summary>Throughput, latency and errors as a table</summary><div class="scroll">
${tableOf({ head: ['second', 'operations/s', 'p50', 'p99', 'errors/s'], rows: spans.map(rowOf) })}
</div></details></section>`;
}

function rowOf(span: Span): string[] {
  const { fromSecond, countPerSecond, p50Ms, p99Ms, errorsPerSecond } = span;
  const [perSecond, errors] = [printCount(countPerSecond), printCount(errorsPerSecond)];
  return [String(fromSecond), perSecond, printMs(p50Ms), printMs(p99Ms), errors];
}

function unitOf(spans: readonly Span[]): string {
  const seconds = spans[0]?.seconds ?? 1;
  return seconds === 1 ? 'each second' : `each ${seconds} seconds`;
}

function parametersOf({ parameters, fill }: LoadResult): string {
  const pairs = [...describeParameters(parameters)];
  if (fill !== null) {
    const retried = Object.entries(fill.errors).map(([error, times]) => `${times} ${error}`);
    const after = retried.length === 0 ? '' : `; failed tries: ${retried.join(', ')}`;
    pairs.push([
      'fill',
      `${printCount(fill.stored)} records in ${printSeconds(fill.seconds)}${after}`,
    ]);
  }
  const entries = pairs.map(([name, what]) => `<dt>${escaped(name)}</dt><dd>${escaped(what)}</dd>`);
  return `<section class="card"><h2>Parameters</h2><dl>${entries.join('')}</dl></section>`;
}

function explanationOf({ parameters }: LoadResult): string {
  return parameters.ratePerSecond === null
    ? 'A closed loop: while an answer is waited for, that connection sends nothing, so a stall is measured once for each connection. With --rate it would be measured for every request that was due.'
    : 'Latency counts from the time at which a request was to be sent, so a stall is felt by every request that was due (corrected for coordinated omission); service time counts from the actual sending.';
}

/** The prefix of a row's name that marks it as a part of the row above. */
const UNDER = '> ';

interface PageTable {
  readonly caption?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly wide?: boolean;
}

function tableOf({ caption, head, rows, wide = false }: PageTable): string {
  const columns = head.map((name) => `<th scope="col">${escaped(name)}</th>`).join('');
  const body = rows.map(([name = '', ...cells]) => {
    const isUnder = name.startsWith(UNDER);
    const shown = isUnder ? name.slice(UNDER.length) : name;
    const values = cells.map((cell) => `<td>${escaped(cell)}</td>`).join('');
    return `<tr${isUnder ? ' class="under"' : ''}><th scope="row">${escaped(shown)}</th>${values}</tr>`;
  });
  return `<table${wide ? ' class="wide"' : ''}>${caption === undefined ? '' : `<caption>${escaped(caption)}</caption>`}
<thead><tr>${columns}</tr></thead><tbody>
${body.join('\n')}
</tbody></table>`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
