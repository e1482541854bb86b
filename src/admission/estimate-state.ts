/**
 * How long each of those in a queue will wait: product.md, "Queue". It plays a number of futures: every held lease gets an end, every start under way
 * a moment at which its slots come, and the waiters, in their order, take the slot that is free first and hold it for a drawn time. What a position
 * waits in the middle future is its p50, in nine tenths of them its p90. In each future nobody gets a slot before one ahead of him, so a later
 * position never has a smaller estimate. Not foreseen: who comes later and goes first, who leaves the queue, starts that fail, drains.
 *
 * What wins: `history` where 20 durations are measured, else `ttl`; `coldStart` where nothing is held or free and slots only come.
 * - history: a held lease lasts as long as those that lasted longer than it has so far, and a following one as long as any (`survival-state.ts`).
 * - ttl: a held lease ends with its TTL, not renewed; one bound to a connection has none, and its slot is not counted on.
 */
import type { Survival } from './survival-state.ts';
import { ageReachedMs, shareBeyond, survivalOf, tailMeanMs } from './survival-state.ts';

export type EstimateBasis = 'history' | 'ttl' | 'coldStart';

export interface HeldSlot {
  /** How long it has been held so far, ms. */
  readonly heldMs: number;
  /** Until its TTL ends if it is not renewed, ms; Infinity = bound to a connection. */
  readonly ttlLeftMs: number;
  /** TTL, ms; Infinity = bound to a connection. */
  readonly ttlMs: number;
}

/** A start under way: when its slots come, in ms from now, as p50 and p90 of measured starts. */
export interface ComingSlots {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly slots: number;
}

export interface EstimateGround {
  /** All leases held on engines that will serve the queue. */
  readonly held: readonly HeldSlot[];
  /** Slots free now (usually 0 when somebody waits). */
  readonly freeSlots: number;
  readonly coming: readonly ComingSlots[];
  /** Measured lease durations, newest last, at most 500. */
  readonly durationsMs: readonly number[];
  /** For how long every end has been in `durationsMs`; left out = not known, then early estimates of many slots come out far too short. */
  readonly watchedMs?: number;
  /** How many waiters to estimate for: 1 … positions. */
  readonly positions: number;
  /** Draws from [0, 1). */
  readonly random: () => number;
}

export interface WaitEstimate {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly basis: EstimateBasis;
}

/** As likely as the true future is each of these, so it falls behind the 30th and the 54th of them with chances of exactly 30 and 54 in 60. */
const FUTURES = 59;
const P50_AT = 29;
const P90_AT = 53;

/** With fewer durations the ninth tenth is a guess. */
const HISTORY_LEAST = 20;
/** Older ones are left out. */
const HISTORY_MOST = 500;

/** The bound of every time that comes in, 30 years: sums of them stay finite. */
const LONGEST_MS = 1e12;

/** A drawn length of a lease is one of so many equally likely ones. */
const LENGTHS = 512;

/**
 * One per position. Null = not to be estimated: no slot is held, free or coming, or (behind the last of the slots) nothing tells how long a lease
 * lasts, as none has ended yet and none has a TTL.
 */
export function estimates(ground: EstimateGround): readonly (WaitEstimate | null)[] {
  const positions = Math.max(0, Math.trunc(ground.positions) || 0);
  const plan = planned(ground, positions);
  const slots = plan.freeSlots + plan.ends.length + plan.coming.reduce((sum, { slots: some }) => sum + some, 0);
  const reach = plan.lengthsMs === null ? Math.min(positions, slots) : positions;
  if (slots === 0 || reach === 0) return Array.from({ length: positions }, () => null);
  const waits = new Float64Array(reach * FUTURES);
  const freeAtMs = new Float64Array(slots);
  const lengthsMs = plan.lengthsMs ?? new Float64Array(LENGTHS).fill(Number.POSITIVE_INFINITY);
  for (let future = 0; future < FUTURES; future += 1) {
    fillFree(freeAtMs, plan, ground.random);
    play(freeAtMs, { waits, future, lengthsMs, random: ground.random });
  }
  return Array.from({ length: positions }, (_, position) => {
    if (position >= reach) return null;
    const sorted = waits.subarray(position * FUTURES, (position + 1) * FUTURES).sort();
    return { p50Ms: Math.round(sorted[P50_AT] ?? 0), p90Ms: Math.round(sorted[P90_AT] ?? 0), basis: plan.basis };
  });
}

interface Plan {
  readonly basis: EstimateBasis;
  readonly freeSlots: number;
  /** For each held lease counted on: a draw of when it ends, from a number in [0, 1). */
  readonly ends: readonly ((drawn: number) => number)[];
  readonly coming: readonly ComingSlots[];
  /** Equally likely lengths of the leases that follow; null: nothing is known of them. */
  readonly lengthsMs: Float64Array | null;
}

function planned(ground: EstimateGround, positions: number): Plan {
  const durationsMs = ground.durationsMs.slice(-HISTORY_MOST).map(bounded);
  const enough = durationsMs.length >= HISTORY_LEAST;
  const held = enough ? ground.held : ground.held.filter(({ ttlLeftMs, ttlMs }) => Number.isFinite(ttlLeftMs) && Number.isFinite(ttlMs));
  const heldMs = ground.held.map((slot) => bounded(slot.heldMs));
  const watchedMs = ground.watchedMs === undefined ? null : bounded(ground.watchedMs);
  const survival = durationsMs.length === 0 ? null : survivalOf({ durationsMs, heldMs, watchedMs });
  // More free slots than waiters change nothing, and the count comes from outside.
  const some = (slots: number): number => Math.max(0, Math.min(positions, Math.trunc(slots) || 0));
  const freeSlots = some(ground.freeSlots);
  return {
    basis: held.length === 0 && freeSlots === 0 ? 'coldStart' : enough ? 'history' : 'ttl',
    freeSlots,
    ends: enough && survival !== null ? heldMs.map((ageMs) => endsBy(survival, ageMs)) : held.map(endsByTtl),
    coming: ground.coming.map((start) => ({ ...start, slots: some(start.slots) })),
    lengthsMs: enough || held.length === 0 ? lengthsBy(survival) : lengthsByTtl(held),
  };
}

/** The rest of a lease among those that got as old as it is; where none did, the tail beyond them. */
function endsBy(survival: Survival, ageMs: number): (drawn: number) => number {
  if (ageMs >= (survival.endsMs.at(-1) ?? 0)) return (drawn) => -Math.log(1 - drawn) * tailMeanMs(survival, ageMs);
  const share = shareBeyond(survival, ageMs);
  return (drawn) => ageReachedMs(survival, share * (1 - drawn)) - ageMs;
}

function endsByTtl({ ttlLeftMs }: HeldSlot): () => number {
  return () => bounded(ttlLeftMs);
}

function lengthsBy(survival: Survival | null): Float64Array | null {
  return survival && Float64Array.from({ length: LENGTHS }, (_, index) => ageReachedMs(survival, 1 - (index + 0.5) / LENGTHS));
}

/** From nothing to twice the TTL, as it is in the mean: nothing tells whether a holder releases before it or renews, and this favours neither. */
function lengthsByTtl(held: readonly HeldSlot[]): Float64Array {
  const meanMs = held.reduce((sum, { ttlMs }) => sum + bounded(ttlMs) / held.length, 0);
  return Float64Array.from({ length: LENGTHS }, (_, index) => (2 * meanMs * (index + 0.5)) / LENGTHS);
}

/** When each slot is free first, in one future, rising. */
function fillFree(freeAtMs: Float64Array, { freeSlots, ends, coming }: Plan, random: () => number): void {
  let slot = freeSlots;
  freeAtMs.fill(0, 0, slot);
  for (const end of ends) {
    freeAtMs[slot] = bounded(end(random()));
    slot += 1;
  }
  for (const start of coming) {
    freeAtMs.fill(comesAtMs(start, random()), slot, slot + start.slots);
    slot += start.slots;
  }
  freeAtMs.sort();
}

/** The double-exponential distribution through both points, cut off at now: starts that take much longer than most are no exception. */
function comesAtMs({ p50Ms, p90Ms }: ComingSlots, drawn: number): number {
  const middleMs = bounded(p50Ms);
  const spreadMs = Math.max(0, bounded(p90Ms) - middleMs) / Math.log(5);
  const beyondMs = drawn < 0.5 ? spreadMs * Math.log(2 * Math.max(drawn, Number.EPSILON)) : -spreadMs * Math.log(2 * (1 - drawn));
  return bounded(middleMs + beyondMs);
}

interface Play {
  readonly waits: Float64Array;
  readonly future: number;
  readonly lengthsMs: Float64Array;
  readonly random: () => number;
}

/** Lets everyone in the queue take the first free slot: `freeAtMs` is a heap with the least on top, as a sorted array is one. */
function play(freeAtMs: Float64Array, { waits, future, lengthsMs, random }: Play): void {
  for (let at = future; at < waits.length; at += FUTURES) {
    const nowMs = freeAtMs[0] ?? 0;
    waits[at] = nowMs;
    sink(freeAtMs, nowMs + (lengthsMs[Math.floor(random() * LENGTHS)] ?? 0));
  }
}

/** Puts `value` in place of the least. */
function sink(heap: Float64Array, value: number): void {
  const { length } = heap;
  let at = 0;
  for (let child = 1; child < length; child = 2 * at + 1) {
    if (child + 1 < length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child += 1;
    const least = heap[child] ?? 0;
    if (least >= value) break;
    heap[at] = least;
    at = child;
  }
  heap[at] = value;
}

function bounded(ms: number): number {
  return ms > 0 ? Math.min(ms, LONGEST_MS) : 0;
}
