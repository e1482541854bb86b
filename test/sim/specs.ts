/** Pool specs: the defaults of contract.md, and pools drawn at random with everything small enough to be met within a few hundred events. */
import type { PoolSpec, ProbeSpec } from '../../src/config/spec.ts';
import { WORKER } from '../worker-spec.ts';
import type { Stream } from './dice.ts';
import { between, chance, pick, whole } from './dice.ts';

export function httpProbe(given: Partial<ProbeSpec>): ProbeSpec {
  const action = { by: 'httpGet', path: '/health', port: null, headers: {} } as const;
  return { action, periodMs: 10_000, timeoutMs: 1_000, successThreshold: 1, failureThreshold: 3, ...given };
}

const IN_USE: PoolSpec['inUse'] = { path: '/metrics', port: null, headers: {}, gauge: 'users', periodMs: 2_000, timeoutMs: 500 };

/** `at` tells the pools of one host apart: their port ranges do not overlap. */
export function randomSpec(draw: Stream, name: string, at: number): PoolSpec {
  const replicas = pick(draw, [1, 1, 2, 2, 3, 4]);
  const devices = chance(draw, 0.3) ? ['0', '1', '0,1', '2'] : null;
  const gpu = chance(draw, 0.4) ? { gpu: { failureThreshold: whole(draw, 2, 3) } } : {};
  const openForMs = between(draw, 5_000, 60_000);
  return {
    ...WORKER,
    name,
    autostart: !chance(draw, 0.1),
    engine: {
      ...WORKER.engine,
      vars: { temper: 'as drawn' },
      settable: { temper: '[a-z ]+' },
      prepare: chance(draw, 0.3) ? { command: ['fetch'], timeoutMs: 60_000 } : null,
      devices,
      port: devices === null && chance(draw, 0.3) ? [30_000 + 10 * at, 30_004 + 10 * at] : 'auto',
    },
    replicas,
    slots: whole(draw, 1, 4),
    restart: pick(draw, ['always', 'always', 'on-failure', 'on-failure', 'never']),
    startTimeoutMs: between(draw, 3_000, 20_000),
    readyAfterMs: between(draw, 100, 1_500),
    probes: randomProbes(draw),
    backoff: {
      delayMs: between(draw, 100, 2_000),
      factor: between(draw, 1.2, 3),
      limitMs: between(draw, 4_000, 30_000),
      jitter: pick(draw, [0, 0.1, 0.3]),
      minDelayMs: pick(draw, [0, 0, 500]),
      resetAfterMs: between(draw, 5_000, 40_000),
      classes: { gpu: 2 },
    },
    breaker: {
      failureThreshold: whole(draw, 2, 5),
      openForMs,
      openForMaxMs: openForMs * pick(draw, [1, 3, 8]),
      successAfterMs: between(draw, 2_000, 15_000),
      classes: gpu,
    },
    restartLimit: {
      count: chance(draw, 0.6) ? whole(draw, 2, 6) : null,
      windowMs: between(draw, 5_000, 60_000),
      resetAfterMs: between(draw, 10_000, 60_000),
    },
    // By its place and not by a draw, which would move all that follow.
    inUse: at % 2 === 1 ? IN_USE : null,
    storm: { count: chance(draw, 0.6) ? whole(draw, 2, 6) : null, windowMs: between(draw, 5_000, 30_000) },
    onExit: chance(draw, 0.1) ? { command: ['nvidia-smi'], timeoutMs: 1_000 } : null,
    stop: { timeoutMs: between(draw, 500, 5_000), command: null },
    ...leasing(draw),
  };
}

/** Drawn last: it moves nothing that is drawn before. */
function leasing(draw: Stream): Pick<PoolSpec, 'leases' | 'queue' | 'drain' | 'reload'> {
  return {
    leases: { ttlMs: between(draw, 1_000, 10_000), ttlMaxMs: 60_000, maxHoldMs: chance(draw, 0.2) ? between(draw, 5_000, 30_000) : 0 },
    queue: {
      limit: pick(draw, [0, 1, 3, 100]),
      timeoutMs: between(draw, 2_000, 40_000),
      claimMs: between(draw, 1_000, 5_000),
      agingMs: pick(draw, [0, 1_000, 5_000]),
    },
    drain: { deadlineMs: between(draw, 500, 20_000) },
    reload: { strategy: 'auto', maxSurge: whole(draw, 0, 2), maxUnavailable: whole(draw, 1, 2), soakMs: between(draw, 0, 3_000) },
  };
}

/** One replica of this pool is bad; the rules for all of them are the defaults. */
export function neighbourSpec(draw: Stream, name: string): PoolSpec {
  return {
    ...WORKER,
    name,
    replicas: whole(draw, 2, 5),
    restart: pick(draw, ['always', 'on-failure']),
    probes: randomProbes(draw),
    startTimeoutMs: 60_000,
    stop: { timeoutMs: between(draw, 500, 5_000), command: null },
  };
}

/** The file as a person has changed it while no daemon was there. */
export function changedSpec(draw: Stream, spec: PoolSpec): PoolSpec {
  const { devices } = spec.engine;
  const replicas = pick(draw, [spec.replicas, whole(draw, 1, 4)]);
  return {
    ...spec,
    autostart: chance(draw, 0.1) ? !spec.autostart : spec.autostart,
    engine: { ...spec.engine, version: `v${whole(draw, 2, 9)}`, port: devices === null ? 'auto' : spec.engine.port },
    replicas,
    restart: pick(draw, [spec.restart, 'always', 'on-failure', 'never']),
    probes: pick(draw, [spec.probes, randomProbes(draw)]),
  };
}

function randomProbes(draw: Stream): PoolSpec['probes'] {
  const probe = (): ProbeSpec =>
    httpProbe({
      periodMs: between(draw, 1_000, 8_000),
      timeoutMs: 500,
      successThreshold: whole(draw, 1, 2),
      failureThreshold: whole(draw, 1, 3),
    });
  const { action } = httpProbe({});
  return {
    startup: chance(draw, 0.3) ? { action, periodMs: between(draw, 300, 2_000), timeoutMs: 500 } : null,
    readiness: chance(draw, 0.4) ? probe() : null,
    liveness: chance(draw, 0.5) ? probe() : null,
    progress: chance(draw, 0.2)
      ? {
          path: '/metrics',
          port: null,
          headers: {},
          periodMs: between(draw, 1_000, 4_000),
          timeoutMs: 500,
          busy: 'busy',
          counter: 'done',
          stallMs: between(draw, 2_000, 10_000),
        }
      : null,
  };
}
