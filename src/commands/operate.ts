// `velour drain`, `remove`, `forget`, `accept-loss` and `plan`: what an operator asks of the controller. Each is one
// control message; drain also waits until nothing is left on the node.

import type { NodeId } from '../cluster/model/identity.ts';
import { STORAGE_NODES_MAX } from '../cluster/model/limits.ts';
import { partitionCount } from '../cluster/model/partition.ts';
import type { AcceptLossReply, PlanReply } from '../cluster/wire/control-messages.ts';
import { CONTROL } from '../cluster/wire/control-table.ts';
import { counted } from './cluster/node-texts.ts';
import { ask } from './controller-calls.ts';
import { isFileServer, untilEmpty } from './draining.ts';
import {
  type Arguments,
  CONTROLLER_OPTION,
  type Command,
  type OptionTable,
  usage,
} from './options.ts';
import { printable, printData } from './printing.ts';

const NODE = {
  describe: 'Its id, by default its HOST:PORT; `/status` of the controller lists them',
};

const OPTIONS: OptionTable = {
  ...CONTROLLER_OPTION,
  json: { type: 'boolean', default: false, describe: 'Print the answer as JSON' },
};

export const drainCommand: Command = {
  usage: 'drain <node>',
  describe:
    'Copy all that a storage node or a file server holds to others, and wait until that is done: no data is lost, and it may be stopped then',
  options: {
    ...OPTIONS,
    undo: {
      type: 'boolean',
      default: false,
      describe: 'Let the node hold partitions, or blobs, again',
    },
    detach: { type: 'boolean', default: false, describe: 'Do not wait' },
  },
  positionals: { node: NODE },
  examples: [['velour drain 10.0.0.2:12500', 'returns when the node may be stopped']],
  async run(words) {
    const message = { node: words.text('node') };
    const undo = words.flag('undo');
    await ask(words, undo ? CONTROL.undrain : CONTROL.drain, message);
    if (undo) return print(words, {}, await undone(words, message.node));
    if (words.flag('detach')) {
      return print(
        words,
        {},
        `${message.node} has begun to hand over; velour status says when it may be stopped`,
      );
    }
    await untilEmpty(words, message.node);
    return print(words, {}, `${message.node} has handed over all that it held: it may be stopped`);
  },
};

async function undone(words: Arguments, node: string): Promise<string> {
  return (await isFileServer(words, node))
    ? `${node} takes new blobs again`
    : `${node} holds partitions again`;
}

export const removeCommand: Command = {
  usage: 'remove <node>',
  describe: 'Take a storage node or a file server off the map that is drained and stopped',
  options: OPTIONS,
  positionals: { node: NODE },
  examples: [['velour remove 10.0.0.2:12500', 'after `velour drain` and a stop']],
  async run(words) {
    const node = words.text('node');
    await ask(words, CONTROL.remove, { node });
    await print(words, {}, `${node} is no node of the cluster any more`);
  },
};

export const forgetCommand: Command = {
  usage: 'forget <node>',
  describe:
    'Declare a storage node dead that is gone for good: others copy what it had from those that have it too; what only it had stays offline until it is back. Never one that still runs: its clients could read old values',
  options: OPTIONS,
  positionals: { node: NODE },
  examples: [['velour forget 10.0.0.2:12500', 'its host is lost, and nobody could prove it']],
  async run(words) {
    const node = words.text('node');
    const reply = await ask(words, CONTROL.forget, { node });
    const incarnationIds = reply.forgotten.map(({ incarnation }) => incarnation).join(', ');
    await print(
      words,
      reply,
      incarnationIds === ''
        ? `${node} is alive, nothing to forget; if it was lost just now, say so again in a moment`
        : [
            `forgotten: ${incarnationIds}`,
            ...(reply.advice === undefined ? [] : [reply.advice]),
          ].join('\n'),
    );
  },
};

export const acceptLossCommand: Command = {
  usage: 'accept-loss [partitions..]',
  describe:
    'Give up data: let offline partitions serve again with the most complete copies that are left, or empty where none is. What these do not have is lost for good, and answered 404',
  options: OPTIONS,
  positionals: {
    partitions: { describe: 'Their numbers; by default all that are offline' },
  },
  examples: [['velour accept-loss 3 7', 'two partitions whose last copies are lost']],
  async run(words) {
    const given = words.numbers('partitions', { min: 0, max: partitionCount(3) - 1 });
    const message = { partitions: given.length === 0 ? undefined : given };
    const reply = await ask(words, CONTROL.acceptLoss, message);
    await print(words, reply, describeLoss(reply));
  },
};

function describeLoss({ partitions }: AcceptLossReply): string {
  if (partitions.length === 0) return 'none of these partitions is offline; nothing was changed';
  const lines = partitions.map(({ partition, chosen, epoch, items }) => {
    if (chosen.length === 0) return `partition ${partition}: no storage node lives to serve it`;
    const incarnationIds = chosen
      .map(({ node, incarnation }) => `${node} as ${incarnation}`)
      .join(', ');
    const until = epoch === 0 ? 'nobody knows how complete' : `complete until epoch ${epoch}`;
    return `partition ${partition}: ${incarnationIds} with ${items} items, ${until}`;
  });
  return lines.join('\n');
}

export const planCommand: Command = {
  usage: 'plan <what> [of]',
  describe: 'Show what adding or draining nodes would move, before anything moves',
  options: OPTIONS,
  positionals: {
    what: { choices: ['add', 'drain'], describe: 'What would be done' },
    of: { describe: 'How many nodes would be added (1), or the node to drain' },
  },
  examples: [
    ['velour plan add 2', 'with two nodes more'],
    ['velour plan drain 10.0.0.2:12500', 'without that one'],
  ],
  async run(words) {
    const isAdded = words.text('what') === 'add';
    const count = () =>
      words.optionalText('of') === undefined
        ? 1
        : words.integer('of', { min: 1, max: STORAGE_NODES_MAX });
    const change = {
      add: isAdded ? count() : undefined,
      drain: isAdded ? undefined : nodeToDrain(words),
    };
    const plan = await ask(words, CONTROL.plan, change);
    await print(words, plan, describe(plan, change.drain));
  },
};

function nodeToDrain(words: Arguments): NodeId {
  const node = words.optionalText('of');
  if (node === undefined) throw usage('name the node: velour plan drain HOST:PORT');
  return node as NodeId;
}

function describe(plan: PlanReply, drained: NodeId | undefined): string {
  const { partitions, bytes, seconds, redundancy, joins, fileServers } = plan;
  if (fileServers !== undefined) return describeFileServerDrain(drained, fileServers);
  const lines = Object.entries(joins).map(([node, count]) => `  ${node}: ${count} partitions`);
  const total = `${partitions} partitions would be copied, ${bytes} bytes, in about ${seconds} s; each key on ${redundancy} nodes then`;
  return [total, ...lines].join('\n');
}

function describeFileServerDrain(
  id: NodeId | undefined,
  { left, hosts }: NonNullable<PlanReply['fileServers']>,
): string {
  const what = `${id} is a file server: no partition would move, and its blobs would be copied to others`;
  if (left === 0) return `${what}; no other one takes any, so that the drain would never end`;
  return `${what}; ${counted(left, 'file server')} on ${counted(hosts, 'host')} would be left, and each blob on ${left} of them at most; what each has free, velour status shows`;
}

async function print(words: Arguments, answer: unknown, text: string): Promise<void> {
  await printData(`${words.flag('json') ? JSON.stringify(answer) : printable(text)}\n`);
}
