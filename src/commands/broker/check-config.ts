// `velour broker check-config`: says whether a broker would take a configuration, before any does. It asks no cluster.

import { EXIT } from '../../cluster/http/errors.ts';
import type { BrokerConfig } from '../../frontend/gateways/broker/config/broker-config.ts';
import { remarkLine } from '../../frontend/gateways/broker/config/config-source.ts';
import { readBrokerConfig } from '../../frontend/gateways/broker/config/read-config.ts';
import { leave } from '../client-process.ts';
import { counted } from '../cluster/node-texts.ts';
import type { Command } from '../options.ts';
import { say } from '../printing.ts';
import { textAt, wrongConfig } from './broker-config-file.ts';

export const brokerCheckConfigCommand: Command = {
  usage: 'broker check-config <file>',
  describe:
    'Say whether the configuration of a broker is right: ok, or what is wrong in which line and column, with exit code 78',
  options: { json: { type: 'boolean', default: false, describe: 'Print one JSON object' } },
  positionals: { file: { describe: 'The configuration, in words or in JSON' } },
  examples: [['velour broker check-config dragonbelly.conf', 'before a reload']],
  async run(words) {
    const file = words.text('file');
    const read = readBrokerConfig(textAt(file));
    switch (read.kind) {
      case 'wrong': {
        const { problems } = read;
        if (words.flag('json')) return leave(words, { ok: false, problems }, '', EXIT.config);
        throw wrongConfig(file, problems);
      }
      case 'config': {
        const { config, remarks } = read;
        if (!words.flag('json')) for (const each of remarks) say(`${remarkLine(file, each)}\n`);
        return leave(words, { ok: true, remarks }, `ok: ${contentText(config)}`);
      }
    }
  },
};

function contentText({ domains }: BrokerConfig): string {
  const sum = (count: (domain: BrokerConfig['domains'][number]) => number) =>
    domains.reduce((total, domain) => total + count(domain), 0);
  return [
    counted(domains.length, 'domain'),
    counted(
      sum(({ types }) => types.size),
      'type',
    ),
    counted(
      sum(({ shares }) => shares.length),
      'share',
    ),
  ].join(', ');
}
