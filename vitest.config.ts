import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.mjs'],
    // Generous: a test must pass on a machine that is ten times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Process tests mostly wait, but bring clusters of their own: two cores do not carry many at once.
    maxWorkers: 3,
  },
});
