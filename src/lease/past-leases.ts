/**
 * What is remembered of leases and tickets that are over, so that whoever asks late gets an answer: for ten minutes, and at most so many.
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

/** A map that forgets its oldest entries: by age, and beyond its size. */
export class Remembered<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly atMs: number }>();
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  put(key: string, value: Value): void {
    const nowMs = this.#clock.nowMs();
    this.#entries.delete(key);
    this.#entries.set(key, { value, atMs: nowMs });
    for (const [oldest, { atMs }] of this.#entries) {
      if (this.#entries.size <= REMEMBERED_MAX && atMs > nowMs - REMEMBERED_MS) break;
      this.#entries.delete(oldest);
    }
  }

  get(key: string): Value | null {
    const entry = this.#entries.get(key);
    return entry === undefined || entry.atMs <= this.#clock.nowMs() - REMEMBERED_MS ? null : entry.value;
  }
}

/** Those that a former daemon has stored and that are young enough, oldest first. */
export function pastLeases(stored: Pick<Stored, 'ended'>, wallMs: number): PastLease[] {
  return stored.ended.filter(({ endedAtMs }) => endedAtMs > wallMs - REMEMBERED_MS).map(({ body }) => JSON.parse(body) as PastLease);
}
