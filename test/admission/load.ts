/** A pool under load in virtual time: who has to wait is told an estimate when he joins, and then waits. Deterministic for a seed. */
import { DurationRing } from '../../src/admission/durations-state.ts';
import type { EstimateGround, WaitEstimate } from '../../src/admission/estimate-state.ts';
import { estimates } from '../../src/admission/estimate-state.ts';
import type { Stream } from '../sim/dice.ts';
import { Dice } from '../sim/dice.ts';

const MINUTE_MS = 60_000;

/** Lengths of leases, with a mean of a minute. */
export const LENGTHS = {
  exponential: (draw: Stream): number => -Math.log(1 - draw()) * MINUTE_MS,
  /** The ninth tenth is 3.6 times the middle. */
  lognormal: (draw: Stream): number => Math.exp(normal(draw) - 0.5) * MINUTE_MS,
  /** Of the same mean with a longer tail: the ninth tenth is 6.8 times the middle. */
  longTailed: (draw: Stream): number => Math.exp(1.5 * normal(draw) - 1.125) * MINUTE_MS,
  /** Four in five short ones, and some thirty times as long. */
  twoKinds: (draw: Stream): number => (draw() < 0.8 ? 10_000 : 260_000) * (0.5 + draw()),
  constant: (): number => MINUTE_MS,
} satisfies Readonly<Record<string, (draw: Stream) => number>>;

export type Lengths = keyof typeof LENGTHS;

export interface Load {
  readonly seed: number;
  readonly slots: number;
  readonly lengths: Lengths;
  /** Who joins is asked about when so many leases have ended since the record began. */
  readonly fromEnd: number;
  readonly untilEnd: number;
  /** The record is lost, and begins again, after so many ends; left out = never. */
  readonly lostAtEnd?: number;
  /** Left out = 30 s. */
  readonly ttlMs?: number;
  /** How often a holder renews; left out = at each third of the TTL, Infinity = never. */
  readonly renewalMs?: number;
  /** Whether the estimates are told for how long the record goes back; left out = true. */
  readonly tellsWatched?: boolean;
}

export interface Outcome {
  readonly position: number;
  readonly estimate: WaitEstimate;
  readonly waitedMs: number;
}

/** A little more comes than fits, so that the queue is seldom empty and of all lengths up to its bound. */
const LOAD_FACTOR = 1.02;
const QUEUE_MAX = 30;

interface Held {
  readonly sinceMs: number;
  readonly endsMs: number;
}

interface Waiter {
  readonly sinceMs: number;
  readonly position: number;
  readonly estimate: WaitEstimate | null;
}

export function played(load: Load): Outcome[] {
  const pool = new LoadedPool(load);
  while (pool.goesOn) pool.step();
  return pool.outcomes;
}

class LoadedPool {
  readonly outcomes: Outcome[] = [];
  readonly #load: Load;
  readonly #arrivals: Stream;
  readonly #lengths: Stream;
  readonly #futures: Stream;
  readonly #queue: Waiter[] = [];
  /** By their ends. */
  #held: Held[] = [];
  #nowMs = 0;
  #nextArrivalMs = 0;
  #ended = 0;
  #recordedFrom = 0;
  #record = new DurationRing(0);

  constructor(load: Load) {
    const dice = new Dice({ seed: load.seed, only: null });
    this.#load = load;
    this.#arrivals = dice.stream('arrivals');
    this.#lengths = dice.stream('lengths');
    this.#futures = dice.stream('futures');
  }

  /** Until everyone asked about has been served: to leave out those still waiting would be to leave out the long waits. */
  get goesOn(): boolean {
    return this.#ended < (this.#load.lostAtEnd ?? 0) + this.#load.untilEnd || this.#queue.some(({ estimate }) => estimate !== null);
  }

  step(): void {
    const [first] = this.#held;
    if (first !== undefined && first.endsMs <= this.#nextArrivalMs) this.#end(first);
    else this.#arrive();
  }

  #end({ sinceMs, endsMs }: Held): void {
    this.#nowMs = endsMs;
    this.#held.shift();
    this.#record.measured(endsMs - sinceMs, endsMs);
    this.#ended += 1;
    if (this.#ended === this.#load.lostAtEnd) {
      this.#record = new DurationRing(endsMs);
      this.#recordedFrom = this.#ended;
    }
    const next = this.#queue.shift();
    if (next === undefined) return;
    const { position, estimate } = next;
    if (estimate !== null) this.outcomes.push({ position, estimate, waitedMs: endsMs - next.sinceMs });
    this.#grant();
  }

  #arrive(): void {
    this.#nowMs = this.#nextArrivalMs;
    const { slots } = this.#load;
    this.#nextArrivalMs += LENGTHS.exponential(this.#arrivals) / slots / LOAD_FACTOR;
    if (this.#held.length < slots) return this.#grant();
    if (this.#queue.length >= QUEUE_MAX) return;
    const position = this.#queue.length + 1;
    this.#queue.push({ sinceMs: this.#nowMs, position, estimate: this.#asked ? this.#estimateAt(position) : null });
  }

  #grant(): void {
    const lasts = LENGTHS[this.#load.lengths];
    this.#held.push({ sinceMs: this.#nowMs, endsMs: this.#nowMs + lasts(this.#lengths) });
    this.#held = this.#held.toSorted((one, other) => one.endsMs - other.endsMs);
  }

  get #asked(): boolean {
    const { lostAtEnd = 0, fromEnd, untilEnd } = this.#load;
    const recorded = this.#ended - this.#recordedFrom;
    return this.#ended >= lostAtEnd && recorded >= fromEnd && recorded < untilEnd;
  }

  #estimateAt(position: number): WaitEstimate | null {
    const { ttlMs = 30_000, tellsWatched = true } = this.#load;
    const { renewalMs = ttlMs / 3 } = this.#load;
    const ground: EstimateGround = {
      held: this.#held.map(({ sinceMs }) => {
        const heldMs = this.#nowMs - sinceMs;
        return { heldMs, ttlMs, ttlLeftMs: ttlMs - (heldMs % renewalMs) };
      }),
      freeSlots: 0,
      coming: [],
      durationsMs: this.#record.values,
      positions: position,
      random: this.#futures,
      ...(tellsWatched ? { watchedMs: this.#record.watchedMs(this.#nowMs) } : {}),
    };
    return estimates(ground).at(-1) ?? null;
  }
}

export interface Score {
  readonly waits: number;
  /** Shares of waits that were not longer than p50 and p90. */
  readonly withinP50: number;
  readonly withinP90: number;
  /** The middle of p50 / actual. */
  readonly ratio: number;
}

export function scored(outcomes: readonly Outcome[]): Score {
  // Estimates are whole milliseconds.
  const share = (bound: (estimate: WaitEstimate) => number): number =>
    outcomes.filter(({ estimate, waitedMs }) => Math.round(waitedMs) <= bound(estimate)).length / outcomes.length;
  const ratios = outcomes.map(({ estimate, waitedMs }) => estimate.p50Ms / Math.max(1, waitedMs)).toSorted((one, other) => one - other);
  return {
    waits: outcomes.length,
    withinP50: share(({ p50Ms }) => p50Ms),
    withinP90: share(({ p90Ms }) => p90Ms),
    ratio: ratios[Math.floor(ratios.length / 2)] ?? Number.NaN,
  };
}

/** The standard normal distribution (Box and Muller). */
export function normal(draw: Stream): number {
  return Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
}
