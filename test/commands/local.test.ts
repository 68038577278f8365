// What velour local says of nodes that ended, and of a cluster that the command line would not find by itself.

import { describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cluster/http/errors.ts';
import type { Address } from '../../src/cluster/model/identity.ts';
import { commandOf, failureText } from '../../src/commands/local-endings.ts';
import { exportLines } from '../../src/commands/local-plan.ts';

const address = 'h:1' as Address;

describe('a cluster that did not start', () => {
  const ended = { code: EXIT.unavailable, how: 'exit code 69', why: 'port 1 is in use' };
  const of = (role: 'controller' | 'storage' | 'fileserver' | 'frontend', more: object = {}) =>
    failureText({ node: { role, address }, hasDirectory: false, ...ended, ...more });

  test('names what its node said, and the setting to change', () => {
    expect(of('storage')).toBe(
      'the cluster did not start: storage h:1: port 1 is in use; its ports are those of STORAGE_PORT (--storage-port)',
    );
    expect(of('controller')).toMatch(/CONTROLLER_PORT \(--controller-port\)$/);
    expect(of('fileserver')).toMatch(/FILESERVER_PORT \(--fileserver-port\)$/);
    // Which of its ports, the node said.
    expect(of('frontend')).toMatch(/FRONTEND_PORT, BLOBS_PORT or BROKER_PORT \(--frontend-port,/);
    const config = { code: EXIT.config, why: 'it is in use', hasDirectory: true };
    expect(of('storage', config)).toMatch(/it is in use; its directory is below DATA_DIR \(--da/);
  });

  test('names no setting that does not help', () => {
    const failed = { code: null, how: 'SIGKILL', why: undefined };
    expect(of('storage', failed)).toBe('the cluster did not start: storage h:1: SIGKILL');
    expect(of('storage', { code: EXIT.config })).toMatch(/port 1 is in use$/);
  });
});

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
