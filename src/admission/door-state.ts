/** Whether a pool takes somebody in, and if not why: product.md, "Acquire on a pool that cannot serve". Questions; first that fits. */
import type { Refused } from '../lease/lease.ts';
import { servesQueue, slotsOf, takesLeases } from '../lease/seats-state.ts';
import { maintenanceFacts } from '../pool/drain-facts-state.ts';
import { breakerGate } from '../pool/gates-state.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { poolStateName } from '../pool/standing-state.ts';
import { isWanted } from '../pool/wanted-state.ts';

/** What nobody gets past who was not queued before. */
export function closedDoor(state: PoolState, nowMs: number): Refused | null {
  const closed = closedBeyondPause(state, nowMs);
  if (closed !== null || state.paused === null) return closed;
  return refused(state, 'pool_paused', `it is paused; poolctl resume ${state.name} goes on`);
}

/** A pause is waited for by those who are in the queue. */
function closedBeyondPause(state: PoolState, nowMs: number): Refused | null {
  if (state.shuttingDown) return refused(state, 'shutting_down', 'the daemon is stopping');
  if (state.wanted.state === 'stopped') return refused(state, 'pool_stopped', `it is stopped; poolctl start ${state.name} starts it`);
  return state.wanted.state === 'drained' ? drainingRefusal(state, nowMs) : null;
}

interface Hopeless {
  readonly refused: Refused;
  /** Monotonic: for whoever would not wait beyond it. Infinity: for everybody. */
  readonly untilMs: number;
}

/** Why he will not be served who waits until `timeoutMs` (monotonic); null while something can come of it. */
export function hopeless(state: PoolState, { nowMs, timeoutMs }: { readonly nowMs: number; readonly timeoutMs: number }): Refused | null {
  const hopes = hopesOf(state, nowMs);
  return hopes !== null && timeoutMs <= hopes.untilMs ? hopes.refused : null;
}

/** The same for all who wait: asked once for a whole queue. */
export function hopesOf(state: PoolState, nowMs: number): Hopeless | null {
  const door = state.wanted.state === 'drained' && !state.shuttingDown ? null : closedBeyondPause(state, nowMs);
  if (door !== null) return forEver(door);
  if (state.engines.some((engine) => servesQueue(engine, nowMs))) return null;
  if (state.wanted.state === 'drained') return forEver(drainingRefusal(state, nowMs));
  const wanted = state.engines.filter((engine) => isWanted(state, engine));
  if (wanted.length === 0) return forEver(noneWanted(state, nowMs));
  // The engines of a reload come past the breakers.
  if (state.rollout !== null) return null;
  const { breaker } = state;
  if (breaker.is === 'open') return nobodyComes(state) ? behindBreaker(state, breaker.untilMs, nowMs) : null;
  // The one try of a breaker may be under way, of the pool or of a class: the pool counts as failed until it is ready.
  if (breaker.is === 'half_open' || poolStateName(state) !== 'failed' || !nobodyComes(state)) return null;
  const gates = wanted.flatMap((engine) => (engine.phase.is === 'backoff' ? [breakerGate(state, engine)] : []));
  const untilMs = gates.map((gate) => (gate?.is === 'held' ? gate.untilMs : nowMs));
  if (gates.length === 0) return forEver(failedRefusal(state));
  // Half open: one is being tried.
  return untilMs.includes(Number.POSITIVE_INFINITY) ? null : behindBreaker(state, Math.min(...untilMs), nowMs);
}

function forEver(why: Refused): Hopeless {
  return { refused: why, untilMs: Number.POSITIVE_INFINITY };
}

function behindBreaker(state: PoolState, untilMs: number, nowMs: number): Hopeless {
  return { refused: breakerRefusal(state, untilMs - nowMs), untilMs };
}

/** For somebody who will not wait: what is in the way now. */
export function noSlot(state: PoolState, nowMs: number): Refused {
  const never = hopeless(state, { nowMs, timeoutMs: nowMs });
  if (never !== null) return never;
  const serving = state.engines.filter((engine) => takesLeases(engine, nowMs, false));
  if (serving.length === 0) return refused(state, 'no_ready_engine', 'none of its engines is ready');
  const slots = serving.reduce((sum, engine) => sum + slotsOf(state, engine), 0);
  const all = slots === 1 ? 'the one slot of its ready engine is' : `all ${slots} slots of its ready engines are`;
  return refused(state, 'no_free_slot', `${all} held`);
}

export function refused(state: PoolState, code: Refused['code'], why: string, facts: Partial<Refused['facts']> = {}): Refused {
  return { code, message: `cannot lease an engine of ${state.name}: ${why}`, facts: { pool: state.name, ...facts } };
}

/** 503 with what a balancer wants to know: contract.md, "A refusal while draining". */
function drainingRefusal(state: PoolState, nowMs: number): Refused {
  const draining = state.drain !== null || state.engines.some(({ held, closing }) => held?.as === 'drained' && closing !== null);
  const why = draining ? 'it is draining' : `it is drained; poolctl resume ${state.name} starts it again`;
  return refused(state, 'pool_draining', why, maintenanceFacts(state, nowMs));
}

/** Scaled to none, or each of its engines was stopped or drained by hand. */
function noneWanted(state: PoolState, nowMs: number): Refused {
  const { name } = state;
  if (state.replicas.count === 0) return refused(state, 'pool_stopped', `it is scaled to 0; poolctl scale ${name} N starts N engines`);
  if (state.engines.some(({ held }) => held?.as === 'drained')) return drainingRefusal(state, nowMs);
  return refused(state, 'pool_stopped', `none of its engines is wanted; poolctl start ${name} starts them`);
}

function breakerRefusal(state: PoolState, leftMs: number): Refused {
  const retryAfterMs = Math.max(0, Math.ceil(leftMs));
  return refused(state, 'breaker_open', 'the breaker is open and no engine is ready', { reason: 'breaker_open', retryAfterMs });
}

function failedRefusal(state: PoolState): Refused {
  const last = state.lastError === null ? '' : `: ${state.lastError}`;
  return refused(state, 'pool_failed', `nothing is ready and no start is coming${last}`);
}

/** Nothing is under way that may serve, or whose end decides what is next. */
function nobodyComes(state: PoolState): boolean {
  return !state.engines.some(
    ({ phase }) => phase.is === 'starting' || phase.is === 'ready' || phase.is === 'unready' || phase.is === 'stopping',
  );
}
