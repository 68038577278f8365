// Scripted schedules about a cluster without data directories whose storage nodes were all killed: nobody forgets for the
// operator, so whoever asks is told what he can do.

import { expect, test } from 'vitest';
import type { LogFields } from '../../src/cluster/ports.ts';
import { bytesOf, plainGet } from '../../src/simulation/requests.ts';
import { SEEDS, Stage } from './founded.ts';

test.each(SEEDS)(
  'the way out is named by answers, /status and one line of the log, seed %i',
  (seed) => {
    const shape = { storages: 4, frontends: 1, redundancy: 3, fsync: undefined };
    const stage = new Stage(seed, shape);
    const frontend = stage.frontend(0);
    stage.expectStatus(stage.set(frontend, 'a'), 200);
    const lines: (readonly [string, LogFields])[] = [];
    const { controller, storages } = stage.cluster;
    stage.listen(controller, (message, fields) => lines.push([message, fields]));
    for (const node of storages) node.crash(false);
    for (const node of storages) node.start();
    stage.pass(5000);
    const remedy = /velour accept-loss/;
    for (const answer of [stage.get(frontend, 'a'), stage.set(frontend, 'b')]) {
      stage.expectStatus(answer, 503);
      expect(answer.reply?.headers['x-fog-error']).toBe('partition-offline');
      expect(bytesOf(answer.reply).toString()).toMatch(remedy);
    }
    const status = bytesOf(controller.peek(plainGet('/status'))).toString();
    expect(JSON.parse(status)).toMatchObject({
      offlinePartitions: 16,
      offline: { help: expect.stringMatching(remedy) },
    });
    const all = lines.filter(
      ([message, { partitions }]) => message === 'partitions are offline' && partitions === 16,
    );
    expect(all).toHaveLength(1);
    expect(all[0]?.[1].help).toMatch(remedy);
    // Not a line for each partition.
    expect(lines.filter(([message]) => message === 'member resumed').length).toBeLessThanOrEqual(
      storages.length,
    );
  },
);
