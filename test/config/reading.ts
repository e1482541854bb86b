import { readConfig } from '../../src/config/load.ts';
import type { Severity } from '../../src/config/problem.ts';
import { formatProblem } from '../../src/config/problem.ts';
import type { ConfigSpec, PoolSpec } from '../../src/config/spec.ts';

/** Problems of a text as `line:column: path: message`. */
export function problemsOf(text: string, severity?: Severity): string[] {
  const { problems } = readConfig(text, { file: 'f', directory: '/etc/poold' });
  return problems
    .filter((problem) => severity === undefined || problem.severity === severity)
    .map((problem) => formatProblem(problem).slice(2));
}

/** The spec of a text that must have no error. */
export function specOf(text: string): ConfigSpec {
  const { spec, problems } = readConfig(text, { file: 'f', directory: '/etc/poold' });
  if (spec === null) throw new Error(problems.map(formatProblem).join('\n'));
  return spec;
}

/** The one pool of a text that must have no error. */
export function poolOf(text: string): PoolSpec {
  const [pool] = specOf(text).pools;
  if (!pool) throw new Error('the text has no pool');
  return pool;
}

/** A config with one pool `p` that runs `sleep`; `keys` are further keys of the pool, `engine` of its engine, each in flow style. */
export function onePool(keys: readonly string[] = [], engine: readonly string[] = ['command: [sleep, "9"]']): string {
  return `pools: { p: { ${[`engine: { ${engine.join(', ')} }`, ...keys].join(', ')} } }`;
}

/** A text without its one ¦, and the `line:column` where that stood. */
export function marked(text: string): [string, string] {
  const before = text.split('¦')[0] ?? '';
  if (before === text) throw new Error(`no ¦ in ${text}`);
  const lines = before.split('\n');
  return [text.replace('¦', ''), `${lines.length}:${(lines.at(-1) ?? '').length + 1}`];
}
