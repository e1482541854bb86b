import type { PoolSpec } from '../../src/config/spec.ts';

/** What a test changes of a pool's spec: of the nested parts only what it names. */
export type SpecChange = {
  readonly [Key in keyof PoolSpec]?: PoolSpec[Key] extends object ? Partial<PoolSpec[Key]> : PoolSpec[Key];
};

/** The defaults of `worker` as the contract has them, but for the jitter: 0, so that every time in a test is exact. */
const WORKER: PoolSpec = {
  name: 'chat',
  kind: 'worker',
  autostart: true,
  engine: {
    command: ['engine'],
    prepare: null,
    preflight: null,
    version: 'v1',
    vars: {},
    settable: {},
    env: {},
    envFrom: {},
    workingDirectory: null,
    user: null,
    host: '127.0.0.1',
    port: 'auto',
    advertise: null,
    devices: null,
    requireGpu: false,
    stopSignal: 'SIGTERM',
    limits: {
      memoryBytes: null,
      pids: null,
      openFiles: null,
      memlockBytes: null,
      cpuWeight: null,
      oomScoreAdjust: null,
      bestEffort: false,
    },
  },
  replicas: 1,
  slots: 1,
  restart: 'on-failure',
  startTimeoutMs: 120_000,
  readyAfterMs: 1_000,
  probes: { startup: null, readiness: null, liveness: null, progress: null },
  backoff: { delayMs: 1_000, factor: 2, limitMs: 60_000, jitter: 0, minDelayMs: 0, resetAfterMs: 300_000, classes: {} },
  breaker: { failureThreshold: 5, openForMs: 300_000, openForMaxMs: 3_600_000, successAfterMs: 60_000, classes: {} },
  restartLimit: { count: null, windowMs: 60_000, resetAfterMs: 600_000 },
  storm: { count: null, windowMs: 30_000 },
  crashPatterns: [],
  onExit: null,
  stop: { timeoutMs: 5_000, command: null },
  logs: { maxSizeBytes: 64 * 2 ** 20, keep: 5, whenFull: 'drop-oldest' },
};

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

export function poolSpec(change: SpecChange = {}): PoolSpec {
  const merged = Object.entries(WORKER).map(([key, value]) => {
    const wanted = change[key as keyof PoolSpec];
    if (wanted === undefined) return [key, value];
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    return [key, isMap ? { ...value, ...(wanted as object) } : wanted];
  });
  return Object.fromEntries(merged) as PoolSpec;
}
