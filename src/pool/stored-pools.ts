/** Pools as the last daemon stored them, maybe an older one: what it did not know yet is filled in. Pure. */
import type { PoolSpec } from '../config/spec.ts';
import { completedSpec } from '../config/stored-spec.ts';
import type { EngineState, Phase } from '../engine/engine-state.ts';
import { newEngine } from '../engine/engine-state.ts';
import { NO_SAMPLES } from '../engine/samples-state.ts';
import type { Lease } from '../lease/lease-state.ts';
import { seated } from '../lease/lease-state.ts';
import type { LeaseRow, Stored } from '../store/store.ts';
import type { PoolState } from './pool-state.ts';
import { newPool } from './pool-state.ts';
import type { StoredEngine, StoredPool } from './rows.ts';

export interface KnownPool {
  readonly bootId: string;
  readonly state: PoolState;
  /** Leases of engines that nothing else is known of. */
  readonly lost: readonly LeaseRow<string>[];
}

export function storedPools(stored: Stored): KnownPool[] {
  return stored.pools.map(({ pool, state }) => {
    const { bootId, state: rest } = JSON.parse(state) as StoredPool;
    const leases = stored.leases.filter((row) => row.pool === pool);
    const specs = Object.fromEntries(Object.entries(rest.specs).map(([id, spec]) => [id, completedSpec(spec)]));
    const whole = { ...newPool({ spec: specs[rest.specId] as PoolSpec, specId: rest.specId, nowMs: 0 }), ...rest, specs };
    const engines = stored.engines
      .filter((row) => row.pool === pool)
      .map((row) => completed(JSON.parse(row.state) as StoredEngine, leases));
    const others = (whole.others as readonly StoredEngine[]).map((row) => completed(row, leases));
    const known = [...engines, ...others];
    const lost = leases.filter((row) => !known.some((engine) => isOf(row, engine)));
    const replicas = { ...whole.replicas, members: whole.replicas.members ?? null };
    return { bootId, state: { ...whole, replicas, engines: engines.toSorted((one, other) => one.replica - other.replica), others }, lost };
  });
}

/** With its leases in their seats. What was not sampled yet is as if nothing had been; before there were drains a hold was always a stop. */
function completed(row: StoredEngine, leases: readonly LeaseRow<string>[]): EngineState {
  const mine = leases.filter((lease) => isOf(lease, row));
  const held = row.held === null ? null : { ...row.held, as: row.held.as ?? 'stopped' };
  const seats = mine.reduce<EngineState['seats']>((all, { slot, lease }) => seated(all, slot, JSON.parse(lease) as Lease), []);
  return { ...newEngine(row.replica, row.breaker), ...row, held, phase: sampled(row.phase), issued: row.issued ?? row.generation, seats };
}

function sampled(phase: Phase): Phase {
  return 'run' in phase ? { ...phase, run: { ...phase.run, samples: { ...NO_SAMPLES, ...phase.run.samples } } } : phase;
}

function isOf(
  row: { readonly replica: number; readonly generation: number },
  engine: { readonly replica: number; readonly generation: number },
): boolean {
  return row.replica === engine.replica && row.generation === engine.generation;
}
