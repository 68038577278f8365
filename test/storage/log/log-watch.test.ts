// Whether a log's files are still those that were written, by what a scripted disk shows of them.

import { expect, test } from 'vitest';
import type {
  DirectoryFile,
  DirectoryState,
  Disk,
  DiskResult,
} from '../../../src/cluster/ports.ts';
import type { LogProblem } from '../../../src/storage/log/durability.ts';
import type { RecordLog } from '../../../src/storage/log/log.ts';
import type { WrittenFile } from '../../../src/storage/log/log-files.ts';
import { LogWatch } from '../../../src/storage/log/log-watch.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

function watched(files: readonly WrittenFile[]) {
  const time = new VirtualTime();
  const problems: LogProblem[] = [];
  const log = {
    get hasFailed() {
      return problems.length > 0;
    },
    filesInUse: () => files,
    fail: (problem: LogProblem) => problems.push(problem),
  } as unknown as RecordLog;
  let shown: readonly DirectoryFile[] = [];
  const disk = {
    inspect: (_names: unknown, callback: (result: DiskResult<DirectoryState>) => void) =>
      callback({ kind: 'done', value: { problem: undefined, files: shown } }),
  } as unknown as Disk;
  let losses = 0;
  new LogWatch(time, disk, { log, neededFiles: () => [] }, () => losses++);
  return {
    /** Lets a second pass in which the files have these ids. @returns what is wrong by then */
    look: (...ids: readonly string[]) => {
      shown = ids.map((id) => ({ id, bytes: 100 }));
      time.runTo(time.monotonicMs() + 1000);
      return { problems: problems.map(({ what }) => what), losses };
    },
  };
}

test('a file of an earlier incarnation is the one that was seen first (H8)', () => {
  const { look } = watched([
    { number: 1, bytes: 100 },
    { number: 2, bytes: 100, id: 'own' },
  ]);
  expect(look('first', 'own')).toEqual({ problems: [], losses: 0 });
  expect(look('first', 'own')).toEqual({ problems: [], losses: 0 });
  expect(look('second', 'own')).toEqual({
    problems: ['records-00000001.log was replaced'],
    losses: 1,
  });
});

test('a file of this incarnation is the one that it opened (H8)', () => {
  const { look } = watched([{ number: 1, bytes: 100, id: 'own' }]);
  expect(look('other')).toEqual({ problems: ['records-00000001.log was replaced'], losses: 1 });
});
