// `velour why`: how a read of a key comes to its answer, and who held it up.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import type { ExplainedMember, Explanation } from '../../coordinator/operations/get/explanation.ts';
import type { Command } from '../options.ts';
import { printData } from '../printing.ts';
import { type Column, tableOf } from '../table.ts';
import { BASE64_OPTION, CALL_OPTIONS, withClient } from './endpoint.ts';
import { noSuchKey } from './get.ts';
import { keyOf } from './input.ts';
import { lineOfBytes, printableJson } from './key-text.ts';

const COLUMNS: readonly Column[] = [
  { title: 'MEMBER' },
  { title: 'ROLE' },
  { title: 'ANSWER' },
  { title: 'VERSION' },
  { title: 'BYTES', isFigure: true },
  { title: 'MS', isFigure: true },
  { title: '' },
];

export const whyCommand: Command = {
  usage: 'why <key>',
  describe:
    'Read a key from every member of its partition, and say what each has, which answer counts, and what was repaired',
  options: {
    ...CALL_OPTIONS,
    ...BASE64_OPTION,
    json: { type: 'boolean', default: false, describe: 'As ?explain=1 of the API' },
  },
  positionals: { key: { describe: 'The key' } },
  examples: [['velour why greeting', 'exits 1 when there is no such key']],
  async run(words) {
    const key = keyOf(words, words.maybeEmptyText('key') ?? '');
    const told = await withClient(words, (client) => client.explain(key));
    const text = words.flag('json')
      ? printableJson(JSON.stringify(told))
      : linesOf(key, told).join('\n');
    await printData(`${text}\n`);
    if (told.answer === 'absent') throw new FatalError(EXIT.broken, noSuchKey(key));
    if (told.answer === 'failed') {
      throw new FatalError(EXIT.unavailable, told.detail ?? 'the read failed');
    }
  },
};

/** Pure. @returns what a person reads; the outcome first, then who answered it */
export function linesOf(key: Buffer, told: Explanation): readonly string[] {
  const { partition, epoch, map, frozen, rounds, ms, repaired, delayedBy, members } = told;
  const name = lineOfBytes(key);
  const place =
    partition === undefined
      ? 'there is no map yet'
      : `partition ${partition}, epoch ${epoch}, map ${map}`;
  return [
    `${name}: ${outcomeOf(told)}`,
    `${place}; ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ${ms} ms`,
    ...(frozen === true ? ['frozen: a recovery waits for a node that may know more'] : []),
    ...(repaired.length > 0 ? [`repaired: ${repaired.join(', ')}`] : []),
    ...delayedBy.map(({ node, answer, why = answer }) => `waited in vain for ${node}: ${why}`),
    ...(members.length === 0
      ? []
      : [
          '',
          ...tableOf(
            COLUMNS,
            members.map((member) => rowOf(member, told)),
          ),
        ]),
  ];
}

function outcomeOf({ answer, version, decidedBy, error, detail }: Explanation): string {
  switch (answer) {
    case 'value':
      return `a value, version ${version}, as ${decidedBy.join(', ')} ${have(decidedBy)} it`;
    case 'absent':
      return `absent, version ${version}, as ${decidedBy.join(', ')} ${say(decidedBy)}`;
    case 'failed':
      return `no answer, ${error}: ${detail}`;
  }
}

function have(nodes: readonly string[]): string {
  return nodes.length === 1 ? 'has' : 'have';
}

function say(nodes: readonly string[]): string {
  return nodes.length === 1 ? 'says' : 'say';
}

function rowOf(member: ExplainedMember, { decidedBy }: Explanation): readonly string[] {
  const { node, role, state, answer, version = '', size, ms, why, repair } = member;
  const notes = [
    ...(state === 'present' ? [] : [state]),
    ...(decidedBy.includes(node) ? ['decides'] : []),
    ...(repair === undefined ? [] : [`repair: ${repair}`]),
    ...(why === undefined ? [] : [why]),
  ];
  return [node, role, answer, version, size?.toString() ?? '', String(ms), notes.join('; ')];
}
