// The mixed load of bench/pauses.mjs: which keys there are, and what happens to them. A part is
// overwritten, a part deleted, a part gets an expiry that comes while the load runs.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const KEY_BYTES = 16;
export const VALUE = 'v'.repeat(100);

export function keyAt(number) {
  return `key-${number}`.padEnd(KEY_BYTES, '.');
}

/** Of ten changes seven overwrite, two set with an expiry and one deletes; each kind has keys of its own. */
export function* changes(items) {
  const overwritten = Math.floor(items * 0.6);
  const deleted = Math.floor(items * 0.2);
  const expiring = items - overwritten - deleted;
  for (let turn = 0; ; turn++) {
    const below = (bound) => Math.floor(Math.random() * bound);
    const choice = turn % 10;
    if (choice < 7) yield { kind: 'overwrite', key: keyAt(below(overwritten)) };
    else if (choice < 9) yield { kind: 'expire', key: keyAt(items - 1 - below(expiring)) };
    else yield { kind: 'delete', key: keyAt(overwritten + (Math.floor(turn / 10) % deleted)) };
  }
}

/** Runs beside `load`; @returns how long gets took. */
export async function probed(target, load) {
  const probe = new Worker(new URL('probe.mjs', import.meta.url), {
    workerData: { target, key: keyAt(0) },
  });
  await load();
  const answer = once(probe, 'message');
  probe.postMessage('stop');
  return (await answer)[0];
}
