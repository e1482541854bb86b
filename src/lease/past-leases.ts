/**
 * What is remembered of leases and tickets that are over, so that whoever asks late gets an answer: for ten minutes, and at most so many. Plain
 * releases are not: that such a lease has ended is seen by its id.
 * Keys of acquires are remembered as long as what they were answered with, and the same ten minutes past its end.
 */
import type { Clock } from '../clock.ts';
import type { Stored } from '../store/store.ts';
import type { EndedLease, EndedTicket } from './lease-events.ts';

const REMEMBERED_MS = 600_000;
const REMEMBERED_MAX = 20_000;

export interface PastLease extends EndedLease {
  readonly pool: string;
}

export interface PastTicket extends EndedTicket {
  readonly pool: string;
}

interface Entry<Value> {
  readonly value: Value;
  readonly atMs: number;
}

/**
 * A map that forgets its oldest entries: by age, and beyond its size. It is two maps of half that size: when the younger one is full the older
 * one is dropped whole. Taking the oldest entry out of a single map, at each new one, walks over all that were taken out before.
 */
export class Remembered<Value> {
  #young = new Map<string, Entry<Value>>();
  #old = new Map<string, Entry<Value>>();
  #turnedMs = Number.NEGATIVE_INFINITY;
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  put(key: string, value: Value): void {
    const atMs = this.#clock.nowMs();
    if (this.#young.size >= REMEMBERED_MAX / 2 || atMs >= this.#turnedMs + REMEMBERED_MS) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#turnedMs = atMs;
    }
    this.#old.delete(key);
    this.#young.set(key, { value, atMs });
  }

  drop(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  get(key: string): Value | null {
    const entry = this.#young.get(key) ?? this.#old.get(key);
    return entry === undefined || entry.atMs <= this.#clock.nowMs() - REMEMBERED_MS ? null : entry.value;
  }
}

/** Those that a former daemon has stored and that are young enough, oldest first. */
export function pastLeases(stored: Pick<Stored, 'ended'>, wallMs: number): PastLease[] {
  return stored.ended.filter(({ endedAtMs }) => endedAtMs > wallMs - REMEMBERED_MS).map(({ body }) => JSON.parse(body) as PastLease);
}
