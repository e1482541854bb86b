import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { BUILT_IN_PATTERNS } from '../../src/config/crash-patterns.ts';
import { loadConfig } from '../../src/config/load.ts';
import { poolOf, specOf } from './reading.ts';

it('the example of the contract loads as it is written', () => {
  const { spec, problems } = loadConfig({ file: fileURLToPath(new URL('contract.yaml', import.meta.url)) });
  // It has devices and writes maxSurge: 1 all the same, to show the default.
  expect(problems.map(({ path, severity }) => `${severity} ${path}`)).toEqual(['warning pools.chat.reload.maxSurge']);
  expect(spec?.daemon.listen).toEqual({
    socket: { mode: 0o660, group: { name: 'poold-admin', written: true }, leaseGroup: { name: 'poold', written: true } },
    tcp: {
      host: '127.0.0.1',
      port: 9_200,
      tokensFile: '/etc/poold/tokens',
      hosts: ['gpu1.internal'],
      tls: { cert: '/etc/poold/tls.crt', key: '/etc/poold/tls.key' },
    },
    metrics: { host: '127.0.0.1', port: 9_209 },
  });
  const [pool] = spec?.pools ?? [];
  expect(pool?.engine.limits).toEqual({
    memoryBytes: 8 * 2 ** 30,
    pids: 512,
    openFiles: 65_536,
    memlockBytes: 'unlimited',
    cpuWeight: 100,
    oomScoreAdjust: 0,
    bestEffort: false,
  });
  expect(pool).toMatchObject({ name: 'chat', kind: 'llama-server', restart: 'on-failure', replicas: 2, slots: 4, startTimeoutMs: 120_000 });
  expect(pool?.breaker.classes).toEqual({ gpu: { failureThreshold: 5 } });
  expect(pool?.inUse).toEqual({
    path: '/metrics',
    port: null,
    headers: {},
    gauge: 'llamacpp:requests_processing',
    periodMs: 2_000,
    timeoutMs: 1_000,
  });
  expect(pool).toMatchObject({
    leases: { ttlMs: 30_000, ttlMaxMs: 3_600_000, maxHoldMs: 0 },
    queue: { limit: 1_000, timeoutMs: 120_000, claimMs: 10_000, agingMs: 30_000 },
    drain: { deadlineMs: 30_000 },
    reload: { strategy: 'auto', maxSurge: 0, maxUnavailable: 1, soakMs: 5_000 },
  });
});

it('a worker that says nothing gets the documented defaults', () => {
  expect(poolOf('pools: { p: { engine: { command: [x] } } }')).toEqual({
    name: 'p',
    kind: 'worker',
    autostart: true,
    engine: {
      command: ['x'],
      prepare: null,
      preflight: null,
      version: null,
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
    inUse: null,
    backoff: { delayMs: 1_000, factor: 2, limitMs: 60_000, jitter: 0.1, minDelayMs: 0, resetAfterMs: 300_000, classes: { gpu: 2 } },
    breaker: { failureThreshold: 5, openForMs: 300_000, openForMaxMs: 3_600_000, successAfterMs: 60_000, classes: {} },
    restartLimit: { count: null, windowMs: 60_000, resetAfterMs: 600_000 },
    storm: { count: null, windowMs: 30_000 },
    crashPatterns: BUILT_IN_PATTERNS,
    onExit: null,
    stop: { timeoutMs: 5_000, command: null },
    leases: { ttlMs: 30_000, ttlMaxMs: 3_600_000, maxHoldMs: 0 },
    queue: { limit: 1_000, timeoutMs: 120_000, claimMs: 10_000, agingMs: 30_000 },
    drain: { deadlineMs: 30_000 },
    reload: { strategy: 'auto', maxSurge: 1, maxUnavailable: 0, soakMs: 5_000 },
    logs: { maxSizeBytes: 64 * 2 ** 20, keep: 5, whenFull: 'drop-oldest' },
  });
});

it('the daemon gets the documented defaults', () => {
  expect(specOf('').daemon).toEqual({
    listen: {
      socket: { mode: 0o660, group: { name: 'poold-admin', written: false }, leaseGroup: { name: 'poold', written: false } },
      tcp: null,
      metrics: null,
    },
    log: { level: 'info' },
    ports: [20_000, 29_999],
    starts: { perDevice: 1 },
    handoff: { external: null, allowUsers: [] },
  });
});

it('requireGpu is on with devices, and can be said otherwise', () => {
  expect(poolOf('pools: { p: { engine: { command: [x], devices: ["0,1"] } } }').engine.requireGpu).toBe(true);
  expect(poolOf('pools: { p: { engine: { command: [x], devices: ["GPU-8a1"], requireGpu: false } } }').engine.requireGpu).toBe(false);
});

it('a probe that is given gets the documented times and thresholds', () => {
  const { probes } = poolOf(
    'pools: { p: { engine: { command: [x], port: 80 }, probes: { startup: { notify: {} }, readiness: { tcpSocket: { port: 81 } }, liveness: { httpGet: {} } } } }',
  );
  expect(probes).toEqual({
    startup: { action: { by: 'notify' }, periodMs: 500, timeoutMs: 1_000 },
    readiness: { action: { by: 'tcpSocket', port: '81' }, periodMs: 10_000, timeoutMs: 1_000, successThreshold: 1, failureThreshold: 3 },
    liveness: {
      action: { by: 'httpGet', path: '/', port: null, headers: {} },
      periodMs: 10_000,
      timeoutMs: 1_000,
      successThreshold: 1,
      failureThreshold: 3,
    },
    progress: null,
  });
});
