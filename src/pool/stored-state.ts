/**
 * What is stored of a pool, and what a later daemon makes of it: a row of the pool, one per engine, one per lease. A row of an older version lacks
 * what came since; it is completed with what a pool had then.
 */
import type { PoolSpec } from '../config/spec.ts';
import { completedSpec } from '../config/stored-spec.ts';
import type { EngineState } from '../engine/engine-state.ts';
import { newEngine } from '../engine/engine-state.ts';
import type { Lease } from '../lease/lease-state.ts';
import { seated } from '../lease/lease-state.ts';
import type { PoolState } from './pool-state.ts';
import { newPool, VOLATILE } from './pool-state.ts';

/** A pool as it stands in its row: without its engines, its leases and whoever waits. */
export interface StoredPool {
  readonly bootId: string;
  readonly state: Omit<PoolState, 'engines'>;
}

/** An engine as it stands in its row: its seats have rows of their own. */
type StoredEngine = Omit<EngineState, 'seats'>;

export interface StoredLease {
  readonly replica: number;
  readonly generation: number;
  readonly slot: number;
  readonly lease: Lease;
}

/** Whether anything of the pool's own row is different. */
export function samePoolRow(one: PoolState, other: PoolState): boolean {
  return Object.entries(one).every(([key, value]) => {
    if (key === 'engines' || VOLATILE.has(key)) return true;
    const there = other[key as keyof PoolState];
    return value === there || (key === 'others' && sameWithoutSeats(one.others, other.others));
  });
}

export function sameEngineRow(one: EngineState, other: EngineState): boolean {
  return Object.entries(one).every(([key, value]) => key === 'seats' || other[key as keyof EngineState] === value);
}

export function poolRow(state: PoolState, bootId: string): string {
  const { engines: _engines, others, ...rest } = state;
  const kept = Object.fromEntries(Object.entries(rest).filter(([key]) => !VOLATILE.has(key)));
  return JSON.stringify({ bootId, state: { ...kept, others: others.map(withoutSeats) } });
}

export function engineRow(engine: EngineState): string {
  return JSON.stringify(withoutSeats(engine));
}

/** The pool that these rows are of; leases whose engine is not among them are left over. */
export function poolOfRows(rows: {
  readonly pool: StoredPool;
  readonly engines: readonly StoredEngine[];
  readonly leases: readonly StoredLease[];
}): { readonly state: PoolState; readonly left: readonly StoredLease[] } {
  const { state: stored } = rows.pool;
  const specs = Object.fromEntries(Object.entries(stored.specs).map(([id, spec]) => [id, completedSpec(spec)]));
  const spec = specs[stored.specId] as PoolSpec;
  const whole = { ...newPool({ spec, specId: stored.specId, nowMs: 0 }), ...stored, specs };
  const replicas = { ...whole.replicas, members: whole.replicas.members ?? null };
  const placed = new Set<StoredLease>();
  const seatsOf = (engine: StoredEngine): EngineState['seats'] => {
    const mine = rows.leases.filter(({ replica, generation }) => replica === engine.replica && generation === engine.generation);
    for (const one of mine) placed.add(one);
    return mine.reduce<EngineState['seats']>((seats, { slot, lease }) => seated(seats, slot, lease), []);
  };
  const engineOf = (row: StoredEngine): EngineState => ({
    ...newEngine(row.replica, row.breaker),
    ...row,
    ...heldOf(row),
    issued: row.issued ?? row.generation,
    seats: seatsOf(row),
  });
  const engines = rows.engines.map(engineOf).toSorted((one, other) => one.replica - other.replica);
  const state: PoolState = { ...whole, replicas, engines, others: (stored.others ?? []).map(engineOf) };
  return { state, left: rows.leases.filter((row) => !placed.has(row)) };
}

/** Before there were drains a hold was always a stop. */
function heldOf({ held }: StoredEngine): Pick<EngineState, 'held'> {
  return { held: held === null ? null : { ...held, as: held.as ?? 'stopped' } };
}

function withoutSeats({ seats: _seats, ...rest }: EngineState): StoredEngine {
  return rest;
}

function sameWithoutSeats(some: readonly EngineState[], others: readonly EngineState[]): boolean {
  return some.length === others.length && some.every((engine, at) => {
    const other = others[at];
    return other !== undefined && sameEngineRow(engine, other);
  });
}
