// `velour drain`, `remove`, `forget`, `accept-loss` and `plan`: what an operator asks of the controller. Each is one
// control message; drain also waits until no partition is left on the node.

import { EXIT, FatalError } from '../cluster/http/errors.ts';
import { openNetwork } from '../cluster/io/network/network.ts';
import type { Address, NodeId } from '../cluster/model/identity.ts';
import { STORAGE_NODES_MAX } from '../cluster/model/limits.ts';
import { partitionCount } from '../cluster/model/partition.ts';
import { readReply } from '../cluster/peers/calls.ts';
import type { ControlCall, Network } from '../cluster/ports.ts';
import type { AcceptLossReply, PlanReply } from '../cluster/wire/control-messages.ts';
import { CONTROL, type ControlKind } from '../cluster/wire/control-table.ts';
import type { ControlMessage } from '../cluster/wire/map-json.ts';
import { dictionary, integer, object, type Shape } from '../cluster/wire/shapes.ts';
import {
  type Arguments,
  CONTROLLER_OPTION,
  type Command,
  type OptionTable,
  usage,
} from './options.ts';
import { printable, printData, say } from './printing.ts';

const CALL_TIMEOUT_MS = 10_000;
const WAIT_POLL_MS = 200;

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
    'Copy all that a storage node holds to others, and wait until that is done: no data is lost, and it may be stopped then',
  options: {
    ...OPTIONS,
    undo: { type: 'boolean', default: false, describe: 'Let the node hold partitions again' },
    detach: { type: 'boolean', default: false, describe: 'Do not wait' },
  },
  positionals: { node: NODE },
  examples: [['velour drain 10.0.0.2:12500', 'returns when the node may be stopped']],
  async run(words) {
    const message = { node: words.text('node') };
    const undo = words.flag('undo');
    await ask(words, undo ? CONTROL.undrain : CONTROL.drain, message);
    if (!undo && !words.flag('detach')) await untilEmpty(words, message.node);
    await print(
      words,
      {},
      undo ? `${message.node} holds partitions again` : `${message.node} drains`,
    );
  },
};

export const removeCommand: Command = {
  usage: 'remove <node>',
  describe: 'Take a storage node off the map that is drained and stopped',
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
    const change = isAdded ? { add: count() } : { drain: nodeToDrain(words) };
    const plan = await ask(words, CONTROL.plan, { add: undefined, drain: undefined, ...change });
    await print(words, plan, describe(plan));
  },
};

function nodeToDrain(words: Arguments): NodeId {
  const node = words.optionalText('of');
  if (node === undefined) throw usage('name the node: velour plan drain HOST:PORT');
  return node as NodeId;
}

function describe({ partitions, bytes, seconds, redundancy, joins }: PlanReply): string {
  const lines = Object.entries(joins).map(([node, count]) => `  ${node}: ${count} partitions`);
  const total = `${partitions} partitions would be copied, ${bytes} bytes, in about ${seconds} s; each key on ${redundancy} nodes then`;
  return [total, ...lines].join('\n');
}

const partitionsOf = object({
  storage: dictionary(
    object({
      partitions: object({ serving: size(), joining: size(), leaving: size() }),
    }),
    { max: STORAGE_NODES_MAX },
  ),
});

function size(): Shape<number> {
  return integer({ min: 0, max: partitionCount(3) });
}

async function untilEmpty(words: Arguments, node: string): Promise<void> {
  let last = -1;
  for (;;) {
    const { storage } = await look(words, '/status', partitionsOf);
    const held = storage[node]?.partitions;
    const left = held === undefined ? 0 : held.serving + held.joining + held.leaving;
    if (left === 0) return;
    if (left !== last) say(`${left} partitions left on ${node}\n`);
    last = left;
    await new Promise((resolve) => setTimeout(resolve, WAIT_POLL_MS));
  }
}

let network: Network | undefined;

/** @throws FatalError with the controller's reason when it refuses, or when it does not answer */
function ask<Request extends ControlMessage, Reply>(
  words: Arguments,
  { http, reply }: ControlKind<Request, Reply>,
  message: Request,
): Promise<Reply> {
  if (http.method === 'POST') return call(words, { ...http, message }, reply);
  const parameters = Object.entries(message).filter(([, value]) => value !== undefined);
  return look(words, `${http.path}?${new URLSearchParams(parameters.map(textsOf))}`, reply);
}

function textsOf([name, value]: readonly [string, unknown]): [string, string] {
  return [name, String(value)];
}

function look<T>(words: Arguments, path: string, shape: Shape<T>): Promise<T> {
  return call(words, { method: 'GET', path }, shape);
}

function call<T>(
  words: Arguments,
  request: Pick<ControlCall, 'method' | 'path' | 'message'>,
  shape: Shape<T>,
): Promise<T> {
  const address: Address = words.address('controller');
  network ??= openNetwork();
  const port = network;
  return new Promise((resolve, reject) =>
    port.call({ address, ...request, timeoutMs: CALL_TIMEOUT_MS }, (outcome) => {
      const reply = readReply(shape, outcome, 'the controller');
      if (reply.kind === 'message') resolve(reply.message);
      else if (reply.kind === 'refused') reject(new FatalError(EXIT.broken, reply.detail));
      else reject(new FatalError(EXIT.unavailable, `controller ${address}: ${reply.detail}`));
    }),
  );
}

async function print(words: Arguments, answer: unknown, text: string): Promise<void> {
  await printData(`${words.flag('json') ? JSON.stringify(answer) : printable(text)}\n`);
}
