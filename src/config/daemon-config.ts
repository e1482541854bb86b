/** The configuration as the daemon takes it at its start. */
import { PooldError } from '../errors.ts';
import { loadConfig } from './load.ts';
import { formatProblem } from './problem.ts';
import type { ConfigSpec } from './spec.ts';

export interface DaemonConfig extends ConfigSpec {
  /** One line each, with its place in the file. */
  readonly warnings: readonly string[];
}

/** Throws PooldError `invalid_config` with every problem, a line each. */
export function readDaemonConfig(paths: { readonly config: string; readonly poolsDirectory: string | null }): DaemonConfig {
  const { spec, problems } = loadConfig({ file: paths.config, poolsDirectory: paths.poolsDirectory });
  if (spec === null) {
    const lines = problems.map((problem) => `  ${formatProblem(problem)}`);
    throw new PooldError('invalid_config', `cannot start with this configuration:\n${lines.join('\n')}`);
  }
  return { ...spec, warnings: problems.map(formatProblem) };
}
