/** When time next does something to leases, to a place in the queue, or to an engine on its way out. Questions. */
import { ticketDueMs } from '../admission/admission-state.ts';
import { leaseDueMs } from '../lease/lease-state.ts';
import type { PoolState } from './pool-state.ts';
import { allEngines, currentSpec } from './turn.ts';

/** A number that can be stored, for never. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** Monotonic, and a bound from below: nothing is due before it. Infinity when only an event can change anything. */
export function leasesDueMs({ leaseDueMs: dueMs }: PoolState): number {
  return dueMs >= NEVER ? Number.POSITIVE_INFINITY : dueMs;
}

/** Looks at all of them, so only when the bound has been reached. Before the daemon takes requests no lease and no ticket is due. */
export function nextLeaseDueMs(state: PoolState): number {
  let dueMs = NEVER;
  for (const { closing, phase } of allEngines(state)) {
    if (closing !== null && (phase.is === 'ready' || phase.is === 'unready')) dueMs = Math.min(dueMs, closing.deadlineMs);
  }
  if (!state.open) return dueMs;
  for (const { seats } of allEngines(state)) for (const lease of seats) if (lease !== null) dueMs = Math.min(dueMs, leaseDueMs(lease));
  const { claimMs } = currentSpec(state).queue;
  for (const ticket of state.tickets) dueMs = Math.min(dueMs, ticketDueMs(ticket, claimMs));
  return dueMs;
}
