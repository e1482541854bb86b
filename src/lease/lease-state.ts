/**
 * A lease: the right to use one slot of one engine. product.md, "Leases".
 *
 *   held (claimed or not)  → released    given back, or its connection has gone
 *                          → expired     not renewed in time, or held for `maxHold`
 *                          → revoked     a person's word, or a stop with --now
 *                          → forced      still held at the deadline of a drain
 *                          → engine_lost its engine has ended, or cannot be proved to be ours
 *                          → lost        promoted and not claimed when the daemon died, or no longer readable in the database
 *
 * It sits in a seat of its engine's; the seat is what there is of it, so a slot is never given twice and an ended lease cannot come back.
 * Time goes before requests: what is due is ended before anything is asked, unless nobody could have asked in time (`held-up-state.ts`).
 */
import type { LeaseBind } from './lease.ts';

export interface Lease {
  readonly id: string;
  readonly token: string;
  readonly holder: string;
  readonly client: string;
  readonly slot: number;
  readonly bind: LeaseBind;
  readonly ttlMs: number;
  /** Monotonic. */
  readonly grantedMs: number;
  /** Wall clock. */
  readonly grantedAtMs: number;
  /** Monotonic; null: as long as its connection stands, which `maxHold` does not bound. */
  readonly expiresMs: number | null;
  readonly renewals: number;
  /** `Idempotency-Key` of its acquire. */
  readonly key: string | null;
  /** Monotonic: promoted, and nobody has been told yet; null once somebody was. */
  readonly claimByMs: number | null;
  /** The holder has been told that its engine is draining. */
  readonly drainTold: boolean;
  /** Its time went by while the daemon was held up; it has been given a moment for a renewal that may lie unread, and gets no other before that comes. */
  readonly spared: boolean;
}

export type Seats = readonly (Lease | null)[];

/** Where a lease sits. */
export interface Seat {
  readonly replica: number;
  readonly generation: number;
  readonly slot: number;
}

/** Tokens of a pool sort as strings in the order in which they were issued: the epoch rises with each start of the daemon, the number with each grant. */
export function tokenOf(epoch: number, number: number): string {
  return `${String(epoch).padStart(12, '0')}-${String(number).padStart(15, '0')}`;
}

export function takenOf(seats: Seats): number {
  let taken = 0;
  for (const lease of seats) if (lease !== null) taken += 1;
  return taken;
}

export function leasesIn(seats: Seats): Lease[] {
  return seats.filter((lease) => lease !== null);
}

/** The lowest that is free; null when all `slots` are taken. */
export function freeSlot(seats: Seats, slots: number): number | null {
  for (let slot = 0; slot < slots; slot += 1) if ((seats[slot] ?? null) === null) return slot;
  return null;
}

/** With the lease in its slot, or with nothing in it. */
export function seated(seats: Seats, slot: number, lease: Lease | null): Seats {
  const after = seats.slice();
  while (after.length <= slot) after.push(null);
  after[slot] = lease;
  return after;
}

/** None of their holders has been told of the drain as it is now. */
export function untold(seats: Seats): Seats {
  return seats.map((lease) => (lease === null ? null : { ...lease, drainTold: false }));
}

/** When time ends it: at its expiry, or when nobody has claimed it. Infinity for one that only its connection ends. */
export function leaseDueMs({ expiresMs, claimByMs }: Lease): number {
  return Math.min(expiresMs ?? Number.POSITIVE_INFINITY, claimByMs ?? Number.POSITIVE_INFINITY);
}

/** One TTL from now, or while its connection stands, and not beyond `maxHoldMs` (0: no such bound) after the grant. Null: no time ends it. */
export function expiryOf(
  { bind, ttlMs, grantedMs }: Pick<Lease, 'bind' | 'ttlMs' | 'grantedMs'>,
  maxHoldMs: number,
  nowMs: number,
): number | null {
  const latestMs = latestOf({ grantedMs }, maxHoldMs);
  const endsMs = bind === 'ttl' ? Math.min(nowMs + ttlMs, latestMs) : latestMs;
  return Number.isFinite(endsMs) ? endsMs : null;
}

/** When it ends however often it is renewed. Infinity with a `maxHoldMs` of 0. */
export function latestOf({ grantedMs }: Pick<Lease, 'grantedMs'>, maxHoldMs: number): number {
  return maxHoldMs === 0 ? Number.POSITIVE_INFINITY : grantedMs + maxHoldMs;
}
