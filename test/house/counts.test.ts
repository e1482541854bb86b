import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
let results = '';

beforeEach(async () => {
  results = await mkdtemp(join(tmpdir(), 'poold-counts-'));
});

afterEach(() => rm(results, { recursive: true, force: true }));

const outcomes = (count: number, status: string): unknown[] =>
  Array.from({ length: count }, (_, index) => ({
    fullName: `a drain ${index} ${status}`,
    status,
    failureMessages: status === 'failed' ? ['AssertionError: expected 1 to be 2'] : [],
  }));

const vitest = (passed: number, failed: number, skipped = 0, unloaded = 0): unknown => ({
  numTotalTests: passed + failed + skipped,
  numPassedTests: passed,
  testResults: [
    {
      name: '/test/a.test.ts',
      status: failed > 0 ? 'failed' : 'passed',
      assertionResults: [...outcomes(passed, 'passed'), ...outcomes(failed, 'failed'), ...outcomes(skipped, 'skipped')],
    },
    ...Array.from({ length: unloaded }, () => ({
      name: '/test/b.test.ts',
      status: 'failed',
      message: 'cannot find ./c.ts',
      assertionResults: [],
    })),
  ],
});

const scenario = (...statuses: readonly string[]): unknown => ({
  type: 'scenario',
  name: 'a pool drains',
  line: 3,
  steps: statuses.map((status) => ({
    keyword: 'Then ',
    name: 'it is so',
    result: { status, ...(status === 'failed' ? { error_message: 'it is not' } : {}) },
  })),
});
const cucumber = (...scenarios: readonly unknown[]): unknown => [
  { uri: 'features/a.feature', elements: [{ type: 'background', steps: [] }, ...scenarios] },
];

/** What CI says, line by line, and whether it calls it good. */
async function counted(
  steps: Readonly<Record<string, number>>,
  files: Readonly<Record<string, unknown>>,
): Promise<readonly [string[], number]> {
  const table = join(results, 'steps.tsv');
  await writeFile(
    table,
    Object.entries(steps)
      .map(([name, code]) => `${name}\t3\t${code}\n`)
      .join(''),
  );
  for (const [name, report] of Object.entries(files))
    await writeFile(join(results, name), typeof report === 'string' ? report : JSON.stringify(report));
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, '.ci', 'counts.mjs'), results, table], (error, stdout) =>
      resolve([stdout.split('\n').filter((line) => line !== ''), Number(error?.code ?? 0)]),
    );
  });
}

describe('the counts of .ci/run', () => {
  it('add up tests and scenarios', async () => {
    const files = { 'test-unit.json': vitest(10, 0), 'features.json': cucumber(scenario('passed', 'passed'), scenario('passed')) };
    expect(await counted({ 'npm test': 0 }, files)).toEqual([['12 passed, 0 failed'], 0]);
  });

  it.each([
    [
      'a failed test',
      vitest(9, 1),
      ['FAILED a drain 0 failed (/test/a.test.ts): failed', 'AssertionError: expected 1 to be 2', '9 passed, 1 failed'],
    ],
    ['a test left out', vitest(9, 0, 1), ['FAILED a drain 0 skipped (/test/a.test.ts): skipped', '9 passed, 1 failed']],
    [
      'a file that could not be loaded',
      vitest(9, 0, 0, 2),
      ['FAILED /test/b.test.ts', 'cannot find ./c.ts', 'FAILED /test/b.test.ts', 'cannot find ./c.ts', '9 passed, 2 failed'],
    ],
    [
      'a failed, an undefined and an empty scenario',
      cucumber(scenario('passed', 'failed', 'skipped'), scenario('undefined'), scenario(), scenario('passed')),
      [
        'FAILED a pool drains (features/a.feature:3)',
        'Then it is so: it is not',
        'FAILED a pool drains (features/a.feature:3)',
        'Then it is so: undefined',
        'FAILED a pool drains (features/a.feature:3)',
        'it has no steps',
        '1 passed, 3 failed',
      ],
    ],
  ])('tell of, and fail with, %s', async (_name, report, says) => {
    expect(await counted({ 'npm test': 1 }, { 'a.json': report })).toEqual([says, 1]);
  });

  it('fail with a report cut short', async () => {
    const [says, code] = await counted({ 'npm test': 1 }, { 'a.json': '{"numTotal' });
    expect([says.at(0), says.at(-1), code]).toEqual(['FAILED a report', '0 passed, 1 failed', 1]);
  });

  it('fail with a step that failed without a failed test', async () => {
    expect(await counted({ 'npm ci': 0, 'npm test': 1 }, { 'a.json': vitest(9, 0) })).toEqual([['9 passed, 1 failed'], 1]);
  });

  it('fail with nothing at all', async () => {
    expect(await counted({ 'npm ci': 0 }, {})).toEqual([['0 passed, 1 failed'], 1]);
  });
});

describe('the features', () => {
  it('are not tagged to be left out or run again', async () => {
    const files = (await readdir(join(root, 'features'), { recursive: true })).filter((name) => name.endsWith('.feature'));
    const tagged = await Promise.all(
      files.map(
        async (name) => /^\s*@(skip|wip|todo|flaky|only|ignore)/m.exec(await readFile(join(root, 'features', name), 'utf8'))?.[0] ?? null,
      ),
    );
    expect(tagged.filter((tag) => tag !== null)).toEqual([]);
  });
});
