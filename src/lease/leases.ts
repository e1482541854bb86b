/** Leases and queues of all pools, as the API sees them: product.md, "Leases"; contract.md, "HTTP". What is decided is decided in the pools. */
import type { Clock } from '../clock.ts';
import { PooldError } from '../errors.ts';
import type { Event } from '../events/event.ts';
import type { Pool } from '../pool/pool.ts';
import { Acquiring, waits } from './acquiring.ts';
import { boundLines, heldLines, refusedLine } from './bound-lines.ts';
import { claimedIfHeld, givenBack } from './claims.ts';
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
  Queued,
  Released,
  Renewed,
  TicketStatus,
  Waiter,
} from './lease.ts';
import { heldIn, LeaseDesk } from './lease-desk.ts';
import type { Held } from './lease-events.ts';
import { faultOf, leaseHeld, notFound, refusalOf, stale, ticketOver, ttlChecked } from './lease-faults.ts';
import { LeaseKeys } from './lease-keys.ts';
import type { Seen } from './lease-view.ts';
import { grantedOf, leaseStatusOf, renewedOf } from './lease-view.ts';
import type { PastLease } from './past-leases.ts';
import { Tickets } from './tickets.ts';

interface Asking {
  readonly request: AcquireRequest;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

export class Leases implements LeaseHost {
  readonly desk: LeaseDesk;
  readonly #clock: Clock;
  readonly #estimator: Estimator;
  readonly #keys: LeaseKeys;
  readonly #acquiring: Acquiring;
  readonly #tickets: Tickets;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#estimator = new Estimator(clock);
    this.#keys = new LeaseKeys(clock);
    this.desk = new LeaseDesk(clock, {
      measured: (pool, heldMs) => this.#estimator.measured(pool, heldMs),
      leaseOver: (pool, lease) => this.#keys.leaseOver(pool, lease),
      ticketOver: (pool, ended) => this.#keys.ticketOver(pool, ended),
    });
    this.#acquiring = new Acquiring(this.desk, this.#keys);
    this.#tickets = new Tickets({ desk: this.desk, clock, estimator: this.#estimator });
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
    const pool = this.desk.pools.of(name);
    const { ticketId, answer } = await this.#acquiring.ask(pool, request);
    if (answer.is === 'granted') return this.#handedOver(pool, answer.held, { request, signal });
    if (answer.is !== 'queued') throw refusalOf(answer, 'cannot lease an engine');
    if (waits(request)) await this.#tickets.ended(ticketId, { untilMs: Number.POSITIVE_INFINITY, signal });
    // It may have been promoted in the very turn that had queued it.
    else if (this.desk.ticketPool(ticketId) !== null) return this.#tickets.queued(pool, ticketId);
    return this.#promoted(pool, ticketId, { request, signal });
  }

  async *acquireBound(name: string, request: AcquireRequest, signal: AbortSignal): AsyncIterable<BoundLine> {
    const pool = this.desk.pools.of(name);
    const { ticketId, answer } = await this.#acquiring.ask(pool, request);
    if (answer.is !== 'granted' && answer.is !== 'queued') throw refusalOf(answer, 'cannot lease an engine');
    const parts = { desk: this.desk, clock: this.#clock, pool, signal };
    const queued = (): Queued => this.#tickets.queued(pool, ticketId);
    const told = yield* answer.is === 'granted' ? heldLines(parts, answer.held) : boundLines({ ...parts, queued }, ticketId);
    if (!told && !signal.aborted) yield* this.#askedAnew(name, request, signal);
  }

  async *attach(id: string, token: string, signal: AbortSignal): AsyncIterable<BoundLine> {
    const { pool, held } = leaseHeld(this.desk, id);
    const answer = await this.desk.ask(pool, { type: 'attach', id, seat: held.seat, token });
    if (answer.is !== 'granted') throw faultOf(this.desk, answer, id);
    const told = yield* heldLines({ desk: this.desk, clock: this.#clock, pool, signal }, answer.held);
    if (!told) throw faultOf(this.desk, { is: 'gone' }, id);
  }

  async renew(id: string, { token, ttlMs }: { readonly token: string; readonly ttlMs: number | null }): Promise<Renewed> {
    const { pool, held } = leaseHeld(this.desk, id);
    if (ttlMs !== null) ttlChecked(pool, ttlMs);
    const answer = await this.desk.ask(pool, { type: 'renew', id, seat: held.seat, token, ttlMs });
    if (answer.is !== 'renewed') throw faultOf(this.desk, answer, id);
    return renewedOf(pool.state, answer.held, this.#seen());
  }

  verify(id: string, token: string): LeaseStatus {
    const { pool, held } = leaseHeld(this.desk, id);
    if (held.lease.token !== token) throw stale(id);
    return leaseStatusOf(pool.state, held, this.#seen());
  }

  async release(id: string, caller: LeaseCaller, outcome: 'engine_failed' | null): Promise<Released> {
    if (!caller.operates && caller.token === null) {
      throw new PooldError('forbidden', `cannot release ${id} without its token: send it in the header Poold-Lease-Token`);
    }
    const there = this.desk.held(id);
    if (there === null) {
      if (!this.desk.hasEnded(id)) throw notFound(id);
      return { outcome: 'already_ended' };
    }
    const { pool, held } = there;
    const token = caller.operates && caller.token === null ? null : caller.token;
    const answer = await this.desk.ask(pool, { type: 'release', id, seat: held.seat, token, engineFailed: outcome !== null });
    if (answer.is === 'gone') return { outcome: 'already_ended' };
    if (answer.is !== 'released') throw faultOf(this.desk, answer, id);
    return { outcome: 'released' };
  }

  async revoke(id: string, { by, reason }: { readonly by: string; readonly reason: string | null }): Promise<LeaseStatus> {
    const { pool, held } = leaseHeld(this.desk, id);
    const shown = leaseStatusOf(pool.state, held, this.#seen());
    const answer = await this.desk.ask(pool, { type: 'revoke', id, seat: held.seat, token: null, by, reason });
    if (answer.is !== 'revoked') throw faultOf(this.desk, answer, id);
    return shown;
  }

  leases({ pool: name, holder, olderMs }: LeaseFilter): readonly LeaseStatus[] {
    const pools = name === null ? this.desk.pools.all : [this.desk.pools.of(name)];
    const all = pools.flatMap(({ state }) => heldIn(state).map((held) => leaseStatusOf(state, held, this.#seen())));
    return all
      .filter((lease) => (holder === null || lease.holder === holder) && (olderMs === null || lease.heldMs >= olderMs))
      .toSorted((one, other) => other.heldMs - one.heldMs);
  }

  lease(id: string): LeaseStatus {
    const { pool, held } = leaseHeld(this.desk, id);
    return leaseStatusOf(pool.state, held, this.#seen());
  }

  queue(name: string): readonly Waiter[] {
    return this.#tickets.queue(name);
  }

  ticket(id: string, waitMs: number, signal: AbortSignal): Promise<TicketStatus> {
    return this.#tickets.ticket(id, waitMs, signal);
  }

  leave(id: string): Promise<TicketStatus> {
    return this.#tickets.leave(id);
  }

  async #promoted(pool: Pool, ticketId: string, asked: Asking): Promise<Acquired> {
    // Nothing became of it: the caller has gone.
    const answer = this.desk.pastTicket(ticketId) === null ? await this.desk.ask(pool, { type: 'hungUp', ticketId }) : null;
    if (answer?.is === 'refused') throw refusalOf(answer, 'cannot go on waiting');
    const past = this.desk.pastTicket(ticketId);
    if (past === null) throw new PooldError('ticket_not_found', 'cannot go on waiting: the caller has gone');
    if (past.lease === null) throw ticketOver(past);
    const there = this.desk.held(past.lease.lease.id)?.held ?? past.lease;
    const held = await claimedIfHeld(this.desk, pool, there);
    // It was over before anybody could be told of it: nothing has come of it, and it is asked anew.
    return held === null ? this.acquire(pool.state.name, asked.request, asked.signal) : this.#handedOver(pool, held, asked);
  }

  /** His lease was over before anybody could be told of it: nothing has come of it. Lines have begun, so what refuses him is one of them. */
  async *#askedAnew(name: string, request: AcquireRequest, signal: AbortSignal): AsyncIterable<BoundLine> {
    try {
      yield* this.acquireBound(name, request, signal);
    } catch (error) {
      if (!(error instanceof PooldError)) throw error;
      yield refusedLine(error);
    }
  }

  /** What is granted to somebody who has hung up is given back at once, unless he has a key to ask for it again. */
  #handedOver(pool: Pool, held: Held, { request, signal }: Asking): Granted {
    if (signal.aborted && request.key === null) void givenBack(this.desk, held.lease.id);
    return grantedOf(pool.state, held, this.#seen());
  }

  #seen(): Seen {
    return { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() };
  }
}
