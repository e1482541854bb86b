/** What a person sees who starts the daemon on a terminal: where it is, what runs, and what to type next. A service has its log. */
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Paths } from './paths.ts';
import { personState } from './paths.ts';
import type { PoolStatus } from './pool/status.ts';

/** Printed on standard error where that is a terminal or the daemon was started by npm: standard output is the log's. */
export function greet(paths: Paths, pools: readonly PoolStatus[]): void {
  if (paths.as === 'service') return;
  process.stderr.write(`${greeting(paths, pools).join('\n')}\n`);
}

function greeting(paths: Paths, pools: readonly PoolStatus[]): string[] {
  const first = pools[0]?.pool ?? 'POOL';
  const found = paths.apiSocket === join(personState(process.env), 'run', 'api.sock') || process.env.XDG_RUNTIME_DIR !== undefined;
  const poolctl = near(fileURLToPath(new URL('../bin/poolctl', import.meta.url)));
  const command = found ? poolctl : `${poolctl} --socket ${near(paths.apiSocket)}`;
  return [
    '',
    `poold listens at ${paths.apiSocket}`,
    pools.length === 0 ? 'no pools are configured' : `pools: ${pools.map(({ pool, replicas }) => `${pool} (${replicas})`).join(', ')}`,
    'try, in another terminal:',
    `  ${command} status`,
    `  ${command} logs ${first}/0`,
    `  ${command} restart ${first}`,
    '',
  ];
}

function near(path: string): string {
  const shorter = relative(process.cwd(), path);
  return shorter.length < path.length ? shorter : path;
}
