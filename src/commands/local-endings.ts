// What `velour local` says when a node of it has ended: how it is started again. Pure.

import type { LocalNode } from './local-plan.ts';

/** @param words of the node's command line @returns what a shell takes to start it again */
export function commandOf(role: LocalNode['role'], words: readonly string[]): string {
  return ['velour', role, ...words].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
