/** What holds an automatic start back, and until when: breakers before limiter before back-off (product.md, "Who decides"). Questions only. */
import type { EngineState } from '../engine/engine-state.ts';
import { ANY } from './breakers-state.ts';
import type { PoolState } from './pool-state.ts';
import { isAutomaticRestart, limiterFreeAtMs } from './restarts-state.ts';
import { isWanted } from './wanted-state.ts';

export type Gate =
  | { readonly is: 'free' }
  /** `untilMs` is Infinity where no clock ends it: the end of a canary, say. */
  | { readonly is: 'held'; readonly by: 'breaker_open' | 'restart_limit' | 'backoff'; readonly which: string; readonly untilMs: number };

/** When back-off alone would let it start. */
export function dueAtMs(engine: EngineState): number {
  return engine.phase.is === 'backoff' ? engine.phase.dueMs : Number.POSITIVE_INFINITY;
}

/** For a wanted engine in back-off. */
export function startGate(state: PoolState, engine: EngineState, nowMs: number): Gate {
  if (engine.phase.is !== 'backoff') return { is: 'held', by: 'backoff', which: '', untilMs: Number.POSITIVE_INFINITY };
  const breaker = breakerGate(state, engine);
  if (breaker !== null) return breaker;
  const { cause, dueMs } = engine.phase;
  if (isAutomaticRestart(cause)) {
    const waiting = dueEarlier(state, engine, nowMs);
    const freeMs = limiterFreeAtMs(state, { nowMs, waiting });
    if (freeMs > nowMs && freeMs >= dueMs) return { is: 'held', by: 'restart_limit', which: '', untilMs: freeMs };
  }
  return dueMs > nowMs ? { is: 'held', by: 'backoff', which: '', untilMs: dueMs } : { is: 'free' };
}

/** The breaker in the way of an automatic start, the pool's before the class's before the engine's own. */
export function breakerGate(state: PoolState, engine: EngineState): Gate | null {
  const named: [string, PoolState['breaker'] | undefined][] = [
    [ANY, state.breaker],
    [engine.lastFailureClass ?? '', state.classes[engine.lastFailureClass ?? '']?.breaker],
  ];
  for (const [which, breaker] of named) {
    if (breaker?.is === 'open') return { is: 'held', by: 'breaker_open', which, untilMs: breaker.untilMs };
    if (breaker?.is === 'half_open') return { is: 'held', by: 'breaker_open', which, untilMs: Number.POSITIVE_INFINITY };
  }
  if (engine.breaker.is === 'open') return { is: 'held', by: 'breaker_open', which: 'engine', untilMs: engine.breaker.untilMs };
  return null;
}

/** Restarts that are due now and were due before this one: they are first in the limiter's queue. */
function dueEarlier(state: PoolState, engine: EngineState, nowMs: number): number {
  const mine = dueAtMs(engine);
  return state.engines.filter(
    (other) =>
      other.phase.is === 'backoff' &&
      other !== engine &&
      isAutomaticRestart(other.phase.cause) &&
      isWanted(state, other) &&
      other.phase.dueMs <= nowMs &&
      breakerGate(state, other) === null &&
      (other.phase.dueMs < mine || (other.phase.dueMs === mine && other.replica < engine.replica)),
  ).length;
}
