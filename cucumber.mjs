/** Where CI wants the counts (`.ci/run` reads them). */
const results = process.env.POOLD_TEST_RESULTS;

export default {
  paths: ['features/**/*.feature'],
  import: ['features/support/**/*.ts', 'features/steps/**/*.ts'],
  parallel: 2,
  strict: true,
  retry: 0,
  format: ['progress', ...(results ? [`json:${results}/features.json`] : [])],
};
