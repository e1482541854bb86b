/** Which rows a commit has to write: only what has changed since the last one. States share what stays the same, so that is seen by identity. */
import type { EngineState } from '../engine/engine-state.ts';
import type { EndedLease } from '../lease/lease-events.ts';
import type { Batch, EndedRow } from '../store/store.ts';
import type { PoolState } from './pool-state.ts';
import { engineRow, poolRow, sameEngineRow, samePoolRow } from './stored-state.ts';
import { allEngines, generationIn } from './turn.ts';

type Rows = Pick<Batch, 'pools' | 'engines' | 'leases'>;

/** `stored` null: nothing is there yet. */
export function rowsOf(state: PoolState, stored: PoolState | null, bootId: string): Rows {
  if (state === stored) return { pools: [], engines: [], leases: [] };
  const known = new Map(stored?.engines.map((engine) => [engine.replica, engine]));
  const changed = state.engines.filter((engine) => {
    const there = known.get(engine.replica);
    return there !== engine && (there === undefined || !sameEngineRow(engine, there));
  });
  const samePool = stored !== null && samePoolRow(state, stored);
  return {
    pools: samePool ? [] : [{ pool: state.name, state: poolRow(state, bootId) }],
    engines: changed.map((engine) => ({ pool: state.name, replica: engine.replica, state: engineRow(engine) })),
    leases: leaseRows(state, stored),
  };
}

function leaseRows(state: PoolState, stored: PoolState | null): Batch['leases'] {
  const rows: Batch['leases'][number][] = [];
  for (const engine of allEngines(state)) {
    const before = stored === null ? undefined : generationIn(stored, engine);
    if (before?.seats !== engine.seats) seatRows(state.name, engine, before?.seats ?? [], rows);
  }
  for (const engine of stored === null ? [] : allEngines(stored)) {
    // A generation that is gone has taken its seats along.
    if (generationIn(state, engine) === undefined) seatRows(state.name, { ...engine, seats: [] }, engine.seats, rows);
  }
  return rows;
}

function seatRows(
  pool: string,
  { replica, generation, seats }: Pick<EngineState, 'replica' | 'generation' | 'seats'>,
  before: EngineState['seats'],
  rows: Batch['leases'][number][],
): void {
  for (let slot = 0; slot < Math.max(seats.length, before.length); slot += 1) {
    const lease = seats[slot] ?? null;
    if (lease === (before[slot] ?? null)) continue;
    rows.push({ pool, replica, generation, slot, lease: lease === null ? null : JSON.stringify(lease) });
  }
}

/** An end that its holder did not ask for, or one that may be asked for again by its key, is remembered over a start of the daemon. */
export function endedRows(pool: string, ended: EndedLease): EndedRow[] {
  const { lease } = ended.held;
  if (ended.how === 'released' && lease.key === null) return [];
  return [{ id: lease.id, endedAtMs: ended.endedAtMs, body: JSON.stringify({ pool, ...ended }) }];
}

export function isEmpty(batch: Batch): boolean {
  return Object.values(batch).every((rows: readonly unknown[]) => rows.length === 0);
}
