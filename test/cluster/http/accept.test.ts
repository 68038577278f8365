// Who gets a page, and who gets plain text.

import { expect, test } from 'vitest';
import { prefersHtml } from '../../../src/cluster/http/accept.ts';

test.each([
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
  ['text/html', true],
  ['TEXT/HTML', true],
  ['text/html; q=0.9, text/plain; q=0.8', true],
  ['text/plain;q=0, */*', true],
  [undefined, false],
  ['', false],
  ['*/*', false],
  ['text/*', false],
  ['text/plain', false],
  ['text/html;q=0.8, text/plain', false],
  ['text/html;q=0, */*', false],
  ['text/html;q=nonsense', false],
  ['application/json', false],
])('%o: a page? %o', (accept, wanted) => {
  expect(prefersHtml(accept)).toBe(wanted);
});
