/**
 * The last measured lease durations of a pool, for the estimates of those who wait. A ring: leases may end 40,000 times a second, so one more
 * costs two writes and copies nothing. It reads no clock; who calls it brings the monotonic time.
 */

/** Enough for the ninth tenth of a distribution, and few enough that a change of habits is believed within minutes. */
export const DURATIONS_KEPT = 200;

export class DurationRing {
  readonly #durationsMs = new Float64Array(DURATIONS_KEPT);
  readonly #endedAtMs = new Float64Array(DURATIONS_KEPT);
  #measured = 0;
  #sinceMs: number;

  /** `sinceMs`: the monotonic time from which on every lease that ends is measured: the start of the pool or the daemon. */
  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  /** A lease held for `ms` has ended now. What is no duration (negative, not a number) is left out: one of them would spoil every estimate. */
  measured(ms: number, nowMs: number): void {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) return;
    const at = this.#measured % DURATIONS_KEPT;
    if (this.#measured >= DURATIONS_KEPT) this.#sinceMs = this.#endedAtMs[at] ?? nowMs;
    this.#durationsMs[at] = ms;
    this.#endedAtMs[at] = nowMs;
    this.#measured += 1;
  }

  /** At most `DURATIONS_KEPT`, newest last, as a copy. */
  get values(): readonly number[] {
    const cursor = this.#measured % DURATIONS_KEPT;
    if (this.#measured <= DURATIONS_KEPT) return [...this.#durationsMs.subarray(0, this.#measured)];
    return [...this.#durationsMs.subarray(cursor), ...this.#durationsMs.subarray(0, cursor)];
  }

  /** For how long every end has been in `values`, ms: since the record began, or since the end that was forgotten last. */
  watchedMs(nowMs: number): number {
    return Math.max(0, nowMs - this.#sinceMs);
  }
}
