// Adds up what vitest and cucumber wrote into DIRECTORY; prints what failed and why, then `N passed, N failed`. Fails when anything did, or when nothing ran.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [directory, table] = process.argv.slice(2);
const steps = readFileSync(table, 'utf8').trim().split('\n');
const broken = steps.filter((line) => !line.endsWith('\t0')).length;

/** Of each failure, so that the last page of a log shows them all. */
const LINES_TOLD = 25;

let passed = 0;
let failed = 0;
for (const name of readdirSync(directory).filter((file) => file.endsWith('.json'))) {
  const counted = count(readFileSync(join(directory, name), 'utf8'));
  passed += counted.passed;
  failed += counted.failed;
  for (const { title, message } of counted.failures)
    console.log(`\nFAILED ${title}\n${message.split('\n').slice(0, LINES_TOLD).join('\n')}`);
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
  } catch (error) {
    return { passed: 0, failed: 1, failures: [{ title: 'a report', message: String(error) }] };
  }
  return Array.isArray(report) ? ofCucumber(report) : ofVitest(report);
}

/** Skipped and left-out tests have proved nothing, and a file that could not be loaded has no tests to count. */
function ofVitest(report) {
  const unloaded = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const failures = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter((test) => test.status !== 'passed')
      .map(({ fullName, status, failureMessages }) => ({ title: `${fullName} (${name}): ${status}`, message: failureMessages.join('\n') })),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numTotalTests - report.numPassedTests + unloaded.length,
    failures: [...failures, ...unloaded.map(({ name, message }) => ({ title: name, message }))],
  };
}

/** A scenario passes when it has steps and every one of them passed, the hooks too. */
function ofCucumber(features) {
  const scenarios = features.flatMap(({ uri, elements }) =>
    elements.filter(({ type }) => type === 'scenario').map((scenario) => ({ ...scenario, uri })),
  );
  const bad = scenarios.filter(({ steps }) => steps.length === 0 || steps.some((one) => one.result.status !== 'passed'));
  const failures = bad.map(({ uri, line, name, steps }) => {
    const step = steps.find((one) => one.result.status !== 'passed');
    return {
      title: `${name} (${uri}:${line})`,
      message: step ? `${step.keyword}${step.name ?? ''}: ${step.result.error_message ?? step.result.status}` : 'it has no steps',
    };
  });
  return { passed: scenarios.length - bad.length, failed: bad.length, failures };
}
