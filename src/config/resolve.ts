/** From a merged, complete pool to the spec that the rest of the daemon reads. Pure; decides nothing that `kinds.ts` could say. */
import { BUILT_IN_PATTERNS } from './crash-patterns.ts';
import type { PoolInput } from './pool-schema.ts';
import { healthProbe, inUseProbe, progressProbe, startupProbe } from './resolve-probes.ts';
import type { DaemonInput } from './schema.ts';
import type { CommandSpec, DaemonSpec, EngineSpec, PoolSpec } from './spec.ts';

const HOOK_TIMEOUT_MS = { prepare: 3_600_000, preflight: 30_000, onExit: 10_000 };

export function resolvePool(name: string, pool: PoolInput): PoolSpec {
  const backoff = had(pool.backoff, 'backoff');
  const breaker = had(pool.breaker, 'breaker');
  const restartLimit = had(pool.restartLimit, 'restartLimit');
  const logs = had(pool.logs, 'logs');
  const stopCommand = pool.stop?.command;
  return {
    name,
    kind: had(pool.kind, 'kind'),
    autostart: had(pool.autostart, 'autostart'),
    engine: resolveEngine(had(pool.engine, 'engine')),
    replicas: had(pool.replicas, 'replicas'),
    slots: had(pool.slots, 'slots'),
    restart: had(pool.restart, 'restart'),
    startTimeoutMs: had(pool.startTimeout, 'startTimeout'),
    readyAfterMs: had(pool.readyAfter, 'readyAfter'),
    probes: {
      startup: startupProbe(pool.probes?.startup),
      readiness: healthProbe(pool.probes?.readiness),
      liveness: healthProbe(pool.probes?.liveness),
      progress: progressProbe(pool.probes?.progress),
    },
    inUse: inUseProbe(pool.inUse),
    backoff: {
      delayMs: had(backoff.delay, 'backoff.delay'),
      factor: had(backoff.factor, 'backoff.factor'),
      limitMs: had(backoff.limit, 'backoff.limit'),
      jitter: had(backoff.jitter, 'backoff.jitter'),
      minDelayMs: had(backoff.minDelay, 'backoff.minDelay'),
      resetAfterMs: had(backoff.resetAfter, 'backoff.resetAfter'),
      classes: backoff.classes ?? {},
    },
    breaker: {
      failureThreshold: had(breaker.failureThreshold, 'breaker.failureThreshold'),
      openForMs: had(breaker.openFor, 'breaker.openFor'),
      openForMaxMs: had(breaker.openForMax, 'breaker.openForMax'),
      successAfterMs: had(breaker.successAfter, 'breaker.successAfter'),
      classes: breaker.classes ?? {},
    },
    restartLimit: {
      count: restartLimit.count ?? null,
      windowMs: had(restartLimit.window, 'restartLimit.window'),
      resetAfterMs: had(restartLimit.resetAfter, 'restartLimit.resetAfter'),
    },
    storm: { count: pool.storm?.count ?? null, windowMs: had(pool.storm?.window, 'storm.window') },
    crashPatterns: withBuiltIn(pool.crashPatterns ?? []),
    onExit: hook(pool.onExit, HOOK_TIMEOUT_MS.onExit),
    stop: {
      timeoutMs: had(pool.stop?.timeout, 'stop.timeout'),
      command: stopCommand === undefined || stopCommand === 'none' ? null : stopCommand,
    },
    ...resolveUse(pool),
    logs: {
      maxSizeBytes: had(logs.maxSize, 'logs.maxSize'),
      keep: had(logs.keep, 'logs.keep'),
      whenFull: had(logs.whenFull, 'logs.whenFull'),
    },
  };
}

function resolveUse(pool: PoolInput): Pick<PoolSpec, 'leases' | 'queue' | 'drain' | 'reload'> {
  const leases = had(pool.leases, 'leases');
  const queue = had(pool.queue, 'queue');
  const reload = had(pool.reload, 'reload');
  return {
    leases: {
      ttlMs: had(leases.ttl, 'leases.ttl'),
      ttlMaxMs: had(leases.ttlMax, 'leases.ttlMax'),
      maxHoldMs: had(leases.maxHold, 'leases.maxHold'),
    },
    queue: {
      limit: had(queue.limit, 'queue.limit'),
      timeoutMs: had(queue.timeout, 'queue.timeout'),
      claimMs: had(queue.claim, 'queue.claim'),
      agingMs: had(queue.aging, 'queue.aging'),
    },
    drain: { deadlineMs: had(pool.drain?.deadline, 'drain.deadline') },
    reload: {
      strategy: had(reload.strategy, 'reload.strategy'),
      maxSurge: had(reload.maxSurge, 'reload.maxSurge'),
      maxUnavailable: had(reload.maxUnavailable, 'reload.maxUnavailable'),
      soakMs: had(reload.soak, 'reload.soak'),
    },
  };
}

/** What is needed but missing (tokensFile, ports of listeners) becomes '' or 0 here; `rules.ts` refuses it. */
export function resolveDaemon(daemon: DaemonInput): DaemonSpec {
  const { socket, tcp, metrics } = daemon.listen ?? {};
  const perDevice = daemon.starts?.perDevice ?? 1;
  return {
    listen: {
      socket: {
        mode: Number.parseInt(socket?.mode ?? '0660', 8),
        group: groupOf(socket?.group, 'poold-admin'),
        leaseGroup: groupOf(socket?.leaseGroup, 'poold'),
      },
      tcp: tcp
        ? {
            host: tcp.host ?? LOOPBACK,
            port: tcp.port ?? 0,
            tokensFile: tcp.tokensFile ?? '',
            hosts: tcp.hosts ?? [],
            tls: tcp.tls ?? null,
          }
        : null,
      metrics: metrics ? { host: metrics.host ?? LOOPBACK, port: metrics.port ?? 0 } : null,
    },
    log: { level: daemon.log?.level ?? 'info' },
    ports: daemon.ports ?? [20_000, 29_999],
    starts: { perDevice: perDevice === 'unlimited' ? null : perDevice },
    handoff: { external: daemon.handoff?.external ?? null, allowUsers: daemon.handoff?.allowUsers ?? [] },
  };
}

const LOOPBACK = '127.0.0.1';

function groupOf(name: string | undefined, usual: string): NonNullable<DaemonSpec['listen']['socket']['group']> {
  return name === undefined ? { name: usual, written: false } : { name, written: true };
}

function resolveEngine(engine: NonNullable<PoolInput['engine']>): EngineSpec {
  const limits = engine.limits ?? {};
  const devices = engine.devices ?? null;
  return {
    command: engine.command ?? [],
    prepare: hook(engine.prepare, HOOK_TIMEOUT_MS.prepare),
    preflight: hook(engine.preflight, HOOK_TIMEOUT_MS.preflight),
    version: engine.version ?? null,
    vars: engine.vars ?? {},
    settable: engine.settable ?? {},
    env: engine.env ?? {},
    envFrom: engine.envFrom ?? {},
    workingDirectory: engine.workingDirectory ?? null,
    user: engine.user ?? null,
    host: had(engine.host, 'engine.host'),
    port: had(engine.port, 'engine.port'),
    advertise: engine.advertise ?? null,
    devices,
    requireGpu: engine.requireGpu ?? devices !== null,
    stopSignal: had(engine.stopSignal, 'engine.stopSignal'),
    limits: {
      memoryBytes: limits.memory ?? null,
      pids: limits.pids ?? null,
      openFiles: limits.openFiles ?? null,
      memlockBytes: limits.memlock ?? null,
      cpuWeight: limits.cpuWeight ?? null,
      oomScoreAdjust: limits.oomScoreAdjust ?? null,
      bestEffort: limits.bestEffort ?? false,
    },
  };
}

function hook(value: PoolInput['onExit'], timeoutMs: number): CommandSpec | null {
  if (value === undefined || value === 'none') return null;
  return { command: value.command ?? [], timeoutMs: value.timeout ?? timeoutMs };
}

/** The config's own first; a built-in one that was written out is not doubled, so that a printed pool reads back as it was. */
function withBuiltIn(own: PoolSpec['crashPatterns']): PoolSpec['crashPatterns'] {
  const spelled = new Set(own.map((entry) => `${entry.class} ${entry.pattern}`));
  return [...own, ...BUILT_IN_PATTERNS.filter((entry) => !spelled.has(`${entry.class} ${entry.pattern}`))];
}

/** The ground layer says every one of these; if it does not, the fault is ours. */
function had<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`cannot resolve a pool: kinds.ts has no default for ${name}`);
  return value;
}
