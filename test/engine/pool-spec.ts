/** A pool's spec for tests of real processes: only its engine matters, and its times are short. */
import type { EngineSpec, LimitsSpec, PoolSpec } from '../../src/config/spec.ts';
import { WORKER } from '../worker-spec.ts';

export function poolSpec(engine: Partial<Omit<EngineSpec, 'limits'>> & { readonly limits?: Partial<LimitsSpec> }, name = 'chat'): PoolSpec {
  return {
    ...WORKER,
    name,
    slots: 4,
    startTimeoutMs: 10_000,
    readyAfterMs: 100,
    engine: {
      ...WORKER.engine,
      command: ['/bin/true'],
      version: null,
      workingDirectory: '/',
      ...engine,
      limits: { ...WORKER.engine.limits, ...engine.limits },
    },
  };
}
