/** Whether a pool takes somebody in, and if not why: product.md, "Acquire on a pool that cannot serve". Questions; first that fits. */
import type { Refused } from '../lease/lease.ts';
import { slotsOf, takesLeases } from '../lease/seats-state.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { poolStateName } from '../pool/standing-state.ts';
import { isWanted } from '../pool/wanted-state.ts';

/** What nobody gets past who was not queued before. */
export function closedDoor(state: PoolState, nowMs: number): Refused | null {
  if (state.shuttingDown) return refused(state, 'shutting_down', 'the daemon is stopping');
  if (state.wanted.state === 'stopped') return refused(state, 'pool_stopped', `it is stopped; poolctl start ${state.name} starts it`);
  if (state.wanted.state === 'drained') return drainingRefusal(state, nowMs);
  if (state.paused !== null) return refused(state, 'pool_paused', `it is paused; poolctl resume ${state.name} goes on`);
  return null;
}

/** Why nobody will be served however long he waits; null while something can come of it. `timeoutMs` (monotonic) is how long he would wait. */
export function hopeless(state: PoolState, { nowMs, timeoutMs }: { readonly nowMs: number; readonly timeoutMs: number }): Refused | null {
  const door = state.wanted.state === 'drained' && !state.shuttingDown ? null : closedDoor({ ...state, paused: null }, nowMs);
  if (door !== null) return door;
  if (state.engines.some((engine) => takesLeases({ ...engine, paused: null }, nowMs, true))) return null;
  if (state.wanted.state === 'drained') return drainingRefusal(state, nowMs);
  if (!state.engines.some((engine) => isWanted(state, engine))) return allHeld(state, nowMs);
  // The engines of a reload come past the breakers.
  if (state.rollout !== null) return null;
  const { breaker } = state;
  if (breaker.is === 'open' && breaker.untilMs >= timeoutMs && nobodyComes(state)) return breakerRefusal(state, breaker.untilMs - nowMs);
  if (breaker.is === 'closed' && poolStateName(state) === 'failed') {
    const behind = state.engines.flatMap((engine) =>
      engine.phase.is === 'backoff' && engine.breaker.is === 'open' ? [engine.breaker.untilMs] : [],
    );
    const [soonest] = behind.toSorted((one, other) => one - other);
    if (soonest === undefined) return failedRefusal(state);
    if (soonest >= timeoutMs) return breakerRefusal(state, soonest - nowMs);
  }
  return null;
}

/** For somebody who will not wait: what is in the way now. */
export function noSlot(state: PoolState, nowMs: number): Refused {
  const never = hopeless(state, { nowMs, timeoutMs: nowMs });
  if (never !== null) return never;
  const serving = state.engines.filter((engine) => takesLeases(engine, nowMs, false));
  if (serving.length === 0) return refused(state, 'no_ready_engine', 'none of its engines is ready');
  const slots = serving.reduce((sum, engine) => sum + slotsOf(state, engine), 0);
  return refused(state, 'no_free_slot', `all ${slots} slots of its ready engines are held`);
}

export function refused(state: PoolState, code: Refused['code'], why: string, facts: Partial<Refused['facts']> = {}): Refused {
  return { code, message: `cannot lease an engine of ${state.name}: ${why}`, facts: { pool: state.name, ...facts } };
}

/** 503 with what a balancer wants to know: contract.md, "A refusal while draining". */
function drainingRefusal(state: PoolState, nowMs: number): Refused {
  const leftMs = state.drain === null ? null : Math.max(0, Math.ceil(state.drain.deadlineMs - nowMs));
  const why = state.drain === null ? `it is drained; poolctl resume ${state.name} starts it again` : 'it is draining';
  return refused(state, 'pool_draining', why, {
    reason: 'MAINTENANCE',
    maintenance: { type: 'drain', allowsQueueProcessing: true, acceptsNewConnections: false },
    ...(leftMs === null ? {} : { retryAfterMs: leftMs }),
  });
}

/** Each of its engines was stopped or drained by hand. */
function allHeld(state: PoolState, nowMs: number): Refused {
  const drained = state.engines.some(({ held }) => held?.as === 'drained');
  if (drained) return drainingRefusal(state, nowMs);
  return refused(state, 'pool_stopped', `none of its engines is wanted; poolctl start ${state.name} starts them`);
}

function breakerRefusal(state: PoolState, leftMs: number): Refused {
  const retryAfterMs = Math.max(0, Math.ceil(leftMs));
  return refused(state, 'breaker_open', 'the breaker is open and no engine is ready', { reason: 'breaker_open', retryAfterMs });
}

function failedRefusal(state: PoolState): Refused {
  const last = state.lastError === null ? '' : `: ${state.lastError}`;
  return refused(state, 'pool_failed', `nothing is ready and no start is coming${last}`);
}

/** Nothing but the one try of a breaker would bring an engine. */
function nobodyComes(state: PoolState): boolean {
  return !state.engines.some(({ phase }) => phase.is === 'starting' || phase.is === 'ready' || phase.is === 'unready');
}
