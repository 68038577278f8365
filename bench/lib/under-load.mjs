// Something that happens to a cluster while `velour load` verifies it, and what the clients noticed of it.

import { untilFilled } from './cluster.mjs';
import { total, VelourLoad } from './velour-load.mjs';

/** The load is stopped when all is over. */
const DURATION = 600;

export const later = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/**
 * @param options.load options of `velour load`
 * @param options.seconds before it happens, and after it is over
 * @param happen what it answers with is in the result as `more`
 */
export async function underLoad(cluster, { load: words, seconds }, happen) {
  const load = new VelourLoad(cluster.frontendAddresses, {
    ...words,
    duration: DURATION,
    quiet: true,
  });
  try {
    await Promise.race([load.result, untilFilled(cluster, words.records)]);
    await later(seconds);
    const more = await Promise.race([happen(), load.result.then(endedEarly)]);
    await later(seconds);
    load.stop();
    const { all, operations, violations, timeline } = await load.result;
    if (all.count === 0) throw new Error('velour load came to measure nothing: it was filling');
    return {
      requests: all.count,
      getErrors: operations.read.errors,
      setErrors: operations.update.errors,
      violations,
      getP99Ms: operations.read.latencyMs.p99,
      setMaxMs: operations.update.latencyMs.max,
      timeline,
      more,
    };
  } finally {
    load.stop();
  }
}

function endedEarly() {
  throw new Error('velour load ended before all was over');
}

/** A client that is refused looks elsewhere, and loses nothing: velour load does not, so that is apart. */
export function failed(errors) {
  const { refused = 0, ...others } = errors;
  return { refused, failed: total(others) };
}

export function kinds(errors) {
  const counts = Object.entries(errors).map(([kind, count]) => `${count} ${kind}`);
  return counts.join(', ') || 'none';
}
