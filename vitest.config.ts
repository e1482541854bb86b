import { defineConfig } from 'vitest/config';

/** Where CI wants the counts (`.ci/run` reads them), one file per npm script. */
const results = process.env.POOLD_TEST_RESULTS;
const script = (process.env.npm_lifecycle_event ?? 'vitest').replace(':', '-');

// Real processes, signals and limits: each test file gets a process of its own.
// The limit is for what hangs: on a busy machine a test may take its time.
const shared = { pool: 'forks', retry: 0, allowOnly: false, testTimeout: 30_000 } as const;

export default defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/machine/**', 'test/bench/**'] } },
      { test: { ...shared, name: 'machine', include: ['test/machine/**/*.test.ts'] } },
    ],
    reporters: results ? ['default', 'json'] : ['default'],
    ...(results ? { outputFile: { json: `${results}/${script}.json` } } : {}),
  },
});
