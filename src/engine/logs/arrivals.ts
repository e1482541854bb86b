/** When the bytes of a log arrived: samples (position, wall clock), precise for what is recent and ever coarser for what is old. */

export interface Arrival {
  /** Every byte before this absolute position had been written by `atMs`. */
  readonly position: number;
  /** Wall-clock milliseconds. */
  readonly atMs: number;
}

const MAX_SAMPLES = 512;
const PRECISE_SAMPLES = 128;

export class Arrivals {
  #samples: Arrival[] = [];

  /** A sample that is not beyond the last one says nothing and is dropped. */
  add(sample: Arrival): void {
    if (sample.position <= this.last) return;
    this.#samples.push(sample);
    if (this.#samples.length > MAX_SAMPLES) this.#thin();
  }

  /** The highest position that has a sample; 0 without any. */
  get last(): number {
    return this.#samples.at(-1)?.position ?? 0;
  }

  get samples(): readonly Arrival[] {
    return this.#samples;
  }

  /** The latest time at which the byte before `position` can have arrived, or null when it has not been sampled yet. */
  arrivedMs(position: number): number | null {
    let low = 0;
    let high = this.#samples.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#samples[middle]?.position ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    return this.#samples[low]?.atMs ?? null;
  }

  /**
   * A position with nothing behind it missing that arrived at `sinceMs` or later; what comes before the first such byte is kept as short as
   * the samples allow. Not a binary search: a wall clock that was set back makes times fall.
   */
  positionSince(sinceMs: number): number {
    const first = this.#samples.findIndex((sample) => sample.atMs >= sinceMs);
    return first === -1 ? this.last : (this.#samples[first - 1]?.position ?? 0);
  }

  /** Forgets what is only about bytes before `position`, but the sample that says when those had all arrived. */
  forgetBefore(position: number): void {
    const first = this.#samples.findIndex((sample) => sample.position >= position);
    if (first > 1) this.#samples = this.#samples.slice(first - 1);
  }

  #thin(): void {
    const old = this.#samples.length - PRECISE_SAMPLES;
    this.#samples = this.#samples.filter((_, at) => at >= old || at % 2 === 1);
  }
}
