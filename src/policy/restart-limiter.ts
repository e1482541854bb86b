/**
 * At most `count` automatic restarts of a pool in any window of `windowMs`: a true sliding window, not a tumbling one.
 * The log holds the times of the restarts themselves, so no window, wherever it begins, can hold more than `count`.
 */

export interface Limit {
  readonly count: number;
  readonly windowMs: number;
}

/** Monotonic times of the restarts that may still count, oldest first. */
export type RestartLog = readonly number[];

/** Bound for a log whose limit was lowered, or that is kept although nothing is limited. */
const LOG_MAX = 10_000;

/**
 * The earliest time at which one more restart keeps the promise: `nowMs` or later. `ahead` restarts have a claim before it: begun and not yet
 * in the log, or due earlier.
 */
export function freeAtMs(log: RestartLog, limit: Limit, asked: { readonly nowMs: number; readonly ahead: number }): number {
  const index = log.length + asked.ahead - limit.count;
  if (index < 0) return asked.nowMs;
  return Math.max(asked.nowMs, (log[index] ?? asked.nowMs) + limit.windowMs);
}

/** The log with a restart at `nowMs` in it, and without those that no window reaches any more. */
export function restarted(log: RestartLog, limit: Limit, nowMs: number): RestartLog {
  return [...log.filter((atMs) => atMs + limit.windowMs > nowMs), nowMs].slice(-LOG_MAX);
}

/** How many restarts the window that ends at `nowMs` holds. A restart exactly `windowMs` ago is out of it: compared as the sum that `freeAtMs` tells. */
export function countInWindow(log: RestartLog, limit: Limit, nowMs: number): number {
  let count = 0;
  for (const atMs of log) if (atMs + limit.windowMs > nowMs) count += 1;
  return count;
}

/** How near the limit the window is: `half` from half of `count` on (rounded up), `limit` when no restart is left. */
export function levelOf(count: number, limit: Limit): 'below' | 'half' | 'limit' {
  if (count >= limit.count) return 'limit';
  return count >= Math.ceil(limit.count / 2) ? 'half' : 'below';
}

/** The count where the file gives none: product.md, "Limiter" and "Storm". */
export function defaultCount(replicas: number): number {
  return Math.max(10, 2 * replicas);
}
