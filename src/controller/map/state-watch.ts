// Checks each second that the controller's state file is still as last written. A file that somebody removes or
// changes under a running controller would be believed at the next start, so it is written again.

import type { Disk, Runtime } from '../../cluster/ports.ts';
import type { PublishedMap } from './published-map.ts';
import { STATE_FILE } from './state-file.ts';

const LOOK_MS = 1000;

export function watchState(
  { timers, logger }: Pick<Runtime, 'timers' | 'logger'>,
  disk: Disk,
  map: PublishedMap,
): void {
  let known: { readonly of: unknown; readonly id: string } | undefined;
  let problem: string | undefined;
  const look = () => {
    const { stored } = map;
    disk.inspect([STATE_FILE], (result) => {
      timers.after(LOOK_MS, look);
      // Skip this check if the file was being written: it may be the old or the new one.
      if (result.kind === 'failed' || stored === undefined || map.stored !== stored) return;
      if (result.value.problem !== undefined) {
        if (problem !== result.value.problem) logger.write('error', result.value.problem);
        problem = result.value.problem;
        return;
      }
      problem = undefined;
      const [sight] = result.value.files;
      const isFirst = known?.of !== stored;
      if (sight?.bytes === stored.bytes && (isFirst || sight.id === known?.id)) {
        known = { of: stored, id: sight.id };
        return;
      }
      const what = sight === undefined ? 'removed' : 'changed';
      logger.write(
        'error',
        `${STATE_FILE} was ${what}, not by this controller; it is written again`,
      );
      map.rewrite();
    });
  };
  timers.after(LOOK_MS, look);
}
