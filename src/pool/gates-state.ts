/** What holds an automatic start back, and until when: breakers before limiter before back-off (product.md, "Who decides"). Questions only. */
import type { EngineState } from '../engine/engine-state.ts';
import { freeAtMs } from '../policy/restart-limiter.ts';
import { ANY } from './breakers-state.ts';
import type { PoolState } from './pool-state.ts';
import { isAutomaticRestart, limitOf, onTheirWay } from './restarts-state.ts';
import { isWanted } from './wanted-state.ts';

export type Gate =
  | { readonly is: 'free' }
  /** `untilMs` is Infinity where no clock ends it: the end of a canary, say. */
  | { readonly is: 'held'; readonly by: 'breaker_open' | 'restart_limit' | 'backoff'; readonly which: string; readonly untilMs: number };

/** When back-off alone would let it start. */
export function dueAtMs(engine: EngineState): number {
  return engine.phase.is === 'backoff' ? engine.phase.dueMs : Number.POSITIVE_INFINITY;
}

/** The gates of one moment. Starts that they let go do not change them: who leaves the limiter's queue has its place on the way to the spawn. */
export interface Gates {
  readonly nowMs: number;
  /** For a wanted engine in back-off. */
  of(engine: EngineState): Gate;
}

export function gatesAt(state: PoolState, nowMs: number): Gates {
  let queue: { readonly places: Map<number, number>; readonly onTheirWay: number } | null = null;
  const limited = (engine: EngineState): number => {
    queue ??= { places: limiterQueue(state, nowMs), onTheirWay: onTheirWay(state) };
    // One that is not due yet comes behind all that are.
    const waiting = queue.places.get(engine.replica) ?? queue.places.size;
    return freeAtMs(state.restarts, limitOf(state), { nowMs, ahead: queue.onTheirWay + waiting });
  };
  return {
    nowMs,
    of(engine) {
      if (engine.phase.is !== 'backoff') return { is: 'held', by: 'backoff', which: '', untilMs: Number.POSITIVE_INFINITY };
      const breaker = breakerGate(state, engine);
      if (breaker !== null) return breaker;
      const { cause, dueMs } = engine.phase;
      if (isAutomaticRestart(cause)) {
        const freeMs = limited(engine);
        if (freeMs > nowMs && freeMs >= dueMs) return { is: 'held', by: 'restart_limit', which: '', untilMs: freeMs };
      }
      return dueMs > nowMs ? { is: 'held', by: 'backoff', which: '', untilMs: dueMs } : { is: 'free' };
    },
  };
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

/** Replica → how many restarts that are due now were due before it. */
function limiterQueue(state: PoolState, nowMs: number): Map<number, number> {
  const due = state.engines.filter(
    (engine) =>
      engine.phase.is === 'backoff' &&
      engine.phase.dueMs <= nowMs &&
      isAutomaticRestart(engine.phase.cause) &&
      isWanted(state, engine) &&
      breakerGate(state, engine) === null,
  );
  const ordered = due.toSorted((one, other) => dueAtMs(one) - dueAtMs(other) || one.replica - other.replica);
  return new Map(ordered.map((engine, index) => [engine.replica, index]));
}
