// The mutants, apart from the tests: they take minutes, and they are about the tests.

import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, '../..'),
    include: ['test/mutants/run.ts'],
    setupFiles: ['test/setup.mjs'],
    // Each line as soon as it is known.
    reporters: ['verbose'],
    testTimeout: 1_800_000,
    // Each is a process of its own that keeps one core busy.
    maxConcurrency: 2,
  },
});
