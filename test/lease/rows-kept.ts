import type { PoolState } from '../../src/pool/pool-state.ts';
import { VOLATILE } from '../../src/pool/pool-state.ts';
import { rowsOf } from '../../src/pool/rows.ts';
import { storedPools } from '../../src/pool/stored-pools.ts';
import type { Batch, LeaseRow } from '../../src/store/store.ts';

/** A database of one pool that is written as the daemon writes it: only what has changed. */
export class RowsKept {
  #pool: Batch['pools'][number] | null = null;
  readonly #engines = new Map<number, string>();
  readonly #leases = new Map<string, LeaseRow<string>>();
  #state: PoolState | null = null;

  /** Throws where what would be read back is not the state. */
  take(state: PoolState): void {
    const rows = rowsOf(state, this.#state, 'boot');
    this.#state = state;
    this.#pool = rows.pools[0] ?? this.#pool;
    for (const { replica, state: text } of rows.engines) this.#engines.set(replica, text ?? '');
    for (const row of rows.leases) {
      const key = `${row.replica}.${row.generation}.${row.slot}`;
      if (row.lease === null) this.#leases.delete(key);
      else this.#leases.set(key, { ...row, lease: row.lease });
    }
    const [back] = this.read();
    const [read, was] = [kept(back?.state as PoolState), kept(state)];
    if (read !== was) throw new Error(`cannot read back what was stored\n${read}\n${was}`);
    if (back?.lost.length !== 0) throw new Error(`cannot seat ${JSON.stringify(back?.lost)}`);
  }

  read(): ReturnType<typeof storedPools> {
    const engines = [...this.#engines].map(([replica, state]) => ({ pool: 'chat', replica, state }));
    const pools = this.#pool?.state == null ? [] : [{ pool: 'chat', state: this.#pool.state }];
    return storedPools({ pools, engines, leases: [...this.#leases.values()], ended: [], lostLeases: [] });
  }
}

/** What outlives the daemon, as text: seats without the empty ones at their end, which no row tells of. */
function kept(state: PoolState): string {
  const trimmed = (seats: PoolState['engines'][number]['seats']) => seats.slice(0, seats.findLastIndex((lease) => lease !== null) + 1);
  const entries = Object.entries(state).filter(([key]) => !VOLATILE.has(key));
  const sorted = entries.toSorted(([one], [other]) => one.localeCompare(other));
  const engines = (list: PoolState['engines']) => list.map((engine) => inOrder({ ...engine, seats: trimmed(engine.seats) }));
  return JSON.stringify(
    sorted.map(([key, value]) => [key, key === 'engines' || key === 'others' ? engines(value as PoolState['engines']) : inOrder(value)]),
  );
}

function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => one.localeCompare(other))
      .map(([key, part]) => [key, inOrder(part)]),
  );
}
