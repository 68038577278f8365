// The wait for one key, which is made of a watch and of gets, without a cluster.

import { expect, test } from 'vitest';
import type { StoredEntry, Watch, WatchEvent } from '../../src/client/index.ts';
import { waitFor } from '../../src/client/watches.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';

const entryOf = (version: string): StoredEntry => ({
  value: Uint8Array.of(1),
  etag: `"${version}-00000001"`,
  version,
  contentType: 'text/plain',
  expiresAtMs: undefined,
});
const OLD = entryOf('0196c6f1f2c40000');
const NEW = entryOf('0196c6f1f2c40001');

test('a wait ends its watch when the key has changed', async () => {
  const entries = [OLD, NEW];
  let isEnded = false;
  async function* events(): AsyncGenerator<WatchEvent, void, undefined> {
    try {
      yield { kind: 'begun' };
      expect.fail('nobody asks for a second event');
    } finally {
      isEnded = true;
    }
  }
  const watch: Watch = { place: undefined, [Symbol.asyncIterator]: events };
  const velour = { entry: async () => entries.shift(), watch: () => watch };
  const time = new VirtualTime();
  const awaited = await waitFor(velour, { clock: time, timers: time }, 'a', {
    newerThan: OLD.etag,
  });
  expect(awaited).toEqual({ changed: true, entry: NEW });
  expect(isEnded).toBe(true);
});
