/** One timer per pool, as `src/pool/pool.ts` arms it: a `tick` exactly when `dueMs` says. */
import type { PoolState } from '../../src/pool/pool-state.ts';
import type { Ground } from './ground.ts';
import type { Machine } from './machine.ts';
import { must } from './violation.ts';

export interface TimersOptions {
  readonly ground: Ground;
  readonly machine: Machine;
  readonly state: (pool: string) => PoolState;
  /** Does nothing once the daemon is gone. */
  readonly tick: (pool: string) => void;
}

/** Ticks of one pool at one time, beyond which it is called a busy loop. */
const TICKS_MAX = 40;

export class Timers {
  readonly #given: TimersOptions;
  readonly #armed = new Map<string, { readonly dueMs: number; ticks: number; off: boolean }>();

  constructor(given: TimersOptions) {
    this.#given = given;
  }

  arm(pool: string): void {
    const { ground, machine, state, tick } = this.#given;
    const { nowMs } = ground;
    const dueMs = Math.max(nowMs, machine.dueMs(state(pool), nowMs));
    must(!Number.isNaN(dueMs), 'timers', () => `dueMs of ${pool} is not a number`);
    const old = this.#armed.get(pool);
    if (old?.dueMs === dueMs && !old.off) return;
    if (old !== undefined) old.off = true;
    const ticks = old !== undefined && old.dueMs === dueMs ? old.ticks + 1 : 0;
    must(ticks < TICKS_MAX, 'timers', () => `${pool} ticks for ever at ${nowMs}`);
    if (dueMs === Number.POSITIVE_INFINITY) {
      this.#armed.delete(pool);
      return;
    }
    const armed = { dueMs, ticks, off: false };
    this.#armed.set(pool, armed);
    ground.agenda.add(dueMs, () => {
      if (armed.off) return;
      armed.off = true;
      tick(pool);
    });
  }
}
