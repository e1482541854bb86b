/** How long whoever waits will wait: measured lease times and starts per pool, and what is played through with them, anew at most once a second. */
import type { HeldSlot } from '../admission/estimate-state.ts';
import { estimates } from '../admission/estimate-state.ts';
import { DurationRing } from '../admission/durations-state.ts';
import type { Clock } from '../clock.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { isWanted } from '../pool/wanted-state.ts';
import { currentSpec } from '../pool/turn.ts';
import { heldIn } from './lease-desk.ts';
import type { Estimates } from './lease-view.ts';
import { slotsOf, takesLeases } from './seats-state.ts';
import { takenOf } from './lease-state.ts';

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

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  measured(pool: string, heldMs: number): void {
    ringOf(this.#held, pool).measured(heldMs);
  }

  started(pool: string, startMs: number): void {
    ringOf(this.#starts, pool).measured(startMs);
  }

  /** One per position of the queue as it is. */
  of(state: PoolState): Estimates {
    const nowMs = this.#clock.nowMs();
    const known = this.#played.get(state.name);
    const positions = Math.max(1, state.tickets.length);
    if (known !== undefined && nowMs - known.atMs < FRESH_MS && known.positions >= positions) return known.estimates;
    const played = this.#play(state, positions, nowMs);
    this.#played.set(state.name, { atMs: nowMs, positions, estimates: played });
    return played;
  }

  #play(state: PoolState, positions: number, nowMs: number): Estimates {
    const serving = state.engines.filter((engine) => takesLeases(engine, nowMs, true));
    const held: HeldSlot[] = heldIn({ ...state, engines: serving, others: [] }).map(({ lease }) => ({
      heldMs: nowMs - lease.grantedMs,
      ttlLeftMs: Math.max(0, (lease.expiresMs ?? nowMs + lease.ttlMs) - nowMs),
      ttlMs: lease.ttlMs,
    }));
    const freeSlots = serving.reduce((sum, engine) => sum + Math.max(0, slotsOf(state, engine) - takenOf(engine.seats)), 0);
    const durationsMs = this.#held.get(state.name)?.values ?? [];
    const coming = this.#coming(state, nowMs);
    return estimates({ held, freeSlots, coming, durationsMs, positions, random: () => this.#clock.random() });
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
}

function ringOf(rings: Map<string, DurationRing>, pool: string): DurationRing {
  const known = rings.get(pool) ?? new DurationRing();
  rings.set(pool, known);
  return known;
}
