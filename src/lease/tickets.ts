/** The queues as those who wait in them see them: their places, and what becomes of a ticket. */
import { inOrder } from '../admission/admission-state.ts';
import type { Clock } from '../clock.ts';
import type { Pool } from '../pool/pool.ts';
import { currentSpec } from '../pool/turn.ts';
import { claimedIfHeld, givenBack } from './claims.ts';
import type { Estimator } from './estimator.ts';
import type { TicketStatus, Waiter } from './lease.ts';
import type { LeaseDesk } from './lease-desk.ts';
import type { LeaseAnswer } from './lease-events.ts';
import { refusalOf, ticketNotFound } from './lease-faults.ts';
import { estimatedOf, grantedOf, placeOf, queuedOf, waiterOf } from './lease-view.ts';
import type { PastTicket } from './past-leases.ts';

/** How often somebody who waits hears of a new position at most. */
const POSITION_MS = 250;

export interface TicketParts {
  readonly desk: LeaseDesk;
  readonly clock: Clock;
  readonly estimator: Estimator;
}

export class Tickets {
  readonly #desk: LeaseDesk;
  readonly #clock: Clock;
  readonly #estimator: Estimator;

  constructor({ desk, clock, estimator }: TicketParts) {
    this.#desk = desk;
    this.#clock = clock;
    this.#estimator = estimator;
  }

  queue(name: string): readonly Waiter[] {
    const { state } = this.#desk.pools.of(name);
    const nowMs = this.#clock.nowMs();
    const given = { estimates: this.#estimator.of(state), nowMs };
    return inOrder(state.tickets, { nowMs, agingMs: currentSpec(state).queue.agingMs }).map((ticket) => waiterOf(state, ticket, given));
  }

  async ticket(id: string, waitMs: number, signal: AbortSignal): Promise<TicketStatus> {
    const pool = this.#desk.ticketPool(id);
    if (pool !== null && waitMs > 0) {
      this.#goesOn(await this.#desk.ask(pool, { type: 'watch', ticketId: id, watchers: 1 }));
      await this.ended(id, { untilMs: this.#clock.nowMs() + waitMs, signal });
      await this.#desk.ask(pool, { type: 'watch', ticketId: id, watchers: -1 });
    } else if (pool !== null) this.#goesOn(await this.#desk.ask(pool, { type: 'ask', ticketId: id }));
    return this.#ticketStatus(id);
  }

  async leave(id: string): Promise<TicketStatus> {
    const pool = this.#desk.ticketPool(id);
    const answer = pool === null ? null : await this.#desk.ask(pool, { type: 'leave', ticketId: id });
    if (answer?.is === 'refused') throw refusalOf(answer, 'cannot leave the queue');
    const past = this.#desk.pastTicket(id);
    if (past === null) throw ticketNotFound(id);
    // It was promoted before: then that is given back.
    if (past.lease !== null) await givenBack(this.#desk, past.lease.lease.id);
    return { ...this.#pastStatus(past), lease: null };
  }

  /** As whoever has just got it is told. */
  queued(pool: Pool, ticketId: string): ReturnType<typeof queuedOf> {
    const ticket = pool.state.tickets.find(({ id }) => id === ticketId);
    if (ticket === undefined) throw ticketNotFound(ticketId);
    return queuedOf(pool.state, ticket, { estimates: this.#estimator.of(pool.state), nowMs: this.#clock.nowMs() });
  }

  /** Resolves when the ticket is out of the queue, its place has changed (with a limit), the time is over, or the caller has gone. */
  ended(ticketId: string, { untilMs, signal }: { readonly untilMs: number; readonly signal: AbortSignal }): Promise<void> {
    const place = (): string | null => {
      const state = this.#desk.ticketPool(ticketId)?.state;
      const ticket = state?.tickets.find(({ id }) => id === ticketId);
      if (state === undefined || ticket === undefined) return null;
      return placeOf(estimatedOf(state, ticket, { estimates: [], nowMs: this.#clock.nowMs() }));
    };
    const before = place();
    if (before === null || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const nowMs = this.#clock.nowMs();
      const limited = Number.isFinite(untilMs);
      let timer = this.#clock.after(limited ? Math.min(POSITION_MS, untilMs - nowMs) : Number.POSITIVE_INFINITY, () => look());
      const look = (): void => {
        if (this.#clock.nowMs() >= untilMs || place() !== before) return done();
        timer = this.#clock.after(Math.min(POSITION_MS, untilMs - this.#clock.nowMs()), look);
      };
      const off = this.#desk.onChange(ticketId, () => done());
      const done = (): void => {
        timer.cancel();
        off();
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Throws PooldError where nobody is there to ask. A full disk takes no place in a queue away: those are not stored. */
  #goesOn(answer: LeaseAnswer): void {
    if (answer.is === 'refused' && answer.refused.code !== 'storage_full') throw refusalOf(answer, 'cannot go on waiting');
  }

  async #ticketStatus(id: string): Promise<TicketStatus> {
    const pool = this.#desk.ticketPool(id);
    const ticket = pool?.state.tickets.find((one) => one.id === id);
    if (pool !== null && ticket !== undefined) {
      const given = { estimates: this.#estimator.of(pool.state), nowMs: this.#clock.nowMs() };
      const { ticket: _short, ...waiter } = waiterOf(pool.state, ticket, given);
      return { ...waiter, id, lease: null, error: null };
    }
    const past = this.#desk.pastTicket(id);
    if (past === null) throw ticketNotFound(id);
    const there = past.lease === null ? null : this.#desk.held(past.lease.lease.id);
    if (there === null) return this.#pastStatus(past);
    const held = await claimedIfHeld(this.#desk, there.pool, there.held);
    if (held === null) return this.#pastStatus(past);
    return {
      ...this.#pastStatus(past),
      lease: grantedOf(there.pool.state, held, { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() }),
    };
  }

  #pastStatus({ ticket, waitedMs, state, refused, pool }: PastTicket): TicketStatus {
    return {
      id: ticket.id,
      pool,
      state,
      holder: ticket.holder,
      priority: ticket.priority,
      waitedMs,
      queuePosition: 0,
      estimatedWaitMs: null,
      estimatedWaitP90Ms: null,
      estimateBasis: null,
      draining: false,
      lease: null,
      error: refused === null ? null : { code: refused.code, message: refused.message },
    };
  }
}
