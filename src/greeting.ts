/** What a person sees who starts the daemon on a terminal: where it is, what runs, and what to type next. A service has its log. */
import { relative } from 'node:path';
import type { Paths } from './paths.ts';
import type { PoolStatus } from './pool/status.ts';

/** Printed on standard error where that is a terminal or the daemon was started by npm: standard output is the log's. */
export function greet(paths: Paths, pools: readonly PoolStatus[]): void {
  if (paths.as === 'service') return;
  process.stderr.write(`${greeting(paths, pools).join('\n')}\n`);
}

function greeting(paths: Paths, pools: readonly PoolStatus[]): string[] {
  const first = pools[0]?.pool ?? 'POOL';
  const poolctl = `bin/poolctl --socket ${near(paths.apiSocket)}`;
  const own = paths.apiSocket.endsWith('/poold/api.sock') || paths.apiSocket.endsWith('/poold/run/api.sock');
  const command = own ? 'npx poolctl' : `npx ${poolctl}`;
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
