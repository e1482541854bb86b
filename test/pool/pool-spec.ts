import type { PoolSpec } from '../../src/config/spec.ts';
import { WORKER } from '../worker-spec.ts';

/** What a test changes of a pool's spec: of the nested parts only what it names. */
export type SpecChange = {
  readonly [Key in keyof PoolSpec]?: PoolSpec[Key] extends object ? Partial<PoolSpec[Key]> : PoolSpec[Key];
};

/** The jitter is 0, so that every time in a test is exact. */
const EXACT: PoolSpec = { ...WORKER, backoff: { ...WORKER.backoff, jitter: 0 } };

const HTTP = { by: 'httpGet', path: '/health', port: null, headers: {} } as const;

export const STARTUP = { action: HTTP, periodMs: 500, timeoutMs: 1_000 };
export const READINESS = { action: HTTP, periodMs: 10_000, timeoutMs: 1_000, successThreshold: 1, failureThreshold: 3 };
export const LIVENESS = { action: HTTP, periodMs: 10_000, timeoutMs: 1_000, successThreshold: 1, failureThreshold: 3 };
export const PROGRESS = {
  path: '/metrics',
  port: null,
  headers: {},
  periodMs: 10_000,
  timeoutMs: 1_000,
  busy: 'busy',
  counter: 'done',
  stallMs: 90_000,
};

export const IN_USE = { path: '/metrics', port: null, headers: {}, gauge: 'users', periodMs: 2_000, timeoutMs: 1_000 };

export function poolSpec(change: SpecChange = {}): PoolSpec {
  const merged = Object.entries(EXACT).map(([key, value]) => {
    const wanted = change[key as keyof PoolSpec];
    if (wanted === undefined) return [key, value];
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    return [key, isMap ? { ...value, ...(wanted as object) } : wanted];
  });
  return Object.fromEntries(merged) as PoolSpec;
}
