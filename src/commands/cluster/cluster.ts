// `velour cluster`: the cluster map, for people or for programs.

import { EXIT, FatalError } from '../../cluster/http/errors.ts';
import { ask } from '../../cluster/io/network/ask.ts';
import { Names } from '../../cluster/io/network/names.ts';
import { type ClusterMap, clusterMap } from '../../cluster/model/cluster-map.ts';
import type { Address } from '../../cluster/model/identity.ts';
import type { PartitionId } from '../../cluster/model/partition.ts';
import { Malformed } from '../../cluster/wire/shapes.ts';
import { wrongController } from '../named-controller.ts';
import { type Arguments, CONTROLLER_OPTION, type Command, usage } from '../options.ts';
import { onOneLine, printData } from '../printing.ts';
import { painted } from '../terminal.ts';

const ASK_MS = 5000;

export const clusterCommand: Command = {
  usage: 'cluster [partitions..]',
  describe: 'Show the cluster map: nodes, and the epoch and the members of each partition',
  options: {
    ...CONTROLLER_OPTION,
    json: { type: 'boolean', default: false, describe: 'Print the map as it is, as JSON' },
  },
  positionals: { partitions: { describe: 'Their numbers; by default all' } },
  examples: [
    ['velour cluster 0 17', 'two partitions'],
    [
      'velour cluster --controller 10.0.0.2:12500',
      'as a storage node has it, while the controller is away',
    ],
  ],
  async run(words) {
    const map = await mapAt(words.address('controller'));
    const chosen = partitionsOf(words, map);
    if (words.flag('json')) await printData(`${JSON.stringify(map)}\n`);
    else {
      const { mapLines } = await import('./map-text.ts');
      const lines = mapLines(map, chosen).map(({ text, tone }) =>
        painted(onOneLine(text), tone, process.stdout),
      );
      await printData(`${lines.join('\n')}\n`);
    }
    // A look-up of names may hang, and would keep the process alive.
    process.exit(0);
  },
};

function partitionsOf(words: Arguments, map: ClusterMap): readonly PartitionId[] | undefined {
  const max = map.partitions.length - 1;
  const numbers = words.numbers('partitions', { min: 0, max });
  if (numbers.length > 0 && words.flag('json')) throw usage('--json has all of the map');
  return numbers.length === 0 ? undefined : (numbers as readonly PartitionId[]);
}

/** @throws FatalError where neither a controller nor a storage node answers, or it has no map */
async function mapAt(address: Address): Promise<ClusterMap> {
  const names = new Names();
  for (const path of ['/c/map', '/s/map']) {
    const told = await ask({ address, path, timeoutMs: ASK_MS }, names);
    if (told.kind === 'silent') {
      throw new FatalError(
        EXIT.unavailable,
        `${address}: ${told.why}; name the controller, or a storage node while it is away, with --controller`,
      );
    }
    const answer = parsed(told.text);
    if (answer === undefined) continue;
    if (answer.map !== undefined) return checked(answer.map);
    if (typeof answer.waitingFor !== 'string') continue;
    throw new FatalError(EXIT.unavailable, `there is no map yet: ${answer.waitingFor}`);
  }
  const other = await wrongController(address, names);
  throw other ?? new FatalError(EXIT.unavailable, `${address} answers without a map`);
}

function parsed(
  text: string,
): { readonly map?: unknown; readonly waitingFor?: unknown } | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}

function checked(map: unknown): ClusterMap {
  try {
    return clusterMap(map);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new FatalError(EXIT.unavailable, `the map cannot be read: ${error.message}`);
  }
}
