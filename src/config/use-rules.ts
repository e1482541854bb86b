/** Rules about leases, drain and reload: what of them can never be kept. Pure. */
import type { Finding, Path } from './problem.ts';
import { failure, warning } from './problem.ts';
import { formatDuration } from './quantity.ts';
import type { PoolSpec } from './spec.ts';
import { surgeHindrance } from './surge.ts';
import type { Wrote } from './template-rules.ts';

export function useFindings(pool: PoolSpec, wrote: Wrote): Finding[] {
  return [...leaseFindings(pool, wrote), ...blueGreenFindings(pool), ...rollingFindings(pool, wrote)];
}

function leaseFindings({ leases }: PoolSpec, wrote: Wrote): Finding[] {
  const { ttlMs, ttlMaxMs, maxHoldMs } = leases;
  const findings: Finding[] = [];
  const ttl: Path = ['leases', 'ttl'];
  if (ttlMs > ttlMaxMs) {
    findings.push(
      failure(
        wrote(ttl) ? ttl : ['leases', 'ttlMax'],
        `cannot give leases of ${formatDuration(ttlMs)}: leases.ttlMax is ${formatDuration(ttlMaxMs)}; lower leases.ttl or raise leases.ttlMax`,
      ),
    );
  }
  if (maxHoldMs > 0 && maxHoldMs < ttlMs) {
    findings.push(
      warning(
        ['leases', 'maxHold'],
        `cannot let a lease last its ttl of ${formatDuration(ttlMs)}: leases.maxHold ends it after ${formatDuration(maxHoldMs)}`,
      ),
    );
  }
  return findings;
}

const STRATEGY: Path = ['reload', 'strategy'];
const IN_PLACE = 'write strategy: rolling or recreate';

/** Blue-green has every new engine beside every old one. */
function blueGreenFindings({ engine, reload, replicas }: PoolSpec): Finding[] {
  if (reload.strategy !== 'blue-green') return [];
  const hindrance = surgeHindrance(engine);
  if (hindrance !== null) {
    return [failure(STRATEGY, `cannot reload blue-green: ${belongs(hindrance)}, and two engines cannot share it; ${IN_PLACE}`)];
  }
  const ports = typeof engine.port === 'object' ? engine.port[1] - engine.port[0] + 1 : Number.POSITIVE_INFINITY;
  // A range that is too small for the replicas alone is said to be so already.
  if (ports < replicas || ports >= 2 * replicas) return [];
  return [
    failure(STRATEGY, `cannot reload blue-green: engine.port has ${ports} ports, ${2 * replicas} are needed, 2 per replica; ${IN_PLACE}`),
  ];
}

function rollingFindings({ engine, reload }: PoolSpec, wrote: Wrote): Finding[] {
  const { strategy, maxSurge, maxUnavailable } = reload;
  const hindrance = surgeHindrance(engine);
  const rolls = strategy === 'rolling' || (strategy === 'auto' && (hindrance !== null || engine.port !== 'auto'));
  if (!rolls) return [];
  const surge: Path = ['reload', 'maxSurge'];
  if (hindrance !== null) {
    if (maxSurge === 0 || !wrote(surge)) return [];
    return [
      warning(
        surge,
        `cannot be ${maxSurge}: ${belongs(hindrance)}; engines are replaced in their place, with maxSurge 0 and maxUnavailable ${Math.max(1, maxUnavailable)}`,
      ),
    ];
  }
  if (maxSurge > 0 || maxUnavailable > 0) return [];
  return [failure(surge, 'cannot replace any engine: maxSurge and maxUnavailable are both 0; raise one of them')];
}

function belongs(key: 'engine.port' | 'engine.devices'): string {
  return key === 'engine.port' ? 'engine.port is one fixed port' : 'each entry of engine.devices belongs to its replica';
}
