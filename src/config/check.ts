/** `poold check FILE [--print]`, without the command line around it. */
import type { LoadOptions } from './load.ts';
import { loadConfig } from './load.ts';
import { printConfig } from './print.ts';
import type { Problem } from './problem.ts';
import { formatProblem } from './problem.ts';

export interface CheckOptions extends LoadOptions {
  /** Also the whole configuration with kinds, defaults and merging spelled out. */
  readonly print: boolean;
}

export interface Checked {
  /** Problems and a line that sums up; with `print` the YAML and nothing else. */
  readonly stdout: string;
  /** With `print` the problems. */
  readonly stderr: string;
  /** 0, or 2 with errors; warnings are no errors. */
  readonly exitCode: 0 | 2;
}

export function checkConfig(options: CheckOptions): Checked {
  const { spec, problems } = loadConfig(options);
  const lines = problems.map(formatProblem);
  if (spec === null) lines.push(`${options.file}: cannot be used: ${counted(problems)}`);
  else if (!options.print)
    lines.push(`${options.file}: good: ${plural(spec.pools.length, 'pool')}${problems.length > 0 ? `, ${counted(problems)}` : ''}`);
  const report = lines.map((line) => `${line}\n`).join('');
  const exitCode = spec === null ? 2 : 0;
  if (!options.print) return { stdout: report, stderr: '', exitCode };
  return { stdout: spec === null ? '' : printConfig(spec), stderr: report, exitCode };
}

function counted(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  return [errors > 0 ? plural(errors, 'error') : '', warnings > 0 ? plural(warnings, 'warning') : ''].filter(Boolean).join(', ');
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
