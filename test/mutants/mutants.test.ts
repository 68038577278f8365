// The mutants themselves run apart (`npm run test:mutants`); here, that they still fit the sources.

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { MUTANTS } from './mutants.ts';
import { edited } from './workshop.ts';

const ROOT = resolve(import.meta.dirname, '../..');

test('each mutant has a name of its own', () => {
  const names = MUTANTS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test.each(MUTANTS)('$name: what it replaces occurs exactly once', ({ edits }) => {
  const texts = new Map<string, string>();
  for (const edit of edits) {
    const text = texts.get(edit.file) ?? readFileSync(join(ROOT, edit.file), 'utf8');
    const changed = edited(text, edit);
    expect(changed).not.toBe(text);
    texts.set(edit.file, changed);
  }
});

test.each(MUTANTS)('$name: what kills it is there', ({ fate }) => {
  if (fate.kind !== 'tests') return;
  expect(existsSync(join(ROOT, fate.file)), fate.file).toBe(true);
});
