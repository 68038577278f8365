// Tunes V8's garbage collector for processes with a small heap that pass on many bytes outside of it: bodies, records
// and values.

import { setFlagsFromString } from 'node:v8';

/**
 * V8 starts a collection when the bytes outside the heap exceed a limit that grows with the heap. By default, with
 * the 10 MB heap of a node, each 5 to 10 MB of bodies cost a collection of the whole heap. With 400 the limit is
 * fivefold, 50 MB: a set of 100 KB costs 14.5 times a bare one instead of 35 (`growth` in bench/), for 10 to 20 MB
 * more memory.
 */
const HEAP_GROWING_PERCENT = 400;

/**
 * Holds for the whole process, even if a flag asked for less growth. A controller, which passes on no bodies, does
 * without it.
 */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
}
