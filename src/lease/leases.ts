/** Leases and queues of all pools, as the API sees them: product.md, "Leases"; contract.md, "HTTP". What is decided is decided in the pools. */
import { randomUUID } from 'node:crypto';
import { inOrder, PRIORITY_DEFAULT } from '../admission/admission-state.ts';
import type { Clock } from '../clock.ts';
import { PooldError } from '../errors.ts';
import type { Event } from '../events/event.ts';
import type { Pool } from '../pool/pool.ts';
import { currentSpec } from '../pool/turn.ts';
import { boundLines } from './bound-lines.ts';
import { Estimator } from './estimator.ts';
import type {
  Acquired,
  AcquireRequest,
  BoundLine,
  Granted,
  LeaseCaller,
  LeaseFilter,
  LeaseHost,
  LeaseStatus,
  Released,
  Renewed,
  TicketStatus,
  Waiter,
} from './lease.ts';
import { heldIn, LeaseDesk } from './lease-desk.ts';
import type { Acquire, Held, LeaseAnswer, Patience } from './lease-events.ts';
import { leaseEnded, notFound, refusalOf, stale, ticketNotFound, ticketOver, ttlChecked } from './lease-faults.ts';
import { isOfEarlier, newLeaseId } from './lease-id.ts';
import { LeaseKeys } from './lease-keys.ts';
import type { Seen } from './lease-view.ts';
import { estimatedOf, grantedOf, leaseStatusOf, placeOf, queuedOf, renewedOf, waiterOf } from './lease-view.ts';
import type { PastLease, PastTicket } from './past-leases.ts';

/** How often somebody who waits hears of a new position at most. */
const POSITION_MS = 250;

interface Asked {
  readonly request: AcquireRequest;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

export class Leases implements LeaseHost {
  readonly desk: LeaseDesk;
  readonly #clock: Clock;
  readonly #estimator: Estimator;
  readonly #keys: LeaseKeys;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#estimator = new Estimator(clock);
    this.#keys = new LeaseKeys(clock);
    this.desk = new LeaseDesk(clock, {
      measured: (pool, heldMs) => this.#estimator.measured(pool, heldMs),
      leaseOver: (pool, lease) => this.#keys.leaseOver(pool, lease),
      ticketOver: (pool, ended) => this.#keys.ticketOver(pool, ended),
    });
  }

  /** From here on it answers for these pools. `past`: ended leases that a former daemon has stored, oldest first. */
  serves(pools: readonly Pool[], past: readonly PastLease[]): void {
    this.desk.serves(pools, past);
    for (const { held, pool } of past) this.#keys.leaseOver(pool, held.lease);
    for (const pool of pools) for (const { lease } of heldIn(pool.state)) this.#keys.restored(pool.state.name, lease);
  }

  /** What happened beside: starts are measured, and holders learn of a drain at once. */
  heard({ type, pool, facts }: Event): void {
    if (pool === null) return;
    if (type === 'engine.ready' && typeof facts.startMs === 'number') this.#estimator.started(pool, facts.startMs);
    if (type === 'lease.draining' && typeof facts.lease === 'string') this.desk.changed(facts.lease);
  }

  async acquire(name: string, request: AcquireRequest, signal: AbortSignal): Promise<Acquired> {
    const pool = this.#pool(name);
    const { ticketId, answer } = await this.#acquired(pool, request);
    if (answer.is === 'granted') return this.#handedOver(pool, answer.held, { request, signal });
    if (answer.is !== 'queued') throw refusalOf(answer, 'cannot lease an engine');
    if (waits(request)) await this.#ended(ticketId, { untilMs: Number.POSITIVE_INFINITY, signal });
    // It may have been promoted in the very turn that had queued it.
    else if (this.desk.ticketPool(ticketId) !== null) return this.#queued(pool, ticketId);
    return this.#promoted(pool, ticketId, { request, signal });
  }

  async *acquireBound(name: string, request: AcquireRequest, signal: AbortSignal): AsyncIterable<BoundLine> {
    const pool = this.#pool(name);
    const { ticketId, answer } = await this.#acquired(pool, request);
    if (answer.is !== 'granted' && answer.is !== 'queued') throw refusalOf(answer, 'cannot lease an engine');
    const first = answer.is === 'granted' ? { held: answer.held } : { ticketId };
    yield* boundLines({ desk: this.desk, clock: this.#clock, pool, signal, queued: () => this.#queued(pool, ticketId) }, first);
  }

  async *attach(id: string, token: string, signal: AbortSignal): AsyncIterable<BoundLine> {
    const { pool, held } = this.#held(id);
    const answer = await this.desk.ask(pool, { type: 'attach', id, seat: held.seat, token });
    if (answer.is !== 'granted') throw this.#faultOf(answer, id);
    const queued = (): never => {
      throw new Error('an attached lease is not queued');
    };
    yield* boundLines({ desk: this.desk, clock: this.#clock, pool, signal, queued }, { held: answer.held });
  }

  async renew(id: string, { token, ttlMs }: { readonly token: string; readonly ttlMs: number | null }): Promise<Renewed> {
    const { pool, held } = this.#held(id);
    if (ttlMs !== null) ttlChecked(pool, ttlMs);
    const answer = await this.desk.ask(pool, { type: 'renew', id, seat: held.seat, token, ttlMs });
    if (answer.is !== 'renewed') throw this.#faultOf(answer, id);
    return renewedOf(pool.state, answer.held, this.#seen());
  }

  verify(id: string, token: string): LeaseStatus {
    const { pool, held } = this.#held(id);
    if (held.lease.token !== token) throw stale(id);
    return leaseStatusOf(pool.state, held, this.#seen());
  }

  async release(id: string, caller: LeaseCaller, outcome: 'engine_failed' | null): Promise<Released> {
    if (!caller.operates && caller.token === null) {
      throw new PooldError('forbidden', `cannot release ${id} without its token: send it in the header Poold-Lease-Token`);
    }
    const there = this.desk.held(id);
    if (there === null) {
      // Releases are too many to be remembered over a start of the daemon, where no key may ask for one again.
      const ended = this.desk.pastLease(id) !== null || this.desk.pools.some(({ state }) => isOfEarlier(id, state.tokens.epoch));
      if (!ended) throw notFound(id);
      return { outcome: 'already_ended' };
    }
    const { pool, held } = there;
    const token = caller.operates && caller.token === null ? null : caller.token;
    const answer = await this.desk.ask(pool, { type: 'release', id, seat: held.seat, token, engineFailed: outcome !== null });
    if (answer.is === 'gone') return { outcome: 'already_ended' };
    if (answer.is !== 'released') throw this.#faultOf(answer, id);
    return { outcome: 'released' };
  }

  async revoke(id: string, { by, reason }: { readonly by: string; readonly reason: string | null }): Promise<LeaseStatus> {
    const { pool, held } = this.#held(id);
    const shown = leaseStatusOf(pool.state, held, this.#seen());
    const answer = await this.desk.ask(pool, { type: 'revoke', id, seat: held.seat, token: null, by, reason });
    if (answer.is !== 'revoked') throw this.#faultOf(answer, id);
    return shown;
  }

  leases({ pool: name, holder, olderMs }: LeaseFilter): readonly LeaseStatus[] {
    const pools = name === null ? this.desk.pools : [this.#pool(name)];
    const all = pools.flatMap(({ state }) => heldIn(state).map((held) => leaseStatusOf(state, held, this.#seen())));
    return all
      .filter((lease) => (holder === null || lease.holder === holder) && (olderMs === null || lease.heldMs >= olderMs))
      .toSorted((one, other) => other.heldMs - one.heldMs);
  }

  lease(id: string): LeaseStatus {
    const { pool, held } = this.#held(id);
    return leaseStatusOf(pool.state, held, this.#seen());
  }

  queue(name: string): readonly Waiter[] {
    const { state } = this.#pool(name);
    const nowMs = this.#clock.nowMs();
    const given = { estimates: this.#estimator.of(state), nowMs };
    return inOrder(state.tickets, { nowMs, agingMs: currentSpec(state).queue.agingMs }).map((ticket) => waiterOf(state, ticket, given));
  }

  async ticket(id: string, waitMs: number, signal: AbortSignal): Promise<TicketStatus> {
    const pool = this.desk.ticketPool(id);
    if (pool !== null && waitMs > 0) {
      this.#goesOn(await this.desk.ask(pool, { type: 'watch', ticketId: id, watchers: 1 }));
      await this.#ended(id, { untilMs: this.#clock.nowMs() + waitMs, signal });
      await this.desk.ask(pool, { type: 'watch', ticketId: id, watchers: -1 });
    } else if (pool !== null) this.#goesOn(await this.desk.ask(pool, { type: 'ask', ticketId: id }));
    return this.#ticketStatus(id);
  }

  async leave(id: string): Promise<TicketStatus> {
    const pool = this.desk.ticketPool(id);
    const answer = pool === null ? null : await this.desk.ask(pool, { type: 'leave', ticketId: id });
    if (answer?.is === 'refused') throw refusalOf(answer, 'cannot leave the queue');
    const past = this.desk.pastTicket(id);
    if (past === null) throw ticketNotFound(id);
    // It was promoted before: then that is given back.
    if (past.lease !== null) await this.#givenBack(past.lease.lease.id);
    return { ...this.#pastStatus(past), lease: null };
  }

  async #acquired(pool: Pool, request: AcquireRequest): Promise<{ readonly ticketId: string; readonly answer: LeaseAnswer }> {
    const { leases } = currentSpec(pool.state);
    const ttlMs = request.ttlMs ?? leases.ttlMs;
    ttlChecked(pool, ttlMs);
    const key = this.#keys.known(pool.state.name, request);
    if (key !== null) return this.#again(pool, request, key);
    const ids = { leaseId: newLeaseId(pool.state.tokens.epoch), ticketId: `t-${randomUUID()}` };
    const asked = this.desk.ask(pool, {
      type: 'acquire',
      ...ids,
      holder: request.holder,
      client: request.client,
      ttlMs,
      priority: request.priority ?? PRIORITY_DEFAULT,
      bind: request.bind,
      key: request.key,
      patience: patienceOf(request),
      ticketMs: request.ticketMs ?? null,
    } satisfies Omit<Acquire, 'to'>);
    this.#keys.begun(pool.state.name, request, { ...ids, asked });
    const answer = await asked;
    if (answer.is !== 'granted' && answer.is !== 'queued') this.#keys.forgotten(pool.state.name, request);
    return { ticketId: ids.ticketId, answer };
  }

  /** The same key again: the same lease or ticket, whatever has become of it. */
  async #again(
    pool: Pool,
    request: AcquireRequest,
    known: { readonly leaseId: string; readonly ticketId: string; readonly asked: Promise<LeaseAnswer> | null },
  ) {
    const first = await known.asked;
    const { ticketId } = known;
    // Both came before the answer: what is refused to one is refused to the other.
    if (first?.is === 'refused') return { ticketId, answer: first };
    const there = this.desk.held(known.leaseId);
    if (there !== null) {
      const { held } = there;
      const answer = held.lease.claimByMs === null ? ({ is: 'granted', held } as const) : await this.#claimed(pool, held);
      return { ticketId, answer };
    }
    const ended = this.desk.pastLease(known.leaseId);
    if (ended !== null) throw leaseEnded(ended);
    const ticket = pool.state.tickets.find(({ id }) => id === ticketId);
    if (ticket !== undefined) {
      if (waits(request) || request.bind === 'connection') await this.desk.ask(pool, { type: 'watch', ticketId, watchers: 1 });
      return { ticketId, answer: { is: 'queued', ticket } as const };
    }
    const past = this.desk.pastTicket(ticketId);
    if (past === null) throw ticketNotFound(ticketId);
    if (past.state !== 'left') throw ticketOver(past);
    // Nobody was there for it any more, as when a connection broke, and nothing came of it: asked again it is asked anew.
    if (this.#keys.known(pool.state.name, request)?.ticketId === ticketId) this.#keys.forgotten(pool.state.name, request);
    return this.#acquired(pool, request);
  }

  /** Somebody is told of a promotion: that is stored first, or it would be lost with the daemon. */
  async #claimed(pool: Pool, held: Held): Promise<Extract<LeaseAnswer, { is: 'granted' | 'renewed' | 'claimed' }>> {
    const answer = await this.desk.ask(pool, { type: 'claim', id: held.lease.id, seat: held.seat, token: null });
    if (answer.is !== 'claimed') throw this.#faultOf(answer, held.lease.id);
    return { is: 'granted', held: answer.held };
  }

  #queued(pool: Pool, ticketId: string): ReturnType<typeof queuedOf> {
    const ticket = pool.state.tickets.find(({ id }) => id === ticketId);
    if (ticket === undefined) throw ticketNotFound(ticketId);
    return queuedOf(pool.state, ticket, { estimates: this.#estimator.of(pool.state), nowMs: this.#clock.nowMs() });
  }

  async #promoted(pool: Pool, ticketId: string, asked: Asked): Promise<Granted> {
    // Nothing became of it: the caller has gone.
    const answer = this.desk.pastTicket(ticketId) === null ? await this.desk.ask(pool, { type: 'hungUp', ticketId }) : null;
    if (answer?.is === 'refused') throw refusalOf(answer, 'cannot go on waiting');
    const past = this.desk.pastTicket(ticketId);
    if (past === null) throw new PooldError('ticket_not_found', 'cannot go on waiting: the caller has gone');
    if (past.lease === null) throw ticketOver(past);
    const there = this.desk.held(past.lease.lease.id)?.held ?? past.lease;
    const { held } = there.lease.claimByMs === null ? { held: there } : await this.#claimed(pool, there);
    return this.#handedOver(pool, held, asked);
  }

  /** What is granted to somebody who has hung up is given back at once, unless he has a key to ask for it again. */
  #handedOver(pool: Pool, held: Held, { request, signal }: Asked): Granted {
    if (signal.aborted && request.key === null) void this.#givenBack(held.lease.id);
    return grantedOf(pool.state, held, this.#seen());
  }

  async #givenBack(id: string): Promise<void> {
    const there = this.desk.held(id);
    if (there !== null) await this.desk.ask(there.pool, { type: 'release', id, seat: there.held.seat, token: null, engineFailed: false });
  }

  /** Resolves when the ticket is out of the queue, its place has changed (with a limit), the time is over, or the caller has gone. */
  #ended(ticketId: string, { untilMs, signal }: { readonly untilMs: number; readonly signal: AbortSignal }): Promise<void> {
    const place = (): string | null => {
      const state = this.desk.ticketPool(ticketId)?.state;
      const ticket = state?.tickets.find(({ id }) => id === ticketId);
      if (state === undefined || ticket === undefined) return null;
      return placeOf(estimatedOf(state, ticket, { estimates: [], nowMs: this.#clock.nowMs() }));
    };
    const before = place();
    if (before === null || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const { nowMs } = this.#seen();
      const limited = Number.isFinite(untilMs);
      let timer = this.#clock.after(limited ? Math.min(POSITION_MS, untilMs - nowMs) : Number.POSITIVE_INFINITY, () => look());
      const look = (): void => {
        if (this.#clock.nowMs() >= untilMs || place() !== before) return done();
        timer = this.#clock.after(Math.min(POSITION_MS, untilMs - this.#clock.nowMs()), look);
      };
      const off = this.desk.onChange(ticketId, () => done());
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
    const pool = this.desk.ticketPool(id);
    const ticket = pool?.state.tickets.find((one) => one.id === id);
    if (pool !== null && ticket !== undefined) {
      const given = { estimates: this.#estimator.of(pool.state), nowMs: this.#clock.nowMs() };
      const { ticket: _short, ...waiter } = waiterOf(pool.state, ticket, given);
      return { ...waiter, id, lease: null, error: null };
    }
    const past = this.desk.pastTicket(id);
    if (past === null) throw ticketNotFound(id);
    const there = past.lease === null ? null : this.desk.held(past.lease.lease.id);
    if (there === null) return this.#pastStatus(past);
    const { held } = there.held.lease.claimByMs === null ? there : await this.#claimed(there.pool, there.held);
    return { ...this.#pastStatus(past), lease: grantedOf(there.pool.state, held, this.#seen()) };
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

  #pool(name: string): Pool {
    const pool = this.desk.pool(name);
    if (pool !== null) return pool;
    const known = this.desk.pools.map(({ state }) => state.name).toSorted();
    const says = known.length === 0 ? 'there are none' : `there are ${known.slice(0, 10).join(', ')}${known.length > 10 ? ' …' : ''}`;
    throw new PooldError('pool_not_found', `cannot find the pool ${name}: ${says}`, { pool: name });
  }

  #held(id: string): { readonly pool: Pool; readonly held: Held } {
    const there = this.desk.held(id);
    if (there !== null) return there;
    const past = this.desk.pastLease(id);
    throw past === null ? notFound(id) : leaseEnded(past);
  }

  #faultOf(answer: LeaseAnswer, id: string): PooldError {
    if (answer.is === 'stale') return stale(id);
    if (answer.is === 'refused') return refusalOf(answer, 'cannot go on');
    const past = this.desk.pastLease(id);
    return past === null ? notFound(id) : leaseEnded(past);
  }

  #seen(): Seen {
    return { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() };
  }
}

function waits({ waitMs }: AcquireRequest): boolean {
  return waitMs !== null && waitMs > 0;
}

function patienceOf({ waitMs }: AcquireRequest): Patience {
  if (waitMs === null) return 'ticket';
  return waitMs === 0 ? 'refuse' : { waitMs };
}
