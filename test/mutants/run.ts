// Kills every mutant by its own programme, two at a time; a survivor fails. Before that, the product as it
// is passes all the programmes, or a death would say nothing.

import { afterAll, describe, expect, test } from 'vitest';
import type { Mutant, Programme } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { type Verdict, Workshop } from './workshop.ts';

type Row = readonly [name: string, rule: string, programme: string, fate: string, seconds: string];

const HEADER: Row = ['mutant', 'rule', 'programme', 'killed by', 'seconds'];
const rows = new Map<Mutant, Row>();

function lineOf(row: Row): string {
  return `| ${row.join(' | ')} |`;
}

function nameOf(programme: Programme): string {
  if (programme.kind === 'tests') return `${programme.file} -t '${programme.name}'`;
  const { first, count, programme: aimedAt, long, files } = programme;
  const seeds = `seeds ${first} to ${first + count - 1}`;
  return [
    seeds,
    ...(aimedAt ? [`of ${aimedAt}`] : []),
    ...(long ? ['of long runs'] : []),
    ...(files ? [`of ${files} file servers`] : []),
  ].join(' ');
}

async function play(edits: Mutant['edits'], programme: Programme): Promise<Verdict> {
  const workshop = new Workshop(edits);
  try {
    await workshop.build();
    return await workshop.play(programme);
  } finally {
    workshop.discard();
  }
}

const programmes = new Map<string, Programme>();
for (const { fate } of MUTANTS) if (fate.kind !== 'argument') programmes.set(nameOf(fate), fate);

describe.concurrent('the product as it is passes', () => {
  test.each([...programmes])('%s', async (_name, programme) => {
    expect(await play([], programme)).toMatchObject({ killed: false });
  });
});

describe.concurrent('dies', () => {
  test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('%s', async (name, mutant) => {
    const { rule, edits, fate } = mutant;
    if (fate.kind === 'argument') {
      rows.set(mutant, [name, rule, 'argument', fate.because, '']);
      return;
    }
    const startMs = performance.now();
    const { killed, by } = await play(edits, fate);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    const row: Row = [name, rule, nameOf(fate), killed ? by : `SURVIVED ${by}`, seconds];
    rows.set(mutant, row);
    process.stdout.write(`${lineOf(row)}\n`);
    expect(killed, `${name} survived ${by}`).toBe(true);
  });
});

afterAll(() => {
  const rowsInOrder = MUTANTS.map((mutant) => rows.get(mutant)).filter((row) => row !== undefined);
  const table = [HEADER, ...rowsInOrder];
  process.stdout.write(`\n${table.map(lineOf).join('\n')}\n`);
});
