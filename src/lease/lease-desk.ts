/**
 * Between those who ask and the pools that decide: hands each question in, each answer back, and knows where every lease and ticket is to be found.
 * No rule is here; whatever is answered has been stored.
 */
import type { Clock } from '../clock.ts';
import type { Pool } from '../pool/pool.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { allEngines } from '../pool/turn.ts';
import type { LeaseEars } from './lease-ears.ts';
import type { EndedLease, EndedTicket, Held, LeaseAnswer, LeaseEvent } from './lease-events.ts';
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
  /** How long a lease was held that its holder gave back. */
  readonly measured: (pool: string, heldMs: number) => void;
  /** What was asked with this key is over. */
  readonly over: (pool: string, key: string | null) => void;
}

export class LeaseDesk implements LeaseEars {
  readonly #clock: Clock;
  readonly #pools = new Map<string, Pool>();
  readonly #open = new Map<number, (answer: LeaseAnswer) => void>();
  readonly #places = new Map<string, Place>();
  /** Of tickets that wait: their pool. */
  readonly #waiting = new Map<string, string>();
  readonly #pastLeases = new Remembered<PastLease>();
  readonly #pastTickets = new Remembered<PastTicket>();
  readonly #wakes = new Map<string, Set<() => void>>();
  readonly #told: DeskListener;
  #number = 0;

  constructor(clock: Clock, told: DeskListener) {
    this.#clock = clock;
    this.#told = told;
  }

  /** Takes up what the pools hold already. `past`: what a former daemon had stored of ended leases, oldest first. */
  serves(pools: readonly Pool[], past: readonly PastLease[]): void {
    for (const pool of pools) {
      this.#pools.set(pool.state.name, pool);
      for (const { lease, seat } of heldIn(pool.state)) this.#places.set(lease.id, { pool: pool.state.name, seat });
    }
    for (const one of past) this.#pastLeases.put(one.held.lease.id, one, this.#clock.nowMs());
  }

  pool(name: string): Pool | null {
    return this.#pools.get(name) ?? null;
  }

  get pools(): readonly Pool[] {
    return [...this.#pools.values()];
  }

  ask(pool: Pool, question: Question): Promise<LeaseAnswer> {
    this.#number += 1;
    const to = this.#number;
    if (question.type === 'acquire') this.#waiting.set(question.ticketId, pool.state.name);
    return new Promise((resolve) => {
      this.#open.set(to, (answer) => {
        if (answer.is === 'granted') this.#seated(pool.state.name, answer.held);
        resolve(answer);
      });
      pool.ask({ ...question, to } as LeaseEvent);
    });
  }

  /** The lease as it is held now; null when it is not. */
  held(id: string): { readonly pool: Pool; readonly held: Held } | null {
    const place = this.#places.get(id);
    const pool = place === undefined ? undefined : this.#pools.get(place.pool);
    const held = place === undefined || pool === undefined ? null : heldAt(pool.state, place.seat, id);
    return held === null || pool === undefined ? null : { pool, held };
  }

  pastLease(id: string): PastLease | null {
    return this.#pastLeases.get(id);
  }

  /** The pool in whose queue it is, or null. */
  ticketPool(id: string): Pool | null {
    const pool = this.#pools.get(this.#waiting.get(id) ?? '') ?? null;
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
    this.#pastLeases.put(id, { ...ended, pool }, this.#clock.nowMs());
    if (ended.how === 'released') this.#told.measured(pool, ended.heldMs);
    this.#told.over(pool, ended.held.lease.key);
    this.changed(id);
  }

  ticketEnded(pool: string, ended: EndedTicket): void {
    const { id } = ended.ticket;
    this.#waiting.delete(id);
    if (ended.lease === null) this.#told.over(pool, ended.ticket.key);
    else this.#seated(pool, ended.lease);
    this.#pastTickets.put(id, { ...ended, pool }, this.#clock.nowMs());
    this.changed(id);
  }

  #seated(pool: string, { lease, seat }: Held): void {
    this.#places.set(lease.id, { pool, seat });
  }
}

/** All that is held on the pool's engines. */
export function heldIn(state: PoolState): Held[] {
  return allEngines(state).flatMap((engine) =>
    engine.seats.filter((lease): lease is Lease => lease !== null).map((lease) => ({ lease, seat: seatOf(engine, lease) })),
  );
}
