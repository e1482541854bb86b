/** A pool's spec with nothing in it but what a test is about. */
import type { EngineSpec, LimitsSpec, PoolSpec } from '../../src/config/spec.ts';

const NO_LIMITS: LimitsSpec = {
  memoryBytes: null,
  pids: null,
  openFiles: null,
  memlockBytes: null,
  cpuWeight: null,
  oomScoreAdjust: null,
  bestEffort: false,
};

export function poolSpec(engine: Partial<Omit<EngineSpec, 'limits'>> & { readonly limits?: Partial<LimitsSpec> }, name = 'chat'): PoolSpec {
  return {
    name,
    kind: 'worker',
    autostart: true,
    replicas: 1,
    slots: 4,
    restart: 'on-failure',
    startTimeoutMs: 10_000,
    readyAfterMs: 100,
    probes: { startup: null, readiness: null, liveness: null, progress: null },
    backoff: { delayMs: 1, factor: 2, limitMs: 1, jitter: 0, minDelayMs: 0, resetAfterMs: 1, classes: {} },
    breaker: { failureThreshold: 5, openForMs: 1, openForMaxMs: 1, successAfterMs: 1, classes: {} },
    restartLimit: { count: null, windowMs: 1, resetAfterMs: 1 },
    storm: { count: null, windowMs: 1 },
    crashPatterns: [],
    onExit: null,
    stop: { timeoutMs: 1, command: null },
    logs: { maxSizeBytes: 1, keep: 1, whenFull: 'drop-oldest' },
    engine: {
      command: ['/bin/true'],
      prepare: null,
      preflight: null,
      version: null,
      vars: {},
      settable: {},
      env: {},
      envFrom: {},
      workingDirectory: '/',
      user: null,
      host: '127.0.0.1',
      port: 'auto',
      advertise: null,
      devices: null,
      requireGpu: false,
      stopSignal: 'SIGTERM',
      ...engine,
      limits: { ...NO_LIMITS, ...engine.limits },
    },
  };
}
