// The tests of this folder, with the limits and surroundings of all the others.

import { defineConfig } from 'vitest/config';
import all from '../vitest.config.ts';

export default defineConfig({
  test: {
    ...all.test,
    projects: undefined,
    include: ['integrations/test/**/*.test.ts'],
  },
});
