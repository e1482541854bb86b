/** What is asked of a pool's leases, each to its answer. Whoever calls has ended what time has ended; a turn that empties a seat ends with promotions. */

import type { Ticket } from '../admission/admission-state.ts';
import { closedDoor, hopeless, noSlot, refused } from '../admission/door-state.ts';
import { ticketAdded, ticketChanged, ticketEnded } from '../admission/queue-state.ts';
import type { Turn } from '../pool/turn.ts';
import { currentSpec, emit, generationIn } from '../pool/turn.ts';
import type { Acquire, Held, LeaseAnswer, LeaseEvent } from './lease-events.ts';
import { expiryOf } from './lease-state.ts';
import { engineReported } from './reports-state.ts';
import { engineFor, heldAt, leaseEnded, maxHoldOf, seatChanged, seatTaken } from './seats-state.ts';

type About = Exclude<LeaseEvent, Acquire | { readonly ticketId: string }>;
type AboutTicket = Exclude<Extract<LeaseEvent, { readonly ticketId: string }>, Acquire>;

export function asked(turn: Turn, event: LeaseEvent): void {
  const answer = answerTo(turn, event);
  turn.effects.push({ do: 'answer', to: event.to, answer });
}

function answerTo(turn: Turn, event: LeaseEvent): LeaseAnswer {
  if (event.type === 'acquire') return acquired(turn, event);
  if ('ticketId' in event) return ofTicket(turn, event);
  const held = heldAt(turn.state, event.seat, event.id);
  if (held === null) return { is: 'gone' };
  if (event.token !== null && event.token !== held.lease.token) return { is: 'stale' };
  return ofLease(turn, event, held);
}

function acquired(turn: Turn, event: Acquire): LeaseAnswer {
  const { nowMs } = turn.env;
  const door = closedDoor(turn.state, nowMs);
  if (door !== null) return { is: 'refused', refused: door };
  // Nobody waits where a slot is free: whoever could be promoted has been.
  const engine = engineFor(turn.state, { nowMs, queued: false });
  if (engine !== null) return { is: 'granted', held: seatTaken(turn, engine, event, null) };
  return queued(turn, event);
}

function queued(turn: Turn, event: Acquire): LeaseAnswer {
  const { nowMs } = turn.env;
  const { queue } = currentSpec(turn.state);
  if (event.patience === 'refuse') return { is: 'refused', refused: noSlot(turn.state, nowMs) };
  const waitMs = event.patience === 'ticket' ? (event.ticketMs ?? queue.timeoutMs) : event.patience.waitMs;
  const timeoutMs = nowMs + waitMs;
  const never = hopeless(turn.state, { nowMs, timeoutMs });
  if (never !== null) return { is: 'refused', refused: never };
  if (turn.state.tickets.length >= queue.limit) return { is: 'refused', refused: queueFull(turn, queue.limit) };
  const { tokens } = turn.state;
  const seq = tokens.queued + 1;
  turn.state = { ...turn.state, tokens: { ...tokens, queued: seq } };
  const ticket: Ticket = {
    id: event.ticketId,
    leaseId: event.leaseId,
    holder: event.holder,
    client: event.client,
    ttlMs: event.ttlMs,
    bind: event.bind,
    key: event.key,
    priority: event.priority,
    seq,
    queuedMs: nowMs,
    timeoutMs,
    watchers: event.patience === 'ticket' && event.bind === 'ttl' ? 0 : 1,
    seenMs: nowMs,
  };
  ticketAdded(turn, ticket);
  return { is: 'queued', ticket };
}

function queueFull(turn: Turn, limit: number) {
  emit(turn, 'ticket.refused', { ticket: null, holder: null, waitedMs: 0, reason: 'queue_full', message: null });
  return refused(turn.state, 'queue_full', `${limit} ${limit === 1 ? 'is' : 'are'} waiting, the pool's queue.limit`, {
    retryAfterMs: 1_000,
  });
}

function ofLease(turn: Turn, event: About, held: Held): LeaseAnswer {
  switch (event.type) {
    case 'renew':
      return { is: 'renewed', held: renewed(turn, held, event.ttlMs) };
    case 'attach': {
      const bound = { ...held.lease, bind: 'connection' } as const;
      const expiresMs = expiryOf(bound, maxHoldOf(turn.state), turn.env.nowMs);
      return { is: 'granted', held: seatChanged(turn, held, { bind: 'connection', expiresMs, claimByMs: null }) };
    }
    case 'claim':
      return { is: 'claimed', held: held.lease.claimByMs === null ? held : seatChanged(turn, held, { claimByMs: null }) };
    case 'release':
      leaseEnded(turn, held, 'released', 'given back');
      if (event.engineFailed) engineReported(turn, held);
      return { is: 'released', held };
    case 'revoke': {
      const why = event.reason === null ? '' : `: ${event.reason}`;
      leaseEnded(turn, held, 'revoked', `taken away by ${event.by}${why}`);
      return { is: 'revoked', held };
    }
    default:
      return event satisfies never;
  }
}

/** A whole TTL from now on; whoever renews has it. */
function renewed(turn: Turn, held: Held, ttlMs: number | null): Held {
  const lease = { ...held.lease, ttlMs: ttlMs ?? held.lease.ttlMs };
  const expiresMs = expiryOf(lease, maxHoldOf(turn.state), turn.env.nowMs);
  const after = seatChanged(turn, held, { ttlMs: lease.ttlMs, expiresMs, renewals: lease.renewals + 1, claimByMs: null, spared: false });
  emit(turn, 'lease.renewed', { lease: lease.id, holder: lease.holder, slot: lease.slot }, generationIn(turn.state, held.seat));
  return after;
}

function ofTicket(turn: Turn, event: AboutTicket): LeaseAnswer {
  const ticket = turn.state.tickets.find(({ id }) => id === event.ticketId);
  if (ticket === undefined) return { is: 'gone' };
  const { nowMs } = turn.env;
  switch (event.type) {
    case 'watch': {
      const watching = { ...ticket, watchers: Math.max(0, ticket.watchers + event.watchers), seenMs: nowMs };
      ticketChanged(turn, watching);
      return { is: 'queued', ticket: watching };
    }
    case 'ask':
      ticketChanged(turn, { ...ticket, seenMs: nowMs });
      return { is: 'queued', ticket };
    case 'hungUp':
      if (ticket.watchers > 1) ticketChanged(turn, { ...ticket, watchers: ticket.watchers - 1, seenMs: nowMs });
      else ticketEnded(turn, ticket, { state: 'left', lease: null, refused: null });
      return { is: 'done' };
    case 'leave':
      ticketEnded(turn, ticket, { state: 'left', lease: null, refused: null });
      return { is: 'done' };
    default:
      return event satisfies never;
  }
}
