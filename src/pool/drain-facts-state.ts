/** What whoever is refused by a drain is told beside the sentence: contract.md, "A refusal while draining". A question. */
import type { Facts } from '../errors.ts';
import type { PoolState } from './pool-state.ts';

/** How soon whoever met a drained pool, or a drain of unknown end, may ask again. */
export const MAINTENANCE_RETRY_MS = 5_000;

export function maintenanceFacts(
  state: PoolState,
  nowMs: number,
): Required<Pick<Facts, 'pool' | 'reason' | 'maintenance' | 'retryAfterMs'>> {
  const deadlines = state.engines.flatMap(({ held, closing }) => (held?.as === 'drained' ? (closing?.deadlineMs ?? []) : []));
  const untilMs = state.drain?.deadlineMs ?? (deadlines.length === 0 ? null : Math.min(...deadlines));
  return {
    pool: state.name,
    reason: 'MAINTENANCE',
    // Of a whole pool those who were queued are served; a single engine takes nobody any more.
    maintenance: { type: 'drain', allowsQueueProcessing: state.drain?.kind === 'drain', acceptsNewConnections: false },
    retryAfterMs: untilMs === null ? MAINTENANCE_RETRY_MS : Math.max(0, Math.ceil(untilMs - nowMs)),
  };
}
