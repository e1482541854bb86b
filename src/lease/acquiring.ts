/** Asking for a lease, once or again by the same key. */
import { randomUUID } from 'node:crypto';
import { PRIORITY_DEFAULT } from '../admission/admission-state.ts';
import type { Pool } from '../pool/pool.ts';
import { currentSpec } from '../pool/turn.ts';
import { claimed } from './claims.ts';
import type { AcquireRequest } from './lease.ts';
import type { LeaseDesk } from './lease-desk.ts';
import type { Acquire, LeaseAnswer, Patience } from './lease-events.ts';
import { leaseEnded, ticketNotFound, ticketOver, ttlChecked } from './lease-faults.ts';
import type { LeaseKeys } from './lease-keys.ts';

/** What came of it, and under which ticket it waits or would have waited. */
export interface Asked {
  readonly ticketId: string;
  readonly answer: LeaseAnswer;
}

export class Acquiring {
  readonly #desk: LeaseDesk;
  readonly #keys: LeaseKeys;

  constructor(desk: LeaseDesk, keys: LeaseKeys) {
    this.#desk = desk;
    this.#keys = keys;
  }

  /** Throws PooldError: `invalid_request` for a TTL out of bounds, and what has become of the lease or ticket of the same key. */
  async ask(pool: Pool, request: AcquireRequest): Promise<Asked> {
    const { leases } = currentSpec(pool.state);
    const ttlMs = request.ttlMs ?? leases.ttlMs;
    ttlChecked(pool, ttlMs);
    const key = this.#keys.known(pool.state.name, request);
    if (key !== null) return this.#again(pool, request, key);
    const ids = { leaseId: this.#desk.newLeaseId(pool), ticketId: `t-${randomUUID()}` };
    const asked = this.#desk.ask(pool, {
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
  ): Promise<Asked> {
    const first = await known.asked;
    const { ticketId } = known;
    // Both came before the answer: what is refused to one is refused to the other.
    if (first?.is === 'refused') return { ticketId, answer: first };
    const there = this.#desk.held(known.leaseId);
    if (there !== null) {
      const { held } = there;
      const answer = held.lease.claimByMs === null ? ({ is: 'granted', held } as const) : await claimed(this.#desk, pool, held);
      return { ticketId, answer };
    }
    const ended = this.#desk.pastLease(known.leaseId);
    if (ended !== null) throw leaseEnded(ended);
    const ticket = pool.state.tickets.find(({ id }) => id === ticketId);
    if (ticket !== undefined) {
      if (waits(request) || request.bind === 'connection') await this.#desk.ask(pool, { type: 'watch', ticketId, watchers: 1 });
      return { ticketId, answer: { is: 'queued', ticket } as const };
    }
    const past = this.#desk.pastTicket(ticketId);
    if (past === null) throw ticketNotFound(ticketId);
    if (past.state !== 'left') throw ticketOver(past);
    // Nobody was there for it any more, as when a connection broke, and nothing came of it: asked again it is asked anew.
    if (this.#keys.known(pool.state.name, request)?.ticketId === ticketId) this.#keys.forgotten(pool.state.name, request);
    return this.ask(pool, request);
  }
}

/** Whether the answer is to come only with the lease. */
export function waits({ waitMs }: AcquireRequest): boolean {
  return waitMs !== null && waitMs > 0;
}

function patienceOf({ waitMs }: AcquireRequest): Patience {
  if (waitMs === null) return 'ticket';
  return waitMs === 0 ? 'refuse' : { waitMs };
}
