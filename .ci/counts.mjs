// Adds up what vitest and cucumber wrote into DIRECTORY; prints `N passed, N failed` and fails when anything did, or when nothing ran.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [directory, table] = process.argv.slice(2);
const steps = readFileSync(table, 'utf8').trim().split('\n');
const broken = steps.filter((line) => !line.endsWith('\t0')).length;

let passed = 0;
let failed = 0;
for (const name of readdirSync(directory).filter((file) => file.endsWith('.json'))) {
  const counted = count(readFileSync(join(directory, name), 'utf8'));
  passed += counted.passed;
  failed += counted.failed;
}
// A step can fail without a failed test: the linter, a crash, a package that is not there. It must show in the last line.
if (failed === 0) failed = broken > 0 || passed === 0 ? Math.max(broken, 1) : 0;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** A file cut short by a crash counts as one failure. */
function count(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    return { passed: 0, failed: 1 };
  }
  return Array.isArray(report) ? ofCucumber(report) : ofVitest(report);
}

/** Skipped and left-out tests have proved nothing, and a file that could not be loaded has no tests to count. */
function ofVitest(report) {
  const unloaded = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  return { passed: report.numPassedTests, failed: report.numTotalTests - report.numPassedTests + unloaded };
}

/** A scenario passes when it has steps and every one of them passed, the hooks too. */
function ofCucumber(features) {
  const scenarios = features.flatMap((feature) => feature.elements).filter((element) => element.type === 'scenario');
  const good = scenarios.filter(({ steps: own }) => own.length > 0 && own.every((one) => one.result.status === 'passed')).length;
  return { passed: good, failed: scenarios.length - good };
}
