/** When time next ends a lease or a place in the queue. A question. */
import { ticketDueMs } from '../admission/admission-state.ts';
import { leaseDueMs } from '../lease/lease-state.ts';
import type { PoolState } from './pool-state.ts';
import { allEngines, currentSpec } from './turn.ts';

/** Monotonic; Infinity when nothing is held and nobody waits, and before the daemon takes requests. */
export function nextLeaseDueMs(state: PoolState): number {
  let dueMs = Number.POSITIVE_INFINITY;
  if (!state.open) return dueMs;
  for (const { seats } of allEngines(state)) for (const lease of seats) if (lease !== null) dueMs = Math.min(dueMs, leaseDueMs(lease));
  const { claimMs } = currentSpec(state).queue;
  for (const ticket of state.tickets) dueMs = Math.min(dueMs, ticketDueMs(ticket, claimMs));
  return dueMs;
}
