/** A spec as the YAML that says the same with nothing left out: it reads back to the same spec. */
import { Document, isMap } from 'yaml';
import { exactBytes, formatDuration } from './quantity.ts';
import type {
  CommandSpec,
  ConfigSpec,
  DaemonSpec,
  EngineSpec,
  InUseSpec,
  PoolSpec,
  ProbeSpec,
  ProgressProbeSpec,
  StartupAction,
} from './spec.ts';

export function printConfig(spec: ConfigSpec): string {
  const pools = Object.fromEntries(spec.pools.map((pool) => [pool.name, poolText(pool)]));
  const document = new Document({ ...daemonText(spec.daemon), pools });
  for (const pool of spec.pools) {
    for (const name of ['restartLimit', 'storm'] as const) {
      const node = document.getIn(['pools', pool.name, name], true);
      if (pool[name].count === null && isMap(node)) {
        node.commentBefore = ` count: not set; ${Math.max(10, 2 * pool.replicas)} now, the larger of 10 and 2 × replicas`;
      }
    }
  }
  return document.toString({ lineWidth: 0 });
}

type Text = Readonly<Record<string, unknown>>;

function daemonText(daemon: DaemonSpec): Text {
  const { socket, tcp, metrics } = daemon.listen;
  return {
    listen: given({
      socket: given({
        mode: `0${socket.mode.toString(8).padStart(3, '0')}`,
        group: socket.group?.written ? socket.group.name : null,
        leaseGroup: socket.leaseGroup?.written ? socket.leaseGroup.name : null,
      }),
      tcp: tcp && given({ ...tcp, hosts: filled(tcp.hosts) }),
      metrics,
    }),
    log: daemon.log,
    ports: daemon.ports,
    starts: { perDevice: daemon.starts.perDevice ?? 'unlimited' },
    ...(daemon.handoff.external === null && daemon.handoff.allowUsers.length === 0 ? {} : { handoff: given(daemon.handoff) }),
  };
}

function poolText(pool: PoolSpec): Text {
  const { backoff, breaker, probes } = pool;
  return given({
    kind: pool.kind,
    autostart: pool.autostart,
    engine: engineText(pool.engine),
    replicas: pool.replicas,
    slots: pool.slots,
    restart: pool.restart,
    startTimeout: formatDuration(pool.startTimeoutMs),
    readyAfter: formatDuration(pool.readyAfterMs),
    probes: {
      startup: probes.startup ? { ...actionText(probes.startup.action), ...timingText(probes.startup) } : 'none',
      readiness: healthText(probes.readiness),
      liveness: healthText(probes.liveness),
      progress: progressText(probes.progress),
    },
    inUse: inUseText(pool.inUse),
    backoff: {
      delay: formatDuration(backoff.delayMs),
      factor: backoff.factor,
      limit: formatDuration(backoff.limitMs),
      jitter: backoff.jitter,
      minDelay: formatDuration(backoff.minDelayMs),
      resetAfter: formatDuration(backoff.resetAfterMs),
      classes: backoff.classes,
    },
    breaker: {
      failureThreshold: breaker.failureThreshold,
      openFor: formatDuration(breaker.openForMs),
      openForMax: formatDuration(breaker.openForMaxMs),
      successAfter: formatDuration(breaker.successAfterMs),
      classes: breaker.classes,
    },
    restartLimit: given({
      count: pool.restartLimit.count,
      window: formatDuration(pool.restartLimit.windowMs),
      resetAfter: formatDuration(pool.restartLimit.resetAfterMs),
    }),
    storm: given({ count: pool.storm.count, window: formatDuration(pool.storm.windowMs) }),
    crashPatterns: pool.crashPatterns,
    onExit: hookText(pool.onExit),
    stop: { timeout: formatDuration(pool.stop.timeoutMs), command: pool.stop.command ?? 'none' },
    ...useText(pool),
    logs: { maxSize: exactBytes(pool.logs.maxSizeBytes), keep: pool.logs.keep, whenFull: pool.logs.whenFull },
  });
}

function useText({ leases, queue, drain, reload }: PoolSpec): Text {
  return {
    leases: {
      ttl: formatDuration(leases.ttlMs),
      ttlMax: formatDuration(leases.ttlMaxMs),
      maxHold: formatDuration(leases.maxHoldMs),
    },
    queue: {
      limit: queue.limit,
      timeout: formatDuration(queue.timeoutMs),
      claim: formatDuration(queue.claimMs),
      aging: formatDuration(queue.agingMs),
    },
    drain: { deadline: formatDuration(drain.deadlineMs) },
    reload: {
      strategy: reload.strategy,
      maxSurge: reload.maxSurge,
      maxUnavailable: reload.maxUnavailable,
      soak: formatDuration(reload.soakMs),
    },
  };
}

function engineText(engine: EngineSpec): Text {
  const { limits } = engine;
  return given({
    ...engine,
    prepare: hookText(engine.prepare),
    preflight: hookText(engine.preflight),
    vars: filled(engine.vars),
    settable: filled(engine.settable),
    env: filled(engine.env),
    envFrom: filled(engine.envFrom),
    limits: given({
      memory: limits.memoryBytes === null ? null : exactBytes(limits.memoryBytes),
      pids: limits.pids,
      openFiles: limits.openFiles,
      memlock: typeof limits.memlockBytes === 'number' ? exactBytes(limits.memlockBytes) : limits.memlockBytes,
      cpuWeight: limits.cpuWeight,
      oomScoreAdjust: limits.oomScoreAdjust,
      bestEffort: limits.bestEffort,
    }),
  });
}

function hookText(hook: CommandSpec | null): Text | 'none' {
  return hook ? { command: hook.command, timeout: formatDuration(hook.timeoutMs) } : 'none';
}

function healthText(probe: ProbeSpec | null): Text | 'none' {
  if (probe === null) return 'none';
  const { successThreshold, failureThreshold } = probe;
  return { ...actionText(probe.action), ...timingText(probe), successThreshold, failureThreshold };
}

function progressText(probe: ProgressProbeSpec | null): Text | 'none' {
  if (probe === null) return 'none';
  const { busy, counter, stallMs } = probe;
  return { ...actionText({ by: 'httpGet', ...probe }), ...timingText(probe), busy, counter, stall: formatDuration(stallMs) };
}

function inUseText(probe: InUseSpec | null): Text | 'none' {
  return probe === null ? 'none' : { ...actionText({ by: 'httpGet', ...probe }), ...timingText(probe), gauge: probe.gauge };
}

function timingText({ periodMs, timeoutMs }: { readonly periodMs: number; readonly timeoutMs: number }): Text {
  return { period: formatDuration(periodMs), timeout: formatDuration(timeoutMs) };
}

function actionText(action: StartupAction): Text {
  switch (action.by) {
    case 'httpGet':
      return { httpGet: given({ path: action.path, port: action.port, headers: filled(action.headers) }) };
    case 'tcpSocket':
      return { tcpSocket: given({ port: action.port }) };
    case 'exec':
      return { exec: { command: action.command } };
    case 'logLine':
      return { logLine: { pattern: action.pattern } };
    case 'notify':
      return { notify: {} };
  }
}

/** Without what is null: a key that is not written. */
function given(text: Text): Text {
  return Object.fromEntries(Object.entries(text).filter(([, value]) => value !== null));
}

function filled<T extends object>(value: T): T | null {
  return Object.keys(value).length > 0 ? value : null;
}
