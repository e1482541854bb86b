/** Pools as the last daemon stored them, maybe an older one: what it did not know yet is filled in. Pure. */
import { completedSpec } from '../config/stored-spec.ts';
import type { EngineState } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import { NO_SAMPLES } from '../engine/samples-state.ts';
import type { Stored } from '../store/store.ts';
import type { StoredPool } from './pool.ts';
import type { PoolState } from './pool-state.ts';

export function storedPools(stored: Stored): { readonly bootId: string; readonly state: PoolState }[] {
  return stored.pools.map(({ pool, state }) => {
    const { bootId, state: rest } = JSON.parse(state) as StoredPool;
    const specs = Object.fromEntries(Object.entries(rest.specs).map(([id, spec]) => [id, completedSpec(spec)]));
    const engines = stored.engines.filter((row) => row.pool === pool).map((row) => completed(JSON.parse(row.state) as EngineState));
    return { bootId, state: { ...rest, specs, engines: engines.toSorted((one, other) => one.replica - other.replica) } };
  });
}

/** What was not sampled yet is as if nothing had been. */
function completed(engine: EngineState): EngineState {
  const phase = livePhase(engine);
  if (phase === null) return engine;
  return { ...engine, phase: { ...phase, run: { ...phase.run, samples: { ...NO_SAMPLES, ...phase.run.samples } } } };
}
