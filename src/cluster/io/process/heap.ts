// How V8's collector is to see a process that has little in its heap, and through whose hands much goes beside it:
// bodies, records and values are bytes outside of the heap.

import { setFlagsFromString } from 'node:v8';

/**
 * V8 counts bytes outside the heap against a limit that is a multiple of what is in it: by default, with the
 * 10 MB of a node, each 5 to 10 MB of bodies were a collection of the whole heap. With 400 it is fivefold, 50 MB:
 * a set of 100 KB costs 14.5 times a bare one in place of 35 (`growth` in bench/), for 10 to 20 MB a process.
 */
const HEAP_GROWING_PERCENT = 400;

/** For the whole process, also where it was started to grow less: not for a controller, which passes on nothing. */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
}
