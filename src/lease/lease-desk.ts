/**
 * Between those who ask and the pools that decide: hands each question in, each answer back, and knows where every lease and ticket is to be found.
 * No rule is here; whatever is answered has been stored.
 */
import type { Clock } from '../clock.ts';
import type { Pool } from '../pool/pool.ts';
import { PoolIndex } from '../pool/pool-index.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { allEngines } from '../pool/turn.ts';
import type { LeaseEars } from './lease-ears.ts';
import type { EndedLease, EndedTicket, Held, LeaseAnswer, LeaseEvent } from './lease-events.ts';
import { LeaseIds } from './lease-id.ts';
import type { Lease, Seat } from './lease-state.ts';
import type { PastLease, PastTicket } from './past-leases.ts';
import { Remembered } from './past-leases.ts';
import { heldAt, seatOf } from './seats-state.ts';

interface Place {
  readonly pool: string;
  readonly seat: Seat;
}

/** A question without the number of its answer. */
export type Question = LeaseEvent extends infer Event ? (Event extends LeaseEvent ? Omit<Event, 'to'> : never) : never;

export interface DeskListener {
  /** How long a lease was held that ended in its own time: given back, or not renewed. What was cut off tells nothing of how long leases last. */
  readonly measured: (pool: string, heldMs: number) => void;
  /** What was asked with its key has come to its end. */
  readonly leaseOver: (pool: string, lease: Lease) => void;
  readonly ticketOver: (pool: string, ended: EndedTicket) => void;
}

export class LeaseDesk implements LeaseEars {
  /** Those whose leases it has taken up. */
  pools = new PoolIndex([]);
  readonly #open = new Map<number, (answer: LeaseAnswer) => void>();
  readonly #places = new Map<string, Place>();
  /** Of tickets that wait: their pool. */
  readonly #waiting = new Map<string, string>();
  readonly #pastLeases: Remembered<PastLease>;
  readonly #pastTickets: Remembered<PastTicket>;
  readonly #wakes = new Map<string, Set<() => void>>();
  readonly #told: DeskListener;
  readonly #ids = new LeaseIds();
  #number = 0;

  constructor(clock: Clock, told: DeskListener) {
    this.#pastLeases = new Remembered(clock);
    this.#pastTickets = new Remembered(clock);
    this.#told = told;
  }

  /** Takes up what the pools hold already. `past`: what a former daemon had stored of ended leases, oldest first. */
  serves(pools: readonly Pool[], past: readonly PastLease[]): void {
    this.pools = new PoolIndex(pools);
    for (const { state } of pools) for (const { lease, seat } of heldIn(state)) this.#places.set(lease.id, { pool: state.name, seat });
    for (const one of past) this.#pastLeases.put(one.held.lease.id, one);
  }

  ask(pool: Pool, question: Question): Promise<LeaseAnswer> {
    this.#number += 1;
    const to = this.#number;
    return new Promise((resolve) => {
      this.#open.set(to, (answer) => {
        if (answer.is === 'granted') this.#seated(pool.state.name, answer.held);
        if (answer.is === 'queued' && question.type === 'acquire') this.#waiting.set(question.ticketId, pool.state.name);
        resolve(answer);
      });
      pool.ask({ ...question, to } as LeaseEvent);
    });
  }

  /** The lease as it is held now; null when it is not. */
  held(id: string): { readonly pool: Pool; readonly held: Held } | null {
    const place = this.#places.get(id);
    const pool = place === undefined ? undefined : this.pools.get(place.pool);
    const held = place === undefined || pool === undefined ? null : heldAt(pool.state, place.seat, id);
    return held === null || pool === undefined ? null : { pool, held };
  }

  newLeaseId(pool: Pool): string {
    return this.#ids.next(pool.state.tokens.epoch);
  }

  /** Null for one that is remembered no more: a plain release at once, other ends after a while. */
  pastLease(id: string): PastLease | null {
    return this.#pastLeases.get(id);
  }

  /** Of a lease that is not held: whether there has been one of that id. */
  hasEnded(id: string): boolean {
    return this.pastLease(id) !== null || this.pools.all.some(({ state }) => this.#ids.gave(id, state.tokens.epoch));
  }

  /** The pool in whose queue it is, or null. */
  ticketPool(id: string): Pool | null {
    const pool = this.pools.get(this.#waiting.get(id) ?? '') ?? null;
    return pool?.state.tickets.some((ticket) => ticket.id === id) ? pool : null;
  }

  pastTicket(id: string): PastTicket | null {
    return this.#pastTickets.get(id);
  }

  /** Calls `wake` when something becomes of the lease or ticket of that id, until the answer is called. */
  onChange(id: string, wake: () => void): () => void {
    const wakes = this.#wakes.get(id) ?? new Set();
    this.#wakes.set(id, wakes.add(wake));
    return () => {
      wakes.delete(wake);
      if (wakes.size === 0 && this.#wakes.get(id) === wakes) this.#wakes.delete(id);
    };
  }

  changed(id: string): void {
    for (const wake of this.#wakes.get(id) ?? []) wake();
  }

  answered(to: number, answer: LeaseAnswer): void {
    const told = this.#open.get(to);
    this.#open.delete(to);
    told?.(answer);
  }

  leaseEnded(pool: string, ended: EndedLease): void {
    const { id } = ended.held.lease;
    this.#places.delete(id);
    if (!isPlainRelease(ended)) this.#pastLeases.put(id, { ...ended, pool });
    const unclaimed = ended.held.lease.claimByMs !== null;
    if (ended.how === 'released' || (ended.how === 'expired' && !unclaimed)) this.#told.measured(pool, ended.heldMs);
    this.#told.leaseOver(pool, ended.held.lease);
    this.changed(id);
  }

  ticketEnded(pool: string, ended: EndedTicket): void {
    const { id } = ended.ticket;
    this.#waiting.delete(id);
    if (ended.lease === null) this.#told.ticketOver(pool, ended);
    else this.#seated(pool, ended.lease);
    this.#pastTickets.put(id, { ...ended, pool });
    this.changed(id);
  }

  #seated(pool: string, { lease, seat }: Held): void {
    this.#places.set(lease.id, { pool, seat });
  }
}

/** Nobody asks for it again: not by its key, and no stream has to say how it ended. */
function isPlainRelease({ how, held }: EndedLease): boolean {
  return how === 'released' && held.lease.key === null && held.lease.bind === 'ttl';
}

/** All that is held on the pool's engines. */
export function heldIn(state: PoolState): Held[] {
  return allEngines(state).flatMap((engine) =>
    engine.seats.filter((lease): lease is Lease => lease !== null).map((lease) => ({ lease, seat: seatOf(engine, lease) })),
  );
}
