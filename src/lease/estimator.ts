/** How long whoever waits will wait: measured lease times and starts per pool, and what is played through with them, anew at most once a second. */

import { DurationRing } from '../admission/durations-state.ts';
import type { HeldSlot } from '../admission/estimate-state.ts';
import { estimates } from '../admission/estimate-state.ts';
import type { Clock } from '../clock.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { currentSpec } from '../pool/turn.ts';
import { isWanted } from '../pool/wanted-state.ts';
import { heldIn } from './lease-desk.ts';
import { takenOf } from './lease-state.ts';
import type { Estimates } from './lease-view.ts';
import { slotsOf, takesLeases } from './seats-state.ts';

const FRESH_MS = 1_000;

interface Played {
  readonly atMs: number;
  readonly positions: number;
  readonly estimates: Estimates;
}

export class Estimator {
  readonly #clock: Clock;
  readonly #held = new Map<string, DurationRing>();
  readonly #starts = new Map<string, DurationRing>();
  readonly #played = new Map<string, Played>();
  readonly #seeds = new Map<string, number>();
  readonly #bornMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#bornMs = clock.nowMs();
  }

  measured(pool: string, heldMs: number): void {
    this.#ringOf(this.#held, pool).measured(heldMs, this.#clock.nowMs());
  }

  started(pool: string, startMs: number): void {
    this.#ringOf(this.#starts, pool).measured(startMs, this.#clock.nowMs());
  }

  /** One per position of the queue as it is. */
  of(state: PoolState): Estimates {
    const nowMs = this.#clock.nowMs();
    const known = this.#played.get(state.name);
    const waiting = Math.max(1, state.tickets.length);
    if (known !== undefined && nowMs - known.atMs < FRESH_MS && known.positions >= waiting) return known.estimates;
    // For twice as many and more: a queue that fills within a second is not played through for each who comes.
    const positions = 2 ** Math.ceil(Math.log2(waiting) + 1);
    const played = this.#play(state, positions, nowMs);
    this.#played.set(state.name, { atMs: nowMs, positions, estimates: played });
    return played;
  }

  #play(state: PoolState, positions: number, nowMs: number): Estimates {
    const serving = state.engines.filter((engine) => takesLeases(engine, nowMs, true));
    const held: HeldSlot[] = heldIn({ ...state, engines: serving, others: [] }).map(({ lease }) => ({
      heldMs: nowMs - lease.grantedMs,
      // Bound to a connection it has no TTL that would end it, at most the pool's maxHold.
      ttlLeftMs: lease.expiresMs === null ? Number.POSITIVE_INFINITY : Math.max(0, lease.expiresMs - nowMs),
      ttlMs: lease.bind === 'ttl' ? lease.ttlMs : (lease.expiresMs ?? Number.POSITIVE_INFINITY) - lease.grantedMs,
    }));
    const freeSlots = serving.reduce((sum, engine) => sum + Math.max(0, slotsOf(state, engine) - takenOf(engine.seats)), 0);
    const measured = this.#ringOf(this.#held, state.name);
    const coming = this.#coming(state, nowMs);
    const watchedMs = measured.watchedMs(nowMs);
    return estimates({
      held,
      freeSlots,
      coming,
      durationsMs: measured.values,
      watchedMs,
      positions,
      random: draws(this.#seedOf(state.name)),
    });
  }

  /** Starts under way, by how long starts of this pool have taken; where none has been measured nothing is known. */
  #coming(state: PoolState, nowMs: number): { readonly p50Ms: number; readonly p90Ms: number; readonly slots: number }[] {
    const measured = (this.#starts.get(state.name)?.values ?? []).toSorted((one, other) => one - other);
    const [p50, p90] = [measured[Math.floor(measured.length / 2)], measured[Math.floor(measured.length * 0.9)]];
    if (p50 === undefined || p90 === undefined) return [];
    return state.engines.flatMap((engine) => {
      const { phase } = engine;
      if (phase.is !== 'starting' || !isWanted(state, engine)) return [];
      const goneMs = phase.run.spawnedMs === null ? 0 : nowMs - phase.run.spawnedMs;
      return [{ p50Ms: Math.max(0, p50 - goneMs), p90Ms: Math.max(0, p90 - goneMs), slots: currentSpec(state).slots }];
    });
  }

  #seedOf(pool: string): number {
    const seed = this.#seeds.get(pool) ?? Math.floor(this.#clock.random() * 2 ** 32);
    this.#seeds.set(pool, seed);
    return seed;
  }

  #ringOf(rings: Map<string, DurationRing>, pool: string): DurationRing {
    const known = rings.get(pool) ?? new DurationRing(this.#bornMs);
    rings.set(pool, known);
    return known;
  }
}

/** Chance that is the same each time (mulberry32): what is told to somebody who waits changes only when something has changed. */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
