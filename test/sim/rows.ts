/** The disk as the store has it: rows, written by what changed, and read back as the next daemon reads them. Nobody who waits and no token is in them. */
import type { PoolState } from '../../src/pool/pool-state.ts';
import { VOLATILE } from '../../src/pool/pool-state.ts';
import { rowsOf } from '../../src/pool/rows.ts';
import { storedPools } from '../../src/pool/stored-pools.ts';
import type { Stored } from '../../src/store/store.ts';
import { same } from './same.ts';

type Leases = Map<string, Stored['leases'][number]>;

interface Written {
  last: PoolState;
  pool: string;
  readonly engines: Map<number, string>;
  readonly leases: Leases;
}

export class Rows {
  readonly #pools = new Map<string, Written>();

  /** Writes what has changed since the last time. Doing it seldom changes nothing: what changed is what differs. */
  write(state: PoolState, bootId: string): void {
    const known = this.#pools.get(state.name);
    const rows = rowsOf(state, known?.last ?? null, bootId);
    const written: Written = known ?? { last: state, pool: '', engines: new Map(), leases: new Map() };
    written.last = state;
    for (const row of rows.pools) written.pool = row.state ?? '';
    for (const row of rows.engines) written.engines.set(row.replica, row.state ?? '');
    for (const { lease, ...seat } of rows.leases) {
      const key = `${seat.replica} ${seat.generation} ${seat.slot}`;
      if (typeof lease === 'string') written.leases.set(key, { ...seat, lease });
      else written.leases.delete(key);
    }
    this.#pools.set(state.name, written);
  }

  read(name: string): PoolState {
    const { pool, engines, leases } = this.#pools.get(name) ?? {
      pool: '',
      engines: new Map<number, string>(),
      leases: new Map() as Leases,
    };
    const stored = {
      pools: [{ pool: name, state: pool }],
      engines: [...engines].map(([replica, state]) => ({ pool: name, replica, state })),
      leases: [...leases.values()],
      lostLeases: [],
      ended: [],
    };
    const [known] = storedPools(stored);
    if (known === undefined) throw new Error(`no rows of ${name}`);
    return known.state;
  }
}

/** A state as it comes back from the disk. */
export function storedAgain(state: PoolState): PoolState {
  const rows = new Rows();
  rows.write(state, 'boot');
  return rows.read(state.name);
}

/** The keys that do not come back from the disk as they were: it keeps nothing of the queue, and no empty seats at the end. */
export function lostIn(read: PoolState, state: PoolState): readonly string[] {
  const keys = new Set([...Object.keys(state), ...Object.keys(read)]) as Set<keyof PoolState>;
  return [...keys].filter((key) => !VOLATILE.has(key) && !same(keptOf(read, key), keptOf(state, key)));
}

function keptOf(state: PoolState, key: keyof PoolState): unknown {
  if (key !== 'engines' && key !== 'others') return state[key];
  return state[key].map((engine) => ({
    ...engine,
    seats: engine.seats.slice(0, engine.seats.findLastIndex((lease) => lease !== null) + 1),
  }));
}
