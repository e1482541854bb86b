/** The pools of the host by their names. */
import { PooldError } from '../errors.ts';
import type { Pool } from './pool.ts';

export class PoolIndex {
  /** In the order of the file. */
  readonly all: readonly Pool[];
  readonly #pools: ReadonlyMap<string, Pool>;

  constructor(pools: readonly Pool[]) {
    this.all = pools;
    this.#pools = new Map(pools.map((pool) => [pool.state.name, pool]));
  }

  get(name: string): Pool | undefined {
    return this.#pools.get(name);
  }

  /** Throws PooldError `pool_not_found`, with the names that there are. */
  of(name: string): Pool {
    const pool = this.#pools.get(name);
    if (pool !== undefined) return pool;
    const known = [...this.#pools.keys()].toSorted();
    const says = known.length === 0 ? 'there are none' : `there are ${known.slice(0, 10).join(', ')}${known.length > 10 ? ' …' : ''}`;
    throw new PooldError('pool_not_found', `cannot find the pool ${name}: ${says}`, { pool: name });
  }
}
