/**
 * The queue of a pool at work. After every turn: whoever can be promoted is, and whoever cannot be served before his timeout is refused.
 * So there is never a free slot and somebody waiting for it, and nobody waits for what will not come.
 */
import type { Refused } from '../lease/lease.ts';
import type { EndedTicket } from '../lease/lease-events.ts';
import { engineFor, leaseDueBy, seatTaken } from '../lease/seats-state.ts';
import type { Turn } from '../pool/turn.ts';
import { currentSpec, emit } from '../pool/turn.ts';
import type { Ticket } from './admission-state.ts';
import { firstOf, ticketDueMs } from './admission-state.ts';
import { hopesOf, refused } from './door-state.ts';

export function ticketAdded(turn: Turn, ticket: Ticket): void {
  turn.state = { ...turn.state, tickets: [...turn.state.tickets, ticket] };
  leaseDueBy(turn, ticketDueMs(ticket, claimMs(turn)));
  emit(turn, 'ticket.queued', {
    ticket: shown(ticket),
    holder: ticket.holder,
    priority: ticket.priority,
    queueDepth: turn.state.tickets.length,
  });
}

export function ticketChanged(turn: Turn, ticket: Ticket): void {
  const { tickets } = turn.state;
  const at = tickets.findIndex(({ id }) => id === ticket.id);
  if (at < 0) return;
  turn.state = { ...turn.state, tickets: tickets.with(at, ticket) };
  leaseDueBy(turn, ticketDueMs(ticket, claimMs(turn)));
}

/** Takes it out of the queue: `left` by itself or as nobody cared for it, `expired` at its timeout, `refused` as it cannot be served. */
export function ticketEnded(turn: Turn, ticket: Ticket, end: Pick<EndedTicket, 'state' | 'lease' | 'refused'>): void {
  turn.state = { ...turn.state, tickets: turn.state.tickets.filter(({ id }) => id !== ticket.id) };
  const waitedMs = Math.round(turn.env.nowMs - ticket.queuedMs);
  turn.effects.push({ do: 'ticketEnded', ended: { ticket, waitedMs, ...end } });
  const facts = { ticket: shown(ticket), holder: ticket.holder, waitedMs };
  if (end.state === 'granted') emit(turn, 'ticket.promoted', { ...facts, lease: end.lease?.lease.id ?? null });
  else emit(turn, `ticket.${end.state}`, { ...facts, reason: end.refused?.code ?? null, message: end.refused?.message ?? null });
}

/** Timeouts, and tickets that nobody watches. */
export function ticketsExpired(turn: Turn): void {
  const { nowMs } = turn.env;
  for (const ticket of turn.state.tickets) {
    if (ticketDueMs(ticket, claimMs(turn)) > nowMs) continue;
    if (nowMs >= ticket.timeoutMs) ticketEnded(turn, ticket, { state: 'expired', lease: null, refused: timedOut(turn, ticket) });
    else ticketEnded(turn, ticket, { state: 'left', lease: null, refused: null });
  }
}

export function promoted(turn: Turn): void {
  const { nowMs } = turn.env;
  while (turn.state.tickets.length > 0) {
    const engine = engineFor(turn.state, { nowMs, queued: true });
    const next = engine === null ? null : firstOf(turn.state.tickets, { nowMs, agingMs: currentSpec(turn.state).queue.agingMs });
    if (engine === null || next === null) return;
    // Whoever watches is told by the very answer that carries it.
    const lease = seatTaken(turn, engine, next, next.watchers > 0 ? null : nowMs + claimMs(turn));
    ticketEnded(turn, next, { state: 'granted', lease, refused: null });
  }
}

export function hopelessRefused(turn: Turn): void {
  const { nowMs } = turn.env;
  const hopes = turn.state.tickets.length === 0 ? null : hopesOf(turn.state, nowMs);
  if (hopes === null) return;
  for (const ticket of turn.state.tickets) {
    if (ticket.timeoutMs <= hopes.untilMs) ticketEnded(turn, ticket, { state: 'refused', lease: null, refused: hopes.refused });
  }
}

/** Tickets are known to nobody but whoever has them: others see the beginning. */
export function shown({ id }: Pick<Ticket, 'id'>): string {
  return id.slice(0, 8);
}

function timedOut(turn: Turn, ticket: Ticket): Refused {
  return refused(turn.state, 'queue_timeout', `no slot came free within ${Math.round(ticket.timeoutMs - ticket.queuedMs)} ms`);
}

function claimMs(turn: Turn): number {
  return currentSpec(turn.state).queue.claimMs;
}
