/** Gauges that are read off the status of the pools at each scrape: what is gone from it is gone from them. */
import type { Registry } from 'prom-client';
import { Gauge } from 'prom-client';
import type { BreakerName, EngineStatus, PoolStatus } from '../pool/status.ts';
import { ENGINE_STATES } from '../pool/status.ts';
import { replicaOf } from './fed.ts';

/** The contract's numbers for `breaker_state`. */
const BREAKER_NUMBER: Readonly<Record<BreakerName, number>> = { closed: 0, open: 1, half_open: 2 };

const POOL_GAUGES = {
  pool_ready: { help: '1 while at least one engine is ready and new leases are taken', more: [] },
  pool_wanted_engines: { help: 'Engines that should be up', more: [] },
  pool_engines: { help: 'Engines by state', more: ['state'] },
  pool_slots: { help: 'Lease slots: all that the pool has by its spec, and those free on engines that take leases', more: ['state'] },
  pool_active_leases: { help: 'Leases held', more: [] },
  pool_queue_depth: { help: 'Tickets waiting', more: [] },
  lease_oldest_seconds: { help: 'How long the lease that is held longest has been; 0 when none is', more: [] },
  queue_oldest_seconds: { help: 'How long the ticket that waits longest has; 0 when none does', more: [] },
  engine_up: { help: '1 while the engine is ready', more: ['replica'] },
  engine_starting_seconds: { help: 'How long the present start has been going on; 0 when there is none', more: ['replica'] },
  engine_stuck: { help: '1 while the engine was killed and is still there, or cannot be proved to be ours', more: ['replica'] },
  breaker_state: { help: '0 closed, 1 open, 2 half-open; `replica` is set on those of a single engine', more: ['replica', 'class'] },
} as const;

type GaugeName = keyof typeof POOL_GAUGES;
type Put = (name: GaugeName, labels: Readonly<Record<string, string>>, value: number) => void;

/** Returns what brings the gauges to what `pools` says at `wallMs`. */
export function createSampled(registry: Registry): (pools: readonly PoolStatus[], wallMs: number) => void {
  const gauges = new Map(
    Object.entries(POOL_GAUGES).map(([name, { help, more }]) => [
      name,
      new Gauge({ name: `poold_${name}`, help, labelNames: ['pool', ...more], registers: [registry] }),
    ]),
  );
  const put: Put = (name, labels, value) => gauges.get(name)?.set({ ...labels }, value);
  return (pools, wallMs) => {
    for (const gauge of gauges.values()) gauge.reset();
    for (const status of pools) {
      poolSampled(status, put);
      // Somebody else's engines are counted by state alone: a series of each is for replicas.
      for (const engine of status.engines) if (engine.state !== 'external') engineSampled({ pool: status.pool, engine, wallMs, put });
    }
  };
}

function poolSampled(status: PoolStatus, put: Put): void {
  const { pool, engines, breaker } = status;
  put('pool_ready', { pool }, status.ready ? 1 : 0);
  put('pool_wanted_engines', { pool }, status.wanted);
  put('pool_active_leases', { pool }, status.activeLeases);
  put('pool_queue_depth', { pool }, status.queueDepth);
  put('lease_oldest_seconds', { pool }, (status.oldestLeaseMs ?? 0) / 1_000);
  put('queue_oldest_seconds', { pool }, (status.oldestWaitMs ?? 0) / 1_000);
  put('pool_slots', { pool, state: 'total' }, status.slotsTotal);
  put('pool_slots', { pool, state: 'free' }, status.slotsFree);
  for (const state of ENGINE_STATES) put('pool_engines', { pool, state }, engines.filter((engine) => engine.state === state).length);
  put('breaker_state', { pool, class: 'any' }, BREAKER_NUMBER[breaker.state]);
  for (const [name, { state }] of Object.entries(breaker.classes)) put('breaker_state', { pool, class: name }, BREAKER_NUMBER[state]);
}

function engineSampled({
  pool,
  engine,
  wallMs,
  put,
}: {
  readonly pool: string;
  readonly engine: EngineStatus;
  readonly wallMs: number;
  readonly put: Put;
}): void {
  const labels = { pool, replica: replicaOf(engine.id) };
  const startingMs = engine.state === 'starting' && engine.startedAt !== null ? Math.max(0, wallMs - Date.parse(engine.startedAt)) : 0;
  put('engine_up', labels, engine.ready ? 1 : 0);
  put('engine_starting_seconds', labels, startingMs / 1_000);
  put('engine_stuck', labels, engine.state === 'stuck' ? 1 : 0);
  put('breaker_state', { ...labels, class: 'any' }, BREAKER_NUMBER[engine.breaker]);
}
