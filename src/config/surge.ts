/** Whether engines can live beside the replicas of a pool while it is reloaded. Pure. product.md, "Drain and reload". */
import type { EngineSpec, PoolSpec } from './spec.ts';

/** The key that gives each replica something of its own, which no engine beside it can have; null where there is none. */
export function surgeHindrance({ port, devices }: EngineSpec): 'engine.port' | 'engine.devices' | null {
  if (devices !== null) return 'engine.devices';
  return typeof port === 'number' ? 'engine.port' : null;
}

/** Where no engine can live beside the replicas, they are replaced in their own place: maxSurge is 0 and maxUnavailable at least 1. */
export function reloadInPlace({ engine, reload }: Pick<PoolSpec, 'engine' | 'reload'>): PoolSpec['reload'] {
  if (surgeHindrance(engine) === null) return reload;
  return { ...reload, maxSurge: 0, maxUnavailable: Math.max(1, reload.maxUnavailable) };
}
