/** Where CI wants the counts (`.ci/run` reads them). */
const results = process.env.POOLD_TEST_RESULTS;

export default {
  // Only where no file is named on the command line: cucumber adds the two up.
  ...(process.argv.some((word) => word.includes('.feature')) ? {} : { paths: ['features/**/*.feature'] }),
  import: ['features/support/**/*.ts', 'features/steps/**/*.ts'],
  parallel: 2,
  strict: true,
  retry: 0,
  format: ['progress', ...(results ? [`json:${results}/features.json`] : [])],
};
