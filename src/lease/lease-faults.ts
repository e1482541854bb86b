/** Why something about a lease or a ticket cannot be done, in words for whoever asked. */
import { PooldError } from '../errors.ts';
import type { Pool } from '../pool/pool.ts';
import { currentSpec } from '../pool/turn.ts';
import type { Refused } from './lease.ts';
import type { LeaseDesk } from './lease-desk.ts';
import type { Held, LeaseAnswer } from './lease-events.ts';
import type { PastLease, PastTicket } from './past-leases.ts';

const TTL_MIN_MS = 100;

export function ttlChecked(pool: Pool, ttlMs: number): void {
  const { ttlMaxMs } = currentSpec(pool.state).leases;
  if (ttlMs >= TTL_MIN_MS && ttlMs <= ttlMaxMs) return;
  throw new PooldError(
    'invalid_request',
    `cannot lease an engine of ${pool.state.name} with a TTL of ${ttlMs} ms: from ${TTL_MIN_MS} to ${ttlMaxMs} ms, its leases.ttlMax`,
    {
      pool: pool.state.name,
    },
  );
}

export function refusalOf(answer: LeaseAnswer, what: string): PooldError {
  if (answer.is === 'refused') return refusal(answer.refused);
  return new PooldError('internal', `${what}: unexpected answer ${answer.is}`);
}

function refusal({ code, message, facts }: Refused): PooldError {
  return new PooldError(code, message, facts);
}

export function notFound(id: string): PooldError {
  return new PooldError('lease_not_found', `cannot find the lease ${id}: it does not exist`);
}

export function stale(id: string): PooldError {
  return new PooldError('stale_token', `cannot accept this token for ${id}: it is not the one the lease was granted with`);
}

export function leaseEnded({ held, how, message, pool }: PastLease): PooldError {
  return new PooldError('lease_ended', `cannot use the lease ${held.lease.id}: it has ended (${how}): ${message}`, { pool, reason: how });
}

export function ticketNotFound(id: string): PooldError {
  return new PooldError(
    'ticket_not_found',
    `cannot find the ticket ${id.slice(0, 64)}: tickets do not outlive a restart of the daemon; ask again`,
  );
}

/** A wait that ended without a lease. */
export function ticketOver({ refused, state, pool, ticket }: PastTicket): PooldError {
  if (refused !== null) return refusal(refused);
  return new PooldError('ticket_not_found', `cannot find the ticket ${ticket.id}: it has ${state} the queue of ${pool}`, { pool });
}

export function leaseHeld(desk: LeaseDesk, id: string): { readonly pool: Pool; readonly held: Held } {
  const there = desk.held(id);
  if (there !== null) return there;
  throw notHeld(desk, id);
}

export function faultOf(desk: LeaseDesk, answer: LeaseAnswer, id: string): PooldError {
  if (answer.is === 'stale') return stale(id);
  if (answer.is === 'refused') return refusalOf(answer, 'cannot go on');
  return notHeld(desk, id);
}

function notHeld(desk: LeaseDesk, id: string): PooldError {
  const past = desk.pastLease(id);
  if (past !== null) return leaseEnded(past);
  if (!desk.hasEnded(id)) return notFound(id);
  return new PooldError('lease_ended', `cannot use the lease ${id}: it was given back, or has ended too long ago to tell how`);
}
