// What several stores make of the client's bytes, times, results and promises.

/** The longest ttl that a cluster takes: ten years. */
const TTL_SECONDS_MAX = 315_360_000;

/** @param {Uint8Array} [bytes] of UTF-8 */
export function textOf(bytes) {
  return Buffer.from(bytes ?? []).toString();
}

/** @param {unknown} value @returns {any} what is neither bytes nor text is refused by the client */
export function bytesOf(value) {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value))
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return value;
}

/**
 * Rounded up, so that nothing ends too soon.
 * @param {number | undefined} ms
 * @returns the ttl in the cluster; undefined where there is no end
 */
export function secondsOf(ms) {
  if (ms === undefined || !Number.isFinite(ms)) return undefined;
  return Math.min(Math.max(Math.ceil(ms / 1000), 1), TTL_SECONDS_MAX);
}

/**
 * @template T
 * @param {readonly import('velour-fog').Result<T>[]} results
 * @throws the error of the first one that failed
 */
export function valuesOf(results) {
  return results.map((result) => {
    if (!result.ok) throw result.error;
    return result.value;
  });
}

/**
 * Calls back outside of the promise: what the callback throws is no failure of the store.
 * @param {((error: any, value?: any) => void) | undefined} callback
 * @param {() => Promise<any>} begin
 */
export function settle(callback = () => undefined, begin) {
  begin().then(
    (value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, error),
  );
}
