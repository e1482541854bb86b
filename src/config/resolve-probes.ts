/** From a merged, complete probe to its spec. Pure. */
import type { PoolInput } from './pool-schema.ts';
import type { InUseSpec, ProbeAction, ProbeSpec, ProgressProbeSpec, StartupAction, StartupProbeSpec } from './spec.ts';

/** Period, timeout and thresholds of a probe that is given but does not say them. */
const STARTUP = { period: 500, timeout: 1_000 };
const HEALTH = { period: 10_000, timeout: 1_000, successThreshold: 1, failureThreshold: 3 };
const PROGRESS = { period: 5_000, timeout: 1_000, stall: 90_000 };
const IN_USE = { period: 2_000, timeout: 1_000 };

type Probes = NonNullable<PoolInput['probes']>;
type Given<T> = Exclude<T, 'none' | undefined>;

export function startupProbe(probe: Probes['startup']): StartupProbeSpec | null {
  if (probe === undefined || probe === 'none') return null;
  return { action: startupAction(probe), periodMs: probe.period ?? STARTUP.period, timeoutMs: probe.timeout ?? STARTUP.timeout };
}

function startupAction(probe: Given<Probes['startup']>): StartupAction {
  if (probe.logLine) return { by: 'logLine', pattern: probe.logLine.pattern ?? '' };
  return probe.notify ? { by: 'notify' } : action(probe);
}

export function healthProbe(probe: Probes['readiness']): ProbeSpec | null {
  if (probe === undefined || probe === 'none') return null;
  return {
    action: action(probe),
    periodMs: probe.period ?? HEALTH.period,
    timeoutMs: probe.timeout ?? HEALTH.timeout,
    successThreshold: probe.successThreshold ?? HEALTH.successThreshold,
    failureThreshold: probe.failureThreshold ?? HEALTH.failureThreshold,
  };
}

function action(probe: Given<Probes['readiness']> | Given<Probes['startup']>): ProbeAction {
  if (probe.exec) return { by: 'exec', command: probe.exec.command ?? [] };
  if (probe.tcpSocket) return { by: 'tcpSocket', port: probe.tcpSocket.port ?? null };
  return { by: 'httpGet', path: probe.httpGet?.path ?? '/', port: probe.httpGet?.port ?? null, headers: probe.httpGet?.headers ?? {} };
}

export function progressProbe(probe: Probes['progress']): ProgressProbeSpec | null {
  if (probe === undefined || probe === 'none') return null;
  return {
    ...metricsPage(probe.httpGet),
    periodMs: probe.period ?? PROGRESS.period,
    timeoutMs: probe.timeout ?? PROGRESS.timeout,
    busy: probe.busy ?? '',
    counter: probe.counter ?? '',
    stallMs: probe.stall ?? PROGRESS.stall,
  };
}

export function inUseProbe(probe: PoolInput['inUse']): InUseSpec | null {
  if (probe === undefined || probe === 'none') return null;
  return {
    ...metricsPage(probe.httpGet),
    gauge: probe.gauge ?? '',
    periodMs: probe.period ?? IN_USE.period,
    timeoutMs: probe.timeout ?? IN_USE.timeout,
  };
}

function metricsPage(page: Given<Probes['progress']>['httpGet']): Pick<InUseSpec, 'path' | 'port' | 'headers'> {
  return { path: page?.path ?? '/metrics', port: page?.port ?? null, headers: page?.headers ?? {} };
}
