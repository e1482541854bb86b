/**
 * Which rows a commit has to write: one of the pool, one per engine, one per lease, and only what has changed since the last commit. States share
 * what stays the same, so that is seen by identity. What is read back is `stored-pools.ts`.
 */
import type { EngineState } from '../engine/engine-state.ts';
import type { EndedLease } from '../lease/lease-events.ts';
import type { Batch, EndedRow } from '../store/store.ts';
import type { PoolState } from './pool-state.ts';
import { VOLATILE } from './pool-state.ts';
import { allEngines, generationIn } from './turn.ts';

type Rows = Pick<Batch, 'pools' | 'engines' | 'leases'>;
type Row = Batch['leases'][number];

/** A pool as it stands in its row: without its engines, its leases and whoever waits. */
export interface StoredPool {
  readonly bootId: string;
  readonly state: Omit<PoolState, 'engines'>;
}

/** An engine as it stands in its row: its seats have rows of their own. */
export type StoredEngine = Omit<EngineState, 'seats'>;

/** `stored` null: nothing is there yet. */
export function rowsOf(state: PoolState, stored: PoolState | null, bootId: string): Rows {
  if (state === stored) return { pools: [], engines: [], leases: [] };
  const changed = state.engines.filter((engine, at) => {
    const there =
      stored?.engines[at]?.replica === engine.replica
        ? stored.engines[at]
        : stored?.engines.find(({ replica }) => replica === engine.replica);
    return there !== engine && (there === undefined || !sameEngineRow(engine, there));
  });
  return {
    pools: stored !== null && samePoolRow(state, stored) ? [] : [{ pool: state.name, state: poolRow(state, bootId) }],
    engines: changed.map((engine) => ({ pool: state.name, replica: engine.replica, state: JSON.stringify(withoutSeats(engine)) })),
    leases: leaseRows(state, stored),
  };
}

export function isEmpty(batch: Batch): boolean {
  return Object.values(batch).every((rows: readonly unknown[]) => rows.length === 0);
}

export function endedRows(pool: string, ended: EndedLease): EndedRow[] {
  return isRemembered(ended) ? [{ id: ended.held.lease.id, endedAtMs: ended.endedAtMs, body: JSON.stringify({ pool, ...ended }) }] : [];
}

/** An end that its holder did not ask for, or one that may be asked for again by its key, is remembered over a start of the daemon. */
export function isRemembered({ how, held }: EndedLease): boolean {
  return how !== 'released' || held.lease.key !== null;
}

/** JSON leaves out what is undefined. */
const LEFT_OUT = Object.fromEntries(['engines', ...VOLATILE].map((key) => [key, undefined]));

function poolRow(state: PoolState, bootId: string): string {
  return JSON.stringify({ bootId, state: { ...state, others: state.others.map(withoutSeats), ...LEFT_OUT } });
}

function samePoolRow(one: PoolState, other: PoolState): boolean {
  for (const key of Object.keys(one) as (keyof PoolState)[]) {
    if (one[key] === other[key] || key === 'engines' || VOLATILE.has(key)) continue;
    if (key !== 'others' || !sameWithoutSeats(one.others, other.others)) return false;
  }
  return true;
}

function sameEngineRow(one: EngineState, other: EngineState): boolean {
  for (const key of Object.keys(one) as (keyof EngineState)[]) if (key !== 'seats' && one[key] !== other[key]) return false;
  return true;
}

function sameWithoutSeats(some: readonly EngineState[], others: readonly EngineState[]): boolean {
  return some.length === others.length && some.every((engine, at) => others[at] !== undefined && sameEngineRow(engine, others[at]));
}

function withoutSeats({ seats: _seats, ...rest }: EngineState): StoredEngine {
  return rest;
}

function leaseRows(state: PoolState, stored: PoolState | null): readonly Row[] {
  const rows: Row[] = [];
  for (const engine of allEngines(state)) {
    const before = stored === null ? undefined : generationIn(stored, engine);
    if (before?.seats !== engine.seats) seatRows(rows, state.name, engine, before?.seats ?? []);
  }
  for (const engine of stored === null ? [] : allEngines(stored)) {
    // A generation that is gone has taken its seats along.
    if (generationIn(state, engine) === undefined) seatRows(rows, state.name, { ...engine, seats: [] }, engine.seats);
  }
  return rows;
}

function seatRows(
  rows: Row[],
  pool: string,
  { replica, generation, seats }: Pick<EngineState, 'replica' | 'generation' | 'seats'>,
  before: EngineState['seats'],
): void {
  for (let slot = 0; slot < Math.max(seats.length, before.length); slot += 1) {
    const lease = seats[slot] ?? null;
    if (lease === (before[slot] ?? null)) continue;
    rows.push({ pool, replica, generation, slot, lease: lease === null ? null : JSON.stringify(lease) });
  }
}
