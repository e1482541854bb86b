/** Specs out of a database that an older poold wrote: what it did not know yet is as for a worker that says nothing. Pure. */
import { kindLayers } from './kinds.ts';
import { mergePools } from './merge.ts';
import { resolvePool } from './resolve.ts';
import type { PoolSpec } from './spec.ts';
import { reloadInPlace } from './surge.ts';

/** Keys that came after the first databases. */
type Later = 'inUse' | 'leases' | 'queue' | 'drain' | 'reload';
export type StoredSpec = Omit<PoolSpec, Later> & Partial<Pick<PoolSpec, Later>>;

/** The spec with every key; what is there stays as it is. */
export function completedSpec(spec: StoredSpec): PoolSpec {
  const { inUse, leases, queue, drain, reload } = WORKER;
  return { inUse, leases, queue, drain, ...spec, reload: spec.reload ?? reloadInPlace({ engine: spec.engine, reload }) };
}

const WORKER = resolvePool('worker', mergePools(kindLayers('worker')));
