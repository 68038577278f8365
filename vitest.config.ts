import { defineConfig } from 'vitest/config';

/**
 * What `npm test` leaves out, because it takes many minutes: `.ci/run` plays it afterwards. Every test file is either
 * of these or not, so none is forgotten. Of the process tests, those that are named are not of these.
 */
const REST = [
  'test/processes/!(command-line|smoke).test.ts',
  'test/simulation/{backups,programmes,schedules*,seeds}.test.ts',
];

export default defineConfig({
  test: {
    setupFiles: ['test/setup.mjs'],
    // Backstops for what would never end: no machine is so slow or so busy that a test meets them.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 300_000 } },
    // Process tests mostly wait, but bring clusters of their own: two cores do not carry many at once.
    maxWorkers: 3,
    projects: [
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: REST } },
      { extends: true, test: { name: 'rest', include: REST } },
    ],
  },
});
