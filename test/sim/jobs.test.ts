/** The command that runs many schedules: however many cores it is given, they are the same schedules. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

/** What it says in the end, without how fast it was. */
async function lastLine(...options: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'main.ts'), '--schedules', '30', '--seed', '5', ...options]);
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  return last.replace(/\d+ events\/s/, 'so many events/s');
}

it('runs the same schedules in one job and in three', async () => {
  const one = await lastLine();
  expect(one).toMatch(/^30 schedules, \d+ events, so many events\/s of a core, \d+ \(state, event\) pairs$/);
  expect(await lastLine('--jobs', '3')).toBe(one);
});
