// What velour local says of nodes that ended, and of a cluster that the command line would not find by itself.

import { expect, test } from 'vitest';
import { commandOf } from '../../src/commands/local-endings.ts';
import { exportLines } from '../../src/commands/local-plan.ts';

test('the command that starts a node again is one for a shell', () => {
  expect(commandOf('storage', ['h:1', 'h:2', '--data-dir', "/tmp/it's here"])).toBe(
    "velour storage h:1 h:2 --data-dir '/tmp/it'\\''s here'",
  );
});

test('the command line is told of what is not where it looks', () => {
  const asked = { VELOUR_ENDPOINT: '127.0.0.1:12080', VELOUR_CONTROLLER: '127.0.0.1:12000' };
  expect(exportLines(asked)).toBe('');
  expect(exportLines({ ...asked, VELOUR_ENDPOINT: 'h:1', VELOUR_BLOBS: undefined })).toBe(
    'So that velour get, status and the like find it:\n  export VELOUR_ENDPOINT=h:1\n',
  );
});
