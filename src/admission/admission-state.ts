/**
 * Who waits for a slot, and who is next: product.md, "Queue". The highest priority first, raised by one for each `aging` waited and at most to 9;
 * first come, first served within it. So whoever waits is overtaken by newcomers only until it has waited long enough.
 */
import type { LeaseBind } from '../lease/lease.ts';

export const PRIORITY_MAX = 9;
export const PRIORITY_DEFAULT = 5;

export interface Ticket {
  readonly id: string;
  /** The lease that it will be promoted to. */
  readonly leaseId: string;
  readonly holder: string;
  readonly client: string;
  readonly ttlMs: number;
  readonly bind: LeaseBind;
  readonly key: string | null;
  readonly priority: number;
  /** In the order of arrival. */
  readonly seq: number;
  /** Monotonic. */
  readonly queuedMs: number;
  /** Monotonic: refused at it. */
  readonly timeoutMs: number;
  /** How many are waiting for it at this moment: a held request, a stream, a question with `wait`. */
  readonly watchers: number;
  /** Monotonic: when somebody last was, or asked. */
  readonly seenMs: number;
}

type Aging = { readonly nowMs: number; readonly agingMs: number };

export function priorityOf({ priority, queuedMs }: Ticket, { nowMs, agingMs }: Aging): number {
  const aged = agingMs === 0 ? 0 : Math.floor((nowMs - queuedMs) / agingMs);
  return Math.min(PRIORITY_MAX, priority + aged);
}

/** The one to be promoted next, or null. */
export function firstOf(tickets: readonly Ticket[], aging: Aging): Ticket | null {
  let first: Ticket | null = null;
  let highest = -1;
  for (const ticket of tickets) {
    const priority = priorityOf(ticket, aging);
    // Tickets stand in the order of their arrival: of equals the first one seen came first.
    if (priority > highest) [first, highest] = [ticket, priority];
  }
  return first;
}

/** In the order in which they would be promoted if nobody came. */
export function inOrder(tickets: readonly Ticket[], aging: Aging): Ticket[] {
  return tickets.toSorted((one, other) => priorityOf(other, aging) - priorityOf(one, aging) || one.seq - other.seq);
}

/** 1 + how many would be promoted before it; 0 where it is not in the queue. */
export function positionOf(tickets: readonly Ticket[], id: string, aging: Aging): number {
  const own = tickets.find((ticket) => ticket.id === id);
  if (own === undefined) return 0;
  const priority = priorityOf(own, aging);
  const before = tickets.filter((other) => {
    const theirs = priorityOf(other, aging);
    return theirs > priority || (theirs === priority && other.seq < own.seq);
  });
  return before.length + 1;
}

/** When time takes it out of the queue: its own timeout, or nobody has asked about it for `claimMs`. */
export function ticketDueMs({ timeoutMs, watchers, seenMs }: Ticket, claimMs: number): number {
  return watchers > 0 ? timeoutMs : Math.min(timeoutMs, seenMs + claimMs);
}
