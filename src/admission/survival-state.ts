/**
 * How long a lease lasts, as a survival curve: the share of leases that are still held at each age.
 *
 * Ended leases alone are no fair sample: of 64 leases granted together the first 20 to end are the 20 shortest, and estimates made from them come
 * out at half the truth for two generations of leases. So those still held count as well, for as long as they were watched: the product-limit
 * estimator (Kaplan and Meier 1958) with late entry. Of those at risk at an age, the share that ended there; at risk is who was watched at that age.
 */

export interface Watched {
  /** Durations of ended leases, 1 to 500 (the share beyond them is 3^-500 at the least), in the order of their ends. */
  readonly durationsMs: readonly number[];
  /** Ages of those held. */
  readonly heldMs: readonly number[];
  /** For how long the ends have been watched; null: not known, then the ended ones are taken for a fair sample. */
  readonly watchedMs: number | null;
}

export interface Survival {
  /** Ages at which leases ended, rising. */
  readonly endsMs: Float64Array;
  /** The share still held after each of them, falling and never 0: one more lease may always last longer than all before. */
  readonly after: Float64Array;
}

/** Counts at each age as if half a lease more had been at risk and lived: where few are at risk, one end does not mean that nobody lives on. */
const DOUBT = 0.5;

export function survivalOf({ durationsMs, heldMs, watchedMs }: Watched): Survival {
  const endsMs = Float64Array.from(durationsMs).sort();
  const entries = entryAgesMs({ durationsMs, heldMs, watchedMs }).sort();
  const held = Float64Array.from(watchedMs === null ? [] : heldMs).sort();
  const after = new Float64Array(endsMs.length);
  let share = 1;
  let entered = 0;
  let outlived = 0;
  for (let ended = 0; ended < endsMs.length; ended += 1) {
    const ageMs = endsMs[ended] ?? 0;
    while (entered < entries.length && (entries[entered] ?? 0) <= ageMs) entered += 1;
    while (outlived < held.length && (held[outlived] ?? 0) < ageMs) outlived += 1;
    const atRisk = Math.max(1, entered - outlived - ended);
    share *= 1 - 1 / (atRisk + DOUBT);
    after[ended] = share;
  }
  return { endsMs, after };
}

/** The share of leases that are held for longer than `ageMs`, by the measured ends. */
export function shareBeyond({ endsMs, after }: Survival, ageMs: number): number {
  const ended = firstWhere(endsMs.length, (index) => (endsMs[index] ?? 0) > ageMs);
  return ended === 0 ? 1 : (after[ended - 1] ?? 1);
}

/** The age that the longest-living `share` (0 … 1) of leases reaches; beyond all measured ends the exponential tail of `tailMeanMs`. */
export function ageReachedMs(survival: Survival, share: number): number {
  const { endsMs, after } = survival;
  const ended = firstWhere(after.length, (index) => (after[index] ?? 0) < share);
  if (ended < endsMs.length) return endsMs[ended] ?? 0;
  const [lastMs, lastShare] = [endsMs.at(-1) ?? 0, after.at(-1) ?? 1];
  // Two logarithms and no quotient: that one overflows.
  return lastMs + tailMeanMs(survival, lastMs) * (Math.log(lastShare) - Math.log(Math.max(share, Number.MIN_VALUE)));
}

/**
 * For how much longer a lease that has outlived all measured ones is held, in the mean. The curve goes on as the exponential through its last point
 * (Brown, Hollander and Korwar 1974), drawn through the age reached: about the true mean for exponential durations, a small part of it for constant
 * ones, and it grows with the age, so that a lease somebody sits on for days is not said to end any minute.
 */
export function tailMeanMs({ after }: Survival, ageMs: number): number {
  return ageMs / -Math.log(after.at(-1) ?? 0.5);
}

/** Ages from which on each lease was watched. Ends are taken as spread evenly over the time: exact ones measured no better. */
function entryAgesMs({ durationsMs, heldMs, watchedMs }: Watched): Float64Array {
  if (watchedMs === null) return new Float64Array(durationsMs.length);
  const spacingMs = watchedMs / (durationsMs.length + 1);
  const ended = durationsMs.map((durationMs, index) => durationMs - spacingMs * (index + 1));
  const held = heldMs.map((ageMs) => ageMs - watchedMs);
  return Float64Array.from([...ended, ...held], (ageMs) => Math.max(0, ageMs));
}

/** The first of 0 … count - 1 for which it holds; `count` where there is none. It must hold for all that follow. */
function firstWhere(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
