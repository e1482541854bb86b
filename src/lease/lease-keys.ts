/** `Idempotency-Key`: the same key of the same pool is the same acquire, however often it is sent. product.md, "Leases"; sequence 28. */
import type { Clock } from '../clock.ts';
import { PooldError } from '../errors.ts';
import type { AcquireRequest } from './lease.ts';
import type { EndedTicket, LeaseAnswer } from './lease-events.ts';
import type { Lease } from './lease-state.ts';
import { Remembered } from './past-leases.ts';

export interface KnownKey {
  readonly leaseId: string;
  /** Empty where it is known from before a start of the daemon. */
  readonly ticketId: string;
  /** The first one's answer; null once it is known from the store. */
  readonly asked: Promise<LeaseAnswer> | null;
}

interface Entry extends KnownKey {
  readonly request: string | null;
}

export class LeaseKeys {
  /** Of leases that are held and tickets that wait: they do not age. */
  readonly #live = new Map<string, Entry>();
  readonly #past: Remembered<Entry>;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#past = new Remembered(clock);
  }

  /** Null for a key that is new, or for none. Throws PooldError `conflict` when it was sent with another request. */
  known(pool: string, request: AcquireRequest): KnownKey | null {
    if (request.key === null) return null;
    const entry = this.#live.get(idOf(pool, request.key)) ?? this.#past.get(idOf(pool, request.key));
    if (entry === null) return null;
    if (entry.request !== null && entry.request !== textOf(request)) {
      throw new PooldError('conflict', `cannot use the Idempotency-Key ${request.key} again: it was sent with another request`, { pool });
    }
    return entry;
  }

  begun(pool: string, request: AcquireRequest, known: KnownKey): void {
    if (request.key !== null) this.#live.set(idOf(pool, request.key), { ...known, request: textOf(request) });
  }

  /** Nothing came of it: the key may be used anew. */
  forgotten(pool: string, request: AcquireRequest): void {
    if (request.key !== null) this.#live.delete(idOf(pool, request.key));
  }

  /** It has ended: its key is known for a while yet, also where it ended before anybody was served. */
  leaseOver(pool: string, { id, key }: Pick<Lease, 'id' | 'key'>): void {
    if (key === null) return;
    const entry = this.#live.get(idOf(pool, key));
    this.#live.delete(idOf(pool, key));
    this.#past.put(idOf(pool, key), entry ?? stored(id));
  }

  /** Out of the queue without a lease. Whoever has hung up and comes again asks anew; what was refused or too late stays so for a while. */
  ticketOver(pool: string, { ticket, state }: Pick<EndedTicket, 'ticket' | 'state'>): void {
    const { key } = ticket;
    const entry = key === null ? undefined : this.#live.get(idOf(pool, key));
    if (key === null || entry === undefined) return;
    this.#live.delete(idOf(pool, key));
    if (state !== 'left') this.#past.put(idOf(pool, key), entry);
  }

  restored(pool: string, { id, key }: Pick<Lease, 'id' | 'key'>): void {
    if (key !== null) this.#live.set(idOf(pool, key), stored(id));
  }
}

/** What it was asked with is not stored. */
function stored(leaseId: string): Entry {
  return { leaseId, ticketId: '', asked: null, request: null };
}

function idOf(pool: string, key: string): string {
  return `${pool}\0${key}`;
}

/** What makes two requests the same. */
function textOf({ holder, ttlMs, priority, bind, client }: AcquireRequest): string {
  return JSON.stringify([holder, ttlMs, priority, bind, client]);
}
