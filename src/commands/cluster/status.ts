// `velour status`: the whole cluster at a glance. What is wrong is found by the doctor's check of the cluster, so both
// say the same.

import { EXIT } from '../../cluster/http/errors.ts';
import { Names } from '../../cluster/io/network/names.ts';
import type { Address } from '../../cluster/model/identity.ts';
import { addressOf, ENDPOINT_OPTION, endpointsOf } from '../keys/endpoint.ts';
import { type Arguments, CONTROLLER_OPTION, type Command } from '../options.ts';
import { onOneLine, printData } from '../printing.ts';
import { painted } from '../terminal.ts';
import type { TonedLine } from './status-text.ts';

const ASK_MS = 2000;
const CHECK_MS = 20_000;

export const statusCommand: Command = {
  usage: 'status',
  describe:
    'Show a cluster at a glance: what is wrong first and what to do, then partitions and every node. Exits 1 when something is wrong',
  options: {
    ...CONTROLLER_OPTION,
    endpoint: {
      ...ENDPOINT_OPTION.endpoint,
      describe: 'URLs of frontends, with commas, to ask while the controller is away',
    },
    json: { type: 'boolean', default: false, describe: 'Print all of it as JSON' },
  },
  positionals: {},
  examples: [['velour status --controller 10.0.0.1:12000', 'exits 0 when all is well']],
  async run(words) {
    const controller = words.address('controller');
    const names = new Names();
    const { ControllerSilent, lookAtCluster } = await import('./look.ts');
    const look = await lookAtCluster(controller, names).catch((error: unknown) => {
      if (error instanceof ControllerSilent) return error;
      throw error;
    });
    if (look instanceof ControllerSilent) {
      await showFrontends(words, look.message, names);
      process.exit(look.exitCode);
    }
    const findings = await findingsOf(controller, names);
    const { nodeJson } = await import('./node-texts.ts');
    const { statusLines } = await import('./status-text.ts');
    const nodes = look.nodes.map((node) => nodeJson(node, look.status));
    const answer = { ok: findings.length === 0, findings, cluster: look.status, nodes };
    await print(words, answer, statusLines(look, findings));
    // A hanging look-up or connection would keep the process alive.
    process.exit(findings.length === 0 ? 0 : EXIT.broken);
  },
};

async function showFrontends(words: Arguments, why: string, names: Names): Promise<void> {
  const { lookAtNode } = await import('./look.ts');
  const { nodeJson } = await import('./node-texts.ts');
  const { linesWithoutController } = await import('./status-text.ts');
  const frontends = await Promise.all(
    endpointsOf(words).map(async (url) => {
      const address = addressOf(url);
      const look = await lookAtNode(address, names);
      return { address, role: 'frontend' as const, id: undefined, ...look };
    }),
  );
  const nodes = frontends.map((node) => nodeJson(node, undefined));
  const answer = { ok: false, controller: why, nodes };
  await print(words, answer, linesWithoutController(why, frontends));
}

async function print(
  words: Arguments,
  answer: unknown,
  lines: readonly TonedLine[],
): Promise<void> {
  const texts = lines.map(({ text, tone }) => painted(onOneLine(text), tone, process.stdout));
  await printData(`${words.flag('json') ? JSON.stringify(answer) : texts.join('\n')}\n`);
}

async function findingsOf(controller: Address, names: Names) {
  const { cluster } = await import('../doctor/cluster.ts');
  const { examineAll } = await import('../doctor/finding.ts');
  const { NameLooks } = await import('../doctor/names.ts');
  const of = { controller, own: undefined, timeScale: undefined, timeoutMs: ASK_MS };
  return examineAll([cluster(of, new NameLooks(names, ASK_MS), names)], CHECK_MS);
}
